// The whole product in a browser: log in, open the guide's two dashboards, Explore and Targets; lines are drawn, and the
// console stays silent. Keeps screenshots in build/screenshots (SCREENSHOTS names another place).
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(join(root, 'web/package.json'));
const chromePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
if (!chromePath || !existsSync(join(root, 'web/dist/index.html'))) {
  console.log('skipped: needs chromium and the built web UI');
  process.exit(77);
}
const { chromium } = require('playwright-core');
const shots = process.env.SCREENSHOTS ?? join(root, 'build/screenshots');
const password = 'browser-test-password';
mkdirSync(shots, { recursive: true });

function freePort() {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function until(what, condition, seconds = 40) {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    if (await condition()) return;
    await new Promise((r) => setTimeout(r, 100));
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

async function startStack(dir) {
  const [agentPort, apiPort, uiPort] = [await freePort(), await freePort(), await freePort()];
  const config = join(dir, 'prometheus.yml');
  writeFileSync(config, `global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: node_exporter
  static_configs: [{targets: ['127.0.0.1:${agentPort}']}]
- job_name: closed
  static_configs: [{targets: ['127.0.0.1:1']}]
`);
  const start = (program, ...args) =>
    spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'],
                           env: { ...process.env, GRAFANA_ADMIN_PASSWORD: password } });
  const agent = start(process.env.SLURMSCOPE_AGENT, `--web.listen-address=127.0.0.1:${agentPort}`, '--log.level=warn');
  const server = start(process.env.SLURMSCOPE, 'serve', `--config.file=${config}`, '--log.level=error',
    `--storage.tsdb.path=${join(dir, 'data')}`, `--web.listen-address=127.0.0.1:${apiPort}`,
    `--ui.listen-address=127.0.0.1:${uiPort}`, `--ui.state-path=${join(dir, 'ui')}`,
    `--ui.dashboards-path=${join(root, 'deploy/dashboards')}`);
  const api = `http://127.0.0.1:${apiPort}`;
  await until('samples', async () => {
    try {
      const reply = await fetch(`${api}/api/v1/query?query=count_over_time(node_load1[1m])`);
      return Number((await reply.json()).data.result[0]?.value[1] ?? 0) >= 4;
    } catch {
      return false;
    }
  });
  return { url: `http://127.0.0.1:${uiPort}`, stop: () => [agent, server].forEach((p) => p.kill('SIGTERM')) };
}

async function logIn(page, url) {
  await page.goto(`${url}/d/node-metrics`);
  await page.getByTestId('login-user').fill('admin');
  await page.getByTestId('login-password').fill('wrong');
  await page.getByTestId('login-submit').click();
  await page.getByText('Invalid username or password').waitFor();
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
  await page.waitForURL((target) => target.pathname === '/d/node-metrics');  // where one wanted to go
}

// True when a panel's canvas holds pixels of more than one colour.
const hasInk = (canvas) => canvas.evaluate((element) => {
  const pixels = element.getContext('2d').getImageData(0, 0, element.width, element.height).data;
  const colours = new Set();
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] > 0) colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
  }
  return colours.size > 3;
});

async function expectLines(page, title) {
  const panel = page.getByTestId(`panel-${title}`);
  await panel.waitFor();
  await until(`lines in "${title}"`, async () =>
    Number(await panel.locator('[data-series-count]').first().getAttribute('data-series-count').catch(() => 0)) >= 1);
  const canvas = panel.locator('canvas').first();
  await until(`ink in "${title}"`, () => hasInk(canvas));
}

const dir = mkdtempSync(join(tmpdir(), 'slurmscope-browser-'));
const stack = await startStack(dir);
let browser;
let page;
try {
  browser = await chromium.launch({
    executablePath: chromePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  const problems = [];
  page.on('console', (message) => {
    // The one failed login is part of the test; browsers print every 401.
    const expected = /401|Unauthorized/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !expected) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));

  await logIn(page, stack.url);
  await page.goto(`${stack.url}/d/node-metrics?from=now-5m&to=now`);
  await expectLines(page, 'CPU Usage');
  await expectLines(page, 'Memory Usage');
  await page.screenshot({ path: join(shots, 'node-metrics-dark.png') });

  // Drag over a part of the first chart zooms into it.
  const before = page.url();
  const box = await page.getByTestId('panel-CPU Usage').locator('canvas').first().boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.4);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.4, { steps: 5 });
  await page.mouse.up();
  await until('zoom', () => page.url() !== before, 10);

  await page.goto(`${stack.url}/d/gpu-monitoring`);
  await page.getByTestId('panel-GPU Utilization').waitFor();
  await page.getByTestId('panel-GPU Utilization').getByTestId('panel-nodata').waitFor();  // no GPU here: it says so
  await page.getByTestId('panel-GPU Memory Usage').getByTestId('panel-note').waitFor();   // MiB, not bytes
  await page.screenshot({ path: join(shots, 'gpu-monitoring-dark.png') });

  await page.goto(`${stack.url}/explore?expr=${encodeURIComponent('rate(node_cpu_seconds_total[1m])')}`);
  await page.getByTestId('explore-run').click();
  await until('Explore draws', async () => (await page.locator('canvas').count()) > 0 &&
    hasInk(page.locator('canvas').first()));
  await page.screenshot({ path: join(shots, 'explore-dark.png') });

  await page.goto(`${stack.url}/targets`);
  await page.getByTestId('targets-table').first().waitFor();
  await page.getByText('connection refused').first().waitFor();
  await page.screenshot({ path: join(shots, 'targets-dark.png') });

  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${stack.url}/d/node-metrics?from=now-5m&to=now`);
  await expectLines(page, 'CPU Usage');
  await page.screenshot({ path: join(shots, 'node-metrics-light.png') });
  await page.goto(`${stack.url}/`);
  await page.getByTestId('dashboard-list').waitFor();
  await page.screenshot({ path: join(shots, 'dashboards-light.png') });

  assert.deepEqual(problems, []);
  console.log(`browser: all pages drawn, console silent; screenshots in ${shots}`);
} catch (error) {
  await page?.screenshot({ path: join(shots, 'failed.png') });
  console.log(`browser: failed at ${page?.url()}; see ${join(shots, 'failed.png')}`);
  throw error;
} finally {
  await browser?.close();
  stack.stop();
  rmSync(dir, { recursive: true, force: true });
}
