import { expect, it } from "vitest";
import { pickSeries } from "./pickSeries";

const keys = ["a", "b", "c"];
const pick = (hidden: string[], index: number, toggle: boolean) => [...pickSeries(keys, new Set(hidden), index, toggle)].sort();

it("a click isolates a series, and a second one brings all back", () => {
  expect(pick([], 1, false)).toEqual(["a", "c"]);
  expect(pick(["a", "c"], 1, false)).toEqual([]);
  expect(pick(["a", "c"], 0, false)).toEqual(["b", "c"]);
});

it("a click with ctrl hides or shows one", () => {
  expect(pick([], 2, true)).toEqual(["c"]);
  expect(pick(["c"], 2, true)).toEqual([]);
});
