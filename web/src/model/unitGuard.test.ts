import { expect, it } from "vitest";
import { readDashboard } from "./dashboard";
import { guardUnit } from "./unitGuard";

function guarded(unit: string | undefined, ...exprs: string[]): string {
  const targets = exprs.map((expr) => ({ expr }));
  const panel = readDashboard({ panels: [{ type: "timeseries", targets }] }).panels[0];
  return panel ? guardUnit(panel, unit).unit : "";
}

it.each([
  ["bytes", "DCGM_FI_DEV_FB_USED", "mbytes"],
  ["bytes", "sum by (instance) (DCGM_FI_DEV_FB_USED{gpu=~\"0|1\"})", "mbytes"],
  ["bytes", "DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE", "mbytes"],
  ["bytes", "max_over_time(DCGM_FI_DEV_FB_USED[5m])", "mbytes"],
  ["bytes", "DCGM_FI_DEV_FB_USED * 1048576", "bytes"],
  ["bytes", "DCGM_FI_DEV_FB_USED * 1024 * 1024", "bytes"],
  ["bytes", "DCGM_FI_DEV_FB_USED / DCGM_FI_DEV_FB_TOTAL", "bytes"],
  ["bytes", "node_memory_MemTotal_bytes", "bytes"],
  ["mbytes", "DCGM_FI_DEV_FB_USED", "mbytes"],
  ["percent", "DCGM_FI_DEV_FB_USED", "percent"],
  ["bytes", "DCGM_FI_DEV_FB_USED_PERCENT", "bytes"],
])("%s of %s is shown as %s", (unit, expr, shown) => expect(guarded(unit, expr)).toBe(shown));

it("needs every query to be in MiB", () => {
  expect(guarded("bytes", "DCGM_FI_DEV_FB_USED", "node_memory_MemTotal_bytes")).toBe("bytes");
  expect(guarded("bytes")).toBe("bytes");
  expect(guarded(undefined, "DCGM_FI_DEV_FB_USED")).toBe("");
});

it("says why", () => {
  const panel = readDashboard({ panels: [{ targets: [{ expr: "DCGM_FI_DEV_FB_FREE" }] }] }).panels[0];
  expect(panel && guardUnit(panel, "bytes").note).toMatch(/MiB/);
});
