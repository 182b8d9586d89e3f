import { existsSync, readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readDashboard } from "./dashboard";
import { parseTolerantJson } from "./tolerantJson";

const shared = resolve(import.meta.dirname, "../../../../shared");

describe("readDashboard", () => {
  it("fills in what the guide's JSON leaves out", () => {
    const board = readDashboard({
      title: "GPU Monitoring", uid: "gpu-monitoring", refresh: "5s", time: { from: "now-6h", to: "now" },
      panels: [{ title: "A", type: "timeseries", gridPos: { x: 0, y: 0, w: 12, h: 8 }, datasource: "Prometheus", targets: [{ expr: "up", refId: "A" }] }],
    });
    expect(board).toMatchObject({ uid: "gpu-monitoring", refresh: "5s", graphTooltip: 0 });
    expect(board.panels[0]).toMatchObject({ type: "timeseries", targets: [{ expr: "up", instant: false }] });
  });
  it.each([null, 5, "x", [], { panels: "no" }, { panels: [null, 3, { gridPos: "?" }] }])("survives %j", (input) => {
    expect(readDashboard(input).title).toBe("Untitled dashboard");
  });
  it("keeps panels on the grid", () => {
    const [panel] = readDashboard({ panels: [{ gridPos: { x: 99, y: -4, w: 80, h: 1e9 } }] }).panels;
    expect(panel?.gridPos).toEqual({ x: 0, y: 0, w: 24, h: 100 });
  });
  it("lays out old rows", () => {
    const board = readDashboard({ rows: [{ height: "250px", panels: [{ type: "graph", span: 6 }, { type: "singlestat", span: 6 }, { type: "text", span: 12 }] }] });
    expect(board.panels.map((panel) => panel.gridPos)).toEqual([
      { x: 0, y: 0, w: 12, h: 7 }, { x: 12, y: 0, w: 12, h: 7 }, { x: 0, y: 7, w: 24, h: 7 },
    ]);
    expect(board.panels.map((panel) => panel.type)).toEqual(["timeseries", "stat", "text"]);
  });
  it("reads query variables of both forms", () => {
    const list = [{ name: "a", type: "query", query: "label_values(up, job)" }, { name: "b", type: "query", query: { query: "label_names()", refId: "x" } }];
    expect(readDashboard({ templating: { list } }).variables.map((item) => item.query)).toEqual(["label_values(up, job)", "label_names()"]);
  });
});

const folder = resolve(shared, "dashboards");
describe.skipIf(!existsSync(folder))("dashboards of other projects", () => {
  it("are read with panels and expressions", () => {
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
      const board = readDashboard(parseTolerantJson(readFileSync(resolve(folder, file), "utf8")));
      const panels = board.panels.flatMap((panel) => [panel, ...panel.panels]);
      expect(panels.length, file).toBeGreaterThan(3);
      expect(panels.filter((panel) => panel.targets.length > 0).length, file).toBeGreaterThan(2);
      expect(panels.some((panel) => panel.type === "graph"), file).toBe(false);
    }
  });
});

const guide = resolve(shared, "reference/guide.md");
describe.skipIf(!existsSync(guide))("the guide's dashboards", () => {
  it("are read with their comments", () => {
    const blocks = [...readFileSync(guide, "utf8").matchAll(/```json\n([\s\S]*?)```/g)].map((match) => readDashboard(parseTolerantJson(match[1] ?? "")));
    expect(blocks.map((board) => [board.uid, board.panels.length])).toEqual([["gpu-monitoring", 2], ["node-metrics", 2]]);
  });
});
