import type uPlot from "uplot";
import { stack } from "../model/frames";
import { formatValue } from "../model/units";
import type { ChartData } from "./chartData";

const TRAILING_ZEROS = /(\d)\.0+(?=\D|$)|(\.\d*?[1-9])0+(?=\D|$)/;

/** Axis text: the unit's format without the zeros that only the table needs. */
export function tickText(value: number, unit: string, decimals?: number): string {
  return formatValue(value, unit, decimals).replace(TRAILING_ZEROS, "$1$2").trim();
}

/** Columns as drawn: stacked where the panel says so. */
export function drawnData(data: ChartData, visible: readonly boolean[]): { columns: uPlot.AlignedData; bands: uPlot.Band[] } {
  const columns = data.series.map((series) => series.values);
  const bands: uPlot.Band[] = [];
  const members = data.series.map((series, i) => ({ mode: series.style.stacking, i })).filter(({ mode, i }) => mode !== "none" && visible[i]);
  if (members.length > 0) {
    const percent = members.some(({ mode }) => mode === "percent");
    const stacked = stack(members.map(({ i }) => columns[i] ?? []), percent);
    members.forEach(({ i }, at) => {
      columns[i] = stacked[at] ?? [];
      const below = members[at - 1];
      if (below) bands.push({ series: [i + 1, below.i + 1] });
    });
  }
  return { columns: [data.axis, ...columns] as uPlot.AlignedData, bands };
}
