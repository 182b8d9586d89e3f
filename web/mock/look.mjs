// Opens every page in both themes and two sizes, writes screenshots, and fails when the browser reports an error or
// a violation of the content security policy. node mock/look.mjs FOLDER [base address]; needs a Chromium.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const folder = process.argv[2] ?? "shots";
const base = process.argv[3] ?? "http://127.0.0.1:3900";
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const PAGES = {
  list: ["/dashboards", "[data-testid=dashboard-list] a"],
  gpu: ["/d/gpu-monitoring", "[data-testid=panel-canvas]"],
  node: ["/d/node-metrics", "[data-testid=panel-canvas]"],
  zoo: ["/d/zoo", "[data-testid=panel-canvas]"],
  explore: ["/explore?expr=DCGM_FI_DEV_GPU_TEMP", "[data-testid=panel-canvas]"],
  table: ["/explore?expr=up&tab=table", "[data-testid=explore-table]"],
  targets: ["/targets", "[data-testid=targets-table] section"],
};

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const browser = await chromium.launch({ executablePath, args });
const problems = [];
mkdirSync(folder, { recursive: true });

async function login(page) {
  await page.goto(`${base}/targets?x=1`);
  await page.getByTestId("login-user").waitFor();
  await page.screenshot({ path: join(folder, `login-${page.look}.png`) });
  await page.getByTestId("login-user").fill("admin");
  await page.getByTestId("login-password").fill("wrong");
  await page.getByTestId("login-submit").click();
  await page.getByTestId("login-error").waitFor();
  await page.getByTestId("login-password").fill(process.env.LOOK_PASSWORD ?? "admin");
  await page.getByTestId("login-submit").click();
  await page.waitForURL("**/targets?x=1");
}

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    page.look = `${colorScheme}-${size}`;
    const expected = /status of 40[01]/;
    page.on("console", (message) => message.type() === "error" && !expected.test(message.text()) && problems.push(`${page.look} ${page.url()}: ${message.text()}`));
    page.on("pageerror", (error) => problems.push(`${page.look} ${page.url()}: ${error.message}`));
    await login(page);
    for (const [name, [path, ready]] of Object.entries(PAGES)) {
      await page.goto(base + path);
      await page.locator(ready).first().waitFor({ timeout: 15000 });
      await page.waitForTimeout(700);
      await page.screenshot({ path: join(folder, `${name}-${page.look}.png`) });
    }
    await context.close();
  }
}
await browser.close();
for (const problem of problems) console.error(problem);
console.log(`${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
