import type { Panel } from "./dashboard";
import { asList, asNumber, asObject, asText, isObject, type Json } from "./json";
import { resolveColor, seriesColor, type Scheme } from "./palette";

export interface Threshold {
  value: number;
  color: string;
}

/** How one series (or value) is drawn, after the overrides that match it. */
export interface FieldStyle {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  displayName?: string;
  fixedColor?: string;
  colorMode: string;
  thresholds: Threshold[];
  thresholdMode: string;
  mappings: Json[];
  noValue?: string;
  drawStyle: "line" | "bars" | "points";
  lineWidth: number;
  fillOpacity: number;
  stacking: "none" | "normal" | "percent";
  spanNulls: boolean;
  step: "linear" | "before" | "after";
  dash?: number[];
  negativeY: boolean;
  showPoints: string;
  hidden: boolean;
  hideLegend: boolean;
  log: boolean;
  softMin?: number;
  softMax?: number;
}

/** A pattern longer than this is not tried: the browser's engine has no time limit. */
const MAX_PATTERN = 200;

function matches(matcher: { id: string; options: unknown }, name: string, refId: string): boolean {
  const option = asText(matcher.options) ?? "";
  if (matcher.id === "byName") return option === name;
  if (matcher.id === "byFrameRefID") return option === refId;
  if (matcher.id === "byNames") return asList(asObject(matcher.options).names).includes(name);
  if (matcher.id === "byRegexp") return matchesPattern(option, name);
  return false;
}

function matchesPattern(option: string, name: string): boolean {
  const slashed = /^\/(.*)\/([gimsuy]*)$/s.exec(option);
  const source = slashed?.[1] ?? option;
  // Nested repetition is what makes a backtracking engine run for ever.
  if (source.length > MAX_PATTERN || /[+*}]\)?[+*{]/.test(source)) return false;
  try {
    return new RegExp(source, slashed?.[2]?.replace(/[gy]/g, "")).test(name);
  } catch {
    return false;
  }
}

function setPath(target: Json, path: string, value: unknown): void {
  const keys = path.split(".");
  if (keys.some((key) => key === "__proto__" || key === "constructor" || key === "prototype")) return;
  const last = keys.pop() ?? "";
  let at = target;
  for (const key of keys) {
    at[key] = { ...asObject(at[key]) };
    at = asObject(at[key]);
  }
  at[last] = value;
}

/** Applies the panel's overrides to its defaults for the series of this name. */
export function styleOf(panel: Panel, name: string, refId: string): FieldStyle {
  const config: Json = { ...panel.defaults };
  for (const override of panel.overrides) {
    if (!matches(override.matcher, name, refId)) continue;
    for (const property of override.properties) setPath(config, property.id, property.value);
  }
  return readStyle(config);
}

/** The panel's defaults without any override. */
export function defaultStyle(panel: Panel): FieldStyle {
  return readStyle(panel.defaults);
}

function readStyle(config: Json): FieldStyle {
  const custom = asObject(config.custom);
  const color = asObject(config.color);
  const thresholds = asObject(config.thresholds);
  const stacking = asText(asObject(custom.stacking).mode);
  const line = asObject(custom.lineStyle);
  const interpolation = asText(custom.lineInterpolation);
  const drawStyle = asText(custom.drawStyle);
  const hideFrom = asObject(custom.hideFrom);
  return {
    unit: asText(config.unit),
    decimals: asNumber(config.decimals),
    min: asNumber(config.min),
    max: asNumber(config.max),
    displayName: asText(config.displayName),
    fixedColor: color.mode === "fixed" || color.mode === "shades" ? asText(color.fixedColor) : undefined,
    colorMode: asText(color.mode) ?? "palette-classic",
    thresholds: asList(thresholds.steps).filter(isObject).map((step) => ({
      value: asNumber(step.value) ?? -Infinity, color: asText(step.color) ?? "green",
    })),
    thresholdMode: asText(thresholds.mode) ?? "absolute",
    mappings: asList(config.mappings).filter(isObject),
    noValue: asText(config.noValue),
    drawStyle: drawStyle === "bars" || drawStyle === "points" ? drawStyle : "line",
    lineWidth: Math.min(10, Math.max(0, asNumber(custom.lineWidth) ?? 1.5)),
    fillOpacity: Math.min(100, Math.max(0, asNumber(custom.fillOpacity) ?? 0)),
    stacking: stacking === "normal" || stacking === "percent" ? stacking : "none",
    spanNulls: custom.spanNulls === true || typeof custom.spanNulls === "number",
    step: interpolation === "stepAfter" ? "after" : interpolation === "stepBefore" ? "before" : "linear",
    dash: line.fill === "dash" || line.fill === "dot" ? asList(line.dash).filter((item) => typeof item === "number") : undefined,
    negativeY: custom.transform === "negative-Y",
    showPoints: asText(custom.showPoints) ?? "auto",
    hidden: hideFrom.viz === true,
    hideLegend: hideFrom.legend === true,
    log: asObject(custom.scaleDistribution).type === "log",
    softMin: asNumber(custom.axisSoftMin),
    softMax: asNumber(custom.axisSoftMax),
  };
}

/** Colour of a single value: by thresholds when the panel says so, else the fixed or first palette colour. */
export function valueColor(style: FieldStyle, value: number | null, scheme: Scheme, index = 0): string {
  if (style.fixedColor) return resolveColor(style.fixedColor, scheme);
  if (style.colorMode !== "thresholds" || value === null) return seriesColor(index, scheme);
  const threshold = activeThreshold(style, value);
  return threshold ? resolveColor(threshold.color, scheme) : seriesColor(index, scheme);
}

function activeThreshold(style: FieldStyle, value: number): Threshold | undefined {
  const [min, max] = [style.min ?? 0, style.max ?? 100];
  const at = style.thresholdMode === "percentage" && max > min ? ((value - min) / (max - min)) * 100 : value;
  return style.thresholds.filter((step) => at >= step.value).at(-1);
}

/** Text of a value mapping, if one fits. */
export function mapValue(mappings: readonly Json[], value: number | null): { text?: string; color?: string } | undefined {
  for (const mapping of mappings) {
    const hit = mapOne(mapping, value);
    if (hit) return { text: asText(hit.text), color: asText(hit.color) };
  }
  return undefined;
}

function mapOne(mapping: Json, value: number | null): Json | undefined {
  const options = asObject(mapping.options);
  if (mapping.type === "value") {
    const key = String(value);
    return Object.hasOwn(options, key) ? asObject(options[key]) : undefined;
  }
  if (mapping.type === "range" && value !== null) {
    const inside = value >= (asNumber(options.from) ?? -Infinity) && value <= (asNumber(options.to) ?? Infinity);
    return inside ? asObject(options.result) : undefined;
  }
  if (mapping.type === "special") {
    const match = asText(options.match) ?? "";
    const isNull = value === null && match.startsWith("null");
    const isNan = Number.isNaN(value) && (match === "nan" || match === "null+nan");
    return isNull || isNan ? asObject(options.result) : undefined;
  }
  return undefined;
}
