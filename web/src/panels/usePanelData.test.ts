import { expect, it } from "vitest";
import { readDashboard } from "../model/dashboard";
import { panelRequests } from "./usePanelData";

const range = { from: 1_700_000_000_000, to: 1_700_000_000_000 + 6 * 36e5 };

it("fills in macros and variables, and leaves hidden targets out", () => {
  const panel = readDashboard({ panels: [{ type: "timeseries", targets: [
    { refId: "A", expr: 'rate(x{n="$node"}[$__rate_interval])', legendFormat: "{{gpu}} $node" },
    { refId: "B", expr: "y[$__interval]", interval: "2m", instant: true }, { refId: "C", expr: "z", hide: true },
  ] }] }).panels[0]!;
  const requests = panelRequests(panel, range, { node: { value: "n1" } }, 650);
  expect(requests.map(({ expr, instant, step }) => [expr, instant, step.stepMs])).toEqual([
    ['rate(x{n="n1"}[1m])', false, 30_000], ["y[2m]", false, 120_000],
  ]);
  expect(requests[0]?.legendFormat).toBe("{{gpu}} n1");
});

it("asks for one point in time when a table wants that", () => {
  const panel = readDashboard({ panels: [{ type: "table", targets: [{ expr: "up", instant: true }] }] }).panels[0]!;
  expect(panelRequests(panel, range, {}, 650)[0]?.instant).toBe(true);
});
