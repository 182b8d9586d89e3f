// Query answers brought onto one time axis, as the chart wants them.

import type { Labels } from "./legend";

/** One series of a range answer: [seconds, text] pairs as Prometheus sends them. */
export interface RangeSeries {
  metric: Labels;
  values?: readonly (readonly [number, string])[];
}

/** Values of a column: null is a gap, undefined is a time the series was not asked for. */
export type Column = (number | null | undefined)[];

/** Prometheus' spelling of a number. */
export function parseSample(text: string): number {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return text === "NaN" ? NaN : Number(text);
}

/** A query's grid in seconds. */
export interface Grid {
  start: number;
  end: number;
  step: number;
}

/** All points of all grids, sorted, each once. */
export function timeAxis(grids: readonly Grid[]): number[] {
  const times = new Set<number>();
  const seen = new Set<string>();
  for (const grid of grids) {
    const key = `${grid.start} ${grid.end} ${grid.step}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const count = Math.floor((grid.end - grid.start) / grid.step + 1e-9);
    for (let i = 0; i <= count; i++) times.add(Math.round((grid.start + i * grid.step) * 1000) / 1000);
  }
  return [...times].sort((a, b) => a - b);
}

/** Puts a series on the axis. Points on its own grid without a sample are gaps. */
export function toColumn(series: RangeSeries, grid: Grid, axis: readonly number[], position: ReadonlyMap<number, number>): Column {
  const column: Column = new Array<undefined>(axis.length).fill(undefined);
  const count = Math.floor((grid.end - grid.start) / grid.step + 1e-9);
  for (let i = 0; i <= count; i++) {
    const at = position.get(Math.round((grid.start + i * grid.step) * 1000) / 1000);
    if (at !== undefined) column[at] = null;
  }
  for (const [time, text] of series.values ?? []) {
    const at = position.get(Math.round(time * 1000) / 1000);
    const value = parseSample(text);
    if (at !== undefined && Number.isFinite(value)) column[at] = value;
  }
  return column;
}

/** Grafana's reducers over a column; null when there is no value. */
export function reduce(column: Column, calc: string): number | null {
  const values = column.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  if (values.length === 0) return calc === "count" ? 0 : null;
  const sum = () => values.reduce((total, value) => total + value, 0);
  const [first = 0, last = 0] = [values[0], values.at(-1)];
  switch (calc) {
    case "min":
      return values.reduce((least, value) => Math.min(least, value));
    case "max":
      return values.reduce((most, value) => Math.max(most, value));
    case "mean":
      return sum() / values.length;
    case "sum":
      return sum();
    case "count":
      return values.length;
    case "first":
    case "firstNotNull":
      return first;
    case "range":
      return values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
    case "delta":
    case "diff":
      return last - first;
    default:
      return last;
  }
}

/** Adds the columns up, one upon another; percent makes every point add up to 100. */
export function stack(columns: readonly Column[], percent: boolean): Column[] {
  const length = columns[0]?.length ?? 0;
  const totals = new Array<number>(length).fill(0);
  if (percent) for (const column of columns) column.forEach((value, i) => (totals[i] = (totals[i] ?? 0) + Math.abs(value ?? 0)));
  const below = new Array<number>(length).fill(0);
  return columns.map((column) =>
    column.map((value, i) => {
      if (value == null) return value;
      const part = percent ? (totals[i] ? (100 * value) / (totals[i] ?? 1) : 0) : value;
      below[i] = (below[i] ?? 0) + part;
      return below[i];
    }),
  );
}
