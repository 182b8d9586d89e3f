import type uPlot from "uplot";
import { stack } from "../model/frames";
import { formatValue } from "../model/units";
import type { ChartData } from "./chartData";

const TRAILING_ZEROS = /(\d)\.0+(?=\D|$)|(\.\d*?[1-9])0+(?=\D|$)/;

/** Axis text: the unit's format without the zeros that only the table needs. */
export function tickText(value: number, unit: string, decimals?: number): string {
  return formatValue(value, unit, decimals).replace(TRAILING_ZEROS, "$1$2").trim();
}

/** What the axis shows: shares of the whole where series are stacked to a hundred percent. */
export function axisUnit(data: ChartData, unit: string): string {
  return data.series.some((series) => series.style.stacking === "percent") ? "percentunit" : unit;
}

/** Columns as drawn: stacked, group by group, where the panel says so. */
export function drawnData(data: ChartData, visible: readonly boolean[]): { columns: uPlot.AlignedData; bands: uPlot.Band[] } {
  const columns = data.series.map((series) => series.values);
  const bands: uPlot.Band[] = [];
  const groups = new Map<string, number[]>();
  data.series.forEach(({ style }, i) => {
    if (style.stacking === "none" || !visible[i]) return;
    const key = `${style.stacking} ${style.stackGroup}`;
    groups.set(key, [...(groups.get(key) ?? []), i]);
  });
  for (const members of groups.values()) {
    const percent = data.series[members[0] ?? 0]?.style.stacking === "percent";
    const stacked = stack(members.map((i) => columns[i] ?? []), percent);
    members.forEach((i, at) => {
      columns[i] = stacked[at] ?? [];
      const below = members[at - 1];
      if (below !== undefined) bands.push({ series: [i + 1, below + 1] });
    });
  }
  return { columns: [data.axis, ...columns] as uPlot.AlignedData, bands };
}
