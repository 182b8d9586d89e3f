// The part of Grafana's dashboard JSON that is drawn, read from untrusted JSON: everything unknown or of a wrong
// type is left out, and a panel that cannot be understood still has a title, a type and a place.

import { asList, asNumber, asObject, asText, isObject, type Json } from "./json";
import { migratePanel, migrateRows } from "./migrate";

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  interval?: string;
  intervalFactor?: number;
  instant: boolean;
  hide: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: GridPos;
  targets: Target[];
  interval?: string;
  maxDataPoints?: number;
  collapsed: boolean;
  panels: Panel[];
  defaults: Json;
  overrides: { matcher: { id: string; options: unknown }; properties: { id: string; value: unknown }[] }[];
  options: Json;
}

export interface VariableModel {
  name: string;
  type: string;
  label: string;
  query: string;
  regex: string;
  options: string[];
  multi: boolean;
  includeAll: boolean;
  allValue?: string;
  hide: boolean;
  sort: number;
  current?: string | string[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  tags: string[];
  panels: Panel[];
  time: { from: string; to: string };
  refresh: string;
  graphTooltip: number;
  variables: VariableModel[];
}

/** Bound on what one dashboard may ask the browser to draw. */
const MAX_PANELS = 500;

/** Reads the dashboard, whether bare or wrapped in {"dashboard": ...}. */
export function readDashboard(input: unknown): Dashboard {
  const outer = asObject(input);
  const json = isObject(outer.dashboard) ? outer.dashboard : outer;
  const time = asObject(json.time);
  const source = Array.isArray(json.rows) && !Array.isArray(json.panels) ? migrateRows(json.rows) : asList(json.panels);
  return {
    uid: asText(json.uid) ?? "",
    title: asText(json.title) ?? "Untitled dashboard",
    description: asText(json.description),
    tags: asList(json.tags).filter((tag) => typeof tag === "string"),
    panels: readPanels(source),
    time: { from: asText(time.from) ?? "now-6h", to: asText(time.to) ?? "now" },
    refresh: asText(json.refresh) ?? "",
    graphTooltip: asNumber(json.graphTooltip) ?? 0,
    variables: asList(asObject(json.templating).list).filter(isObject).map(readVariable).filter((item) => item.name !== ""),
  };
}

function readPanels(list: readonly unknown[]): Panel[] {
  return list.filter(isObject).slice(0, MAX_PANELS).map((json, index) => readPanel(migratePanel(json), index));
}

function readPanel(json: Json, index: number): Panel {
  const fieldConfig = asObject(json.fieldConfig);
  return {
    id: asNumber(json.id) ?? 100_000 + index,
    type: asText(json.type) ?? "unknown",
    title: asText(json.title) ?? "",
    description: asText(json.description),
    gridPos: readGridPos(json, index),
    targets: asList(json.targets).filter(isObject).map(readTarget).filter((target) => target.expr !== ""),
    interval: asText(json.interval),
    maxDataPoints: asNumber(json.maxDataPoints),
    collapsed: json.collapsed === true,
    panels: json.type === "row" ? readPanels(asList(json.panels)) : [],
    defaults: asObject(fieldConfig.defaults),
    overrides: asList(fieldConfig.overrides).filter(isObject).map(readOverride),
    options: asObject(json.options),
  };
}

function readGridPos(json: Json, index: number): GridPos {
  const pos = asObject(json.gridPos);
  const fallback = json.type === "row" ? { w: 24, h: 1 } : { w: 12, h: 8 };
  const w = Math.min(24, Math.max(1, Math.round(asNumber(pos.w) ?? fallback.w)));
  const x = Math.min(24 - w, Math.max(0, Math.round(asNumber(pos.x) ?? (index % 2) * 12)));
  const y = Math.min(100_000, Math.max(0, Math.round(asNumber(pos.y) ?? Math.floor(index / 2) * 8)));
  return { x, y, w, h: Math.min(100, Math.max(1, Math.round(asNumber(pos.h) ?? fallback.h))) };
}

function readTarget(json: Json, index: number): Target {
  return {
    refId: asText(json.refId) ?? String.fromCharCode(65 + (index % 26)),
    expr: (asText(json.expr) ?? "").trim(),
    legendFormat: asText(json.legendFormat),
    interval: asText(json.interval),
    intervalFactor: asNumber(json.intervalFactor),
    instant: json.instant === true && json.range !== true,
    hide: json.hide === true,
  };
}

function readOverride(json: Json): Panel["overrides"][number] {
  const matcher = asObject(json.matcher);
  const properties = asList(json.properties).filter(isObject).map((item) => ({ id: asText(item.id) ?? "", value: item.value }));
  return { matcher: { id: asText(matcher.id) ?? "", options: matcher.options }, properties };
}

function readVariable(json: Json): VariableModel {
  const query = isObject(json.query) ? asText(json.query.query) : asText(json.query);
  const current = asObject(json.current).value;
  return {
    name: asText(json.name) ?? "",
    type: asText(json.type) ?? "",
    label: asText(json.label) ?? asText(json.name) ?? "",
    query: query ?? asText(json.definition) ?? "",
    regex: asText(json.regex) ?? "",
    options: asList(json.options).map((item) => asText(asObject(item).value)).filter((item) => item !== undefined),
    multi: json.multi === true,
    includeAll: json.includeAll === true,
    allValue: asText(json.allValue),
    hide: json.hide === 2 || json.hide === "hideVariable",
    sort: asNumber(json.sort) ?? 0,
    current: Array.isArray(current) ? current.filter((item) => typeof item === "string") : asText(current),
  };
}
