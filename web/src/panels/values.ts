import type { Panel } from "../model/dashboard";
import { defaultStyle, mapValue, styleOf, valueColor, type FieldStyle } from "../model/fieldConfig";
import { parseSample, reduce, type Column } from "../model/frames";
import { compactNames, seriesNames, type Labels } from "../model/legend";
import { asList, asObject } from "../model/json";
import { resolveColor, type Scheme } from "../model/palette";
import { formatValue } from "../model/units";
import type { PanelAnswer } from "./usePanelData";

/** One reduced value of a stat, gauge or bar gauge. */
export interface ReducedValue {
  name: string;
  value: number | null;
  text: string;
  color: string;
  style: FieldStyle;
  history: Column;
}

const MAX_VALUES = 60;

function nameAll(labels: Labels[], legendFormat: string | undefined, expr: string): string[] {
  return legendFormat ? seriesNames(labels, legendFormat, expr) : compactNames(labels, expr);
}

/** Reduces every series of the answer to one value, as the panel's options say. */
export function reducedValues(panel: Panel, answer: PanelAnswer, unit: string, scheme: Scheme): ReducedValue[] {
  const calc = asList(asObject(panel.options.reduceOptions).calcs).find((item) => typeof item === "string") ?? "lastNotNull";
  const raw: { name: string; refId: string; history: Column }[] = [];
  for (const part of answer.range) {
    const names = nameAll(part.series.map((item) => item.metric), part.legendFormat, part.expr);
    part.series.forEach((item, i) => raw.push({ name: names[i] ?? "", refId: part.refId, history: (item.values ?? []).map(([, text]) => parseSample(text)) }));
  }
  for (const part of answer.instant) {
    const names = nameAll(part.series.map((item) => item.metric), part.legendFormat, part.expr);
    part.series.forEach((item, i) => raw.push({ name: names[i] ?? "", refId: part.refId, history: item.value ? [parseSample(item.value[1])] : [] }));
  }
  return raw.slice(0, MAX_VALUES).map(({ name, refId, history }, index) => {
    const style = styleOf(panel, name, refId);
    const value = reduce(history, calc);
    const mapped = mapValue(style.mappings, value);
    const own = style.unit !== undefined && style.unit !== defaultStyle(panel).unit ? style.unit : unit;
    return {
      name: style.displayName ?? name, value, style, history,
      text: mapped?.text ?? (value === null ? (style.noValue ?? "No data") : formatValue(value, calc === "count" ? "none" : own, style.decimals)),
      color: mapped?.color ? resolveColor(mapped.color, scheme) : valueColor(style, value, scheme, index),
    };
  });
}
