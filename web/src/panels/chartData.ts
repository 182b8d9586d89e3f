import type { Panel } from "../model/dashboard";
import { defaultStyle, styleOf, type FieldStyle } from "../model/fieldConfig";
import { timeAxis, toColumn, type Column, type Grid, type RangeSeries } from "../model/frames";
import { compactNames, formatSeries, seriesNames } from "../model/legend";
import { resolveColor, seriesColor, type Scheme } from "../model/palette";

/** One target's answer with the grid it was asked on, in seconds. */
export interface TargetAnswer {
  refId: string;
  expr: string;
  legendFormat?: string;
  grid: Grid;
  series: RangeSeries[];
}

export interface ChartSeries {
  /** Key that stays the same over refreshes. */
  key: string;
  name: string;
  /** The whole series, for a title on hover. */
  full: string;
  color: string;
  style: FieldStyle;
  /** Unit of the values, which an override may make another than the panel's. */
  unit: string;
  values: Column;
}

export interface ChartData {
  axis: number[];
  series: ChartSeries[];
  /** Series left out because the browser could not draw them all in time. */
  dropped: number;
}

/** More lines than this tell nothing and stop the browser. */
export const MAX_SERIES = 500;

/** Brings the answers of a panel's targets onto one axis, named, styled and coloured. `unit` is the panel's, corrected. */
export function buildChart(panel: Panel, answers: readonly TargetAnswer[], unit: string, scheme: Scheme): ChartData {
  const panelUnit = defaultStyle(panel).unit;
  const axis = timeAxis(answers.map((answer) => answer.grid));
  const position = new Map(axis.map((time, index) => [time, index]));
  const series: ChartSeries[] = [];
  let dropped = 0;
  for (const answer of answers) {
    const labels = answer.series.map((item) => item.metric);
    const names = answer.legendFormat ? seriesNames(labels, answer.legendFormat, answer.expr) : compactNames(labels, answer.expr);
    answer.series.forEach((item, index) => {
      if (series.length >= MAX_SERIES) {
        dropped++;
        return;
      }
      const name = names[index] ?? "";
      const style = styleOf(panel, name, answer.refId);
      const color = style.fixedColor ? resolveColor(style.fixedColor, scheme) : seriesColor(series.length, scheme);
      const values = toColumn(item, answer.grid, axis, position);
      series.push({
        key: `${answer.refId}|${formatSeries(item.metric)}`, name: style.displayName ?? name, full: formatSeries(item.metric), color, style,
        unit: style.unit !== undefined && style.unit !== panelUnit ? style.unit : unit,
        values: style.negativeY ? values.map((value) => (value == null ? value : -value)) : values,
      });
    });
  }
  return { axis, series, dropped };
}
