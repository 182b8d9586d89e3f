import { describe, expect, it } from "vitest";
import { readDashboard } from "./dashboard";
import { mapValue, styleOf, valueColor } from "./fieldConfig";
import { parseSample, reduce, stack, timeAxis, toColumn } from "./frames";
import { resolveColor, withAlpha } from "./palette";

describe("frames", () => {
  it("parse Prometheus' numbers", () => {
    expect([parseSample("1.5e3"), parseSample("+Inf"), parseSample("-Inf")]).toEqual([1500, Infinity, -Infinity]);
    expect(parseSample("NaN")).toBeNaN();
  });
  it("keep gaps apart from times not asked for", () => {
    const coarse = { start: 0, end: 60, step: 30 };
    const axis = timeAxis([coarse, { start: 0, end: 60, step: 15 }]);
    expect(axis).toEqual([0, 15, 30, 45, 60]);
    const position = new Map(axis.map((time, index) => [time, index]));
    const series = { metric: {}, values: [[0, "1"], [60, "NaN"]] as [number, string][] };
    expect(toColumn(series, coarse, axis, position)).toEqual([1, undefined, null, undefined, null]);
  });
  it("reduce without the gaps", () => {
    const column = [1, null, 5, undefined, 3];
    expect(["last", "min", "max", "mean", "sum", "count", "first", "range"].map((calc) => reduce(column, calc))).toEqual([3, 1, 5, 3, 9, 3, 1, 4]);
    expect(reduce([null], "mean")).toBeNull();
  });
  it("stack", () => {
    expect(stack([[1, null, 2], [3, 4, 2]], false)).toEqual([[1, null, 2], [4, 4, 4]]);
    expect(stack([[1, 0], [3, 0]], true)).toEqual([[25, 0], [100, 0]]);
  });
});

describe("field configuration", () => {
  const panel = readDashboard({
    panels: [{
      type: "timeseries",
      fieldConfig: {
        defaults: { unit: "bytes", custom: { lineWidth: 2 }, thresholds: { mode: "absolute", steps: [{ color: "green", value: null }, { color: "red", value: 80 }] }, color: { mode: "thresholds" } },
        overrides: [
          { matcher: { id: "byName", options: "a" }, properties: [{ id: "unit", value: "percent" }, { id: "custom.lineWidth", value: 5 }] },
          { matcher: { id: "byRegexp", options: "/^b.*/" }, properties: [{ id: "color", value: { mode: "fixed", fixedColor: "dark-red" } }] },
          { matcher: { id: "byRegexp", options: "(a+)+$" }, properties: [{ id: "unit", value: "evil" }] },
          { matcher: { id: "byName", options: "c" }, properties: [{ id: "__proto__.polluted", value: 1 }] },
        ],
      },
    }],
  }).panels[0]!;
  it("applies overrides to the series they name", () => {
    expect(styleOf(panel, "a", "A")).toMatchObject({ unit: "percent", lineWidth: 5 });
    expect(styleOf(panel, "bx", "A")).toMatchObject({ unit: "bytes", lineWidth: 2, fixedColor: "dark-red" });
    expect(styleOf(panel, "aaaa", "A").unit).toBe("bytes");
  });
  it("cannot reach a prototype", () => {
    styleOf(panel, "c", "A");
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
  it("colours by threshold", () => {
    const style = styleOf(panel, "a", "A");
    expect(valueColor(style, 10, "light")).toBe(resolveColor("green", "light"));
    expect(valueColor(style, 80, "light")).toBe(resolveColor("red", "light"));
  });
  it("maps values, ranges and nothing", () => {
    const mappings = [
      { type: "value", options: { "0": { text: "down" } } }, { type: "range", options: { from: 1, to: 5, result: { text: "few" } } },
      { type: "special", options: { match: "null+nan", result: { text: "n/a" } } },
    ];
    expect([0, 3, null, NaN, 9].map((value) => mapValue(mappings, value)?.text)).toEqual(["down", "few", "n/a", "n/a", undefined]);
  });
  it("reads colours safely", () => {
    expect(resolveColor("url(javascript:x)", "light")).toMatch(/^#/);
    expect(withAlpha("#112233", 0.5)).toBe("#11223380");
  });
});
