import { describe, expect, it } from "vitest";
import { readDashboard } from "../model/dashboard";
import { MAX_SERIES, buildChart } from "./chartData";
import { drawnData, tickText } from "./drawn";

const panel = readDashboard({
  panels: [{ type: "timeseries", fieldConfig: { defaults: { unit: "bytes" }, overrides: [
    { matcher: { id: "byName", options: "b" }, properties: [{ id: "unit", value: "percent" }, { id: "custom.transform", value: "negative-Y" }] },
  ] } }],
}).panels[0]!;
const grid = { start: 0, end: 30, step: 15 };
const series = (id: string, ...values: string[]) => ({ metric: { id }, values: values.map((text, i) => [i * 15, text] as [number, string]) });

describe("buildChart", () => {
  it("names, colours and scales the series", () => {
    const chart = buildChart(panel, [{ refId: "A", expr: "x", grid, legendFormat: "{{id}}", series: [series("a", "1", "2", "3"), series("b", "1")] }], "mbytes", "light");
    expect(chart.axis).toEqual([0, 15, 30]);
    expect(chart.series.map((item) => [item.name, item.unit, item.values])).toEqual([["a", "mbytes", [1, 2, 3]], ["b", "percent", [-1, null, null]]]);
    expect(chart.series[0]?.color).not.toBe(chart.series[1]?.color);
  });
  it("bounds the number of series", () => {
    const many = Array.from({ length: MAX_SERIES + 7 }, (_, i) => series(String(i), "1"));
    const chart = buildChart(panel, [{ refId: "A", expr: "x", grid, series: many }], "", "dark");
    expect([chart.series.length, chart.dropped]).toEqual([MAX_SERIES, 7]);
  });
});

describe("what is drawn", () => {
  it("write ticks without needless zeros", () => {
    expect([tickText(2.5 * 1024 ** 3, "bytes"), tickText(100, "percent"), tickText(1500, "short"), tickText(0.5, "percentunit"), tickText(90, "s")]).toEqual(["2.5 GiB", "100%", "1.5 K", "50%", "1.5 mins"]);
  });
  it("stack only what is shown", () => {
    const stackedPanel = readDashboard({ panels: [{ type: "timeseries", fieldConfig: { defaults: { custom: { stacking: { mode: "normal" } } } } }] }).panels[0]!;
    const chart = buildChart(stackedPanel, [{ refId: "A", expr: "x", grid, series: [series("a", "1"), series("b", "2"), series("c", "3")] }], "", "light");
    const drawn = drawnData(chart, [true, false, true]);
    expect([drawn.columns[1]?.[0], drawn.columns[2]?.[0], drawn.columns[3]?.[0]]).toEqual([1, 2, 4]);
    expect(drawn.bands).toEqual([{ series: [3, 1] }]);
  });
});
