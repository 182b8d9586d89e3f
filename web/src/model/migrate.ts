// Old Grafana panels brought to today's form: rows[] (schema < 16), graph, singlestat, table-old.

import { asList, asNumber, asObject, asText, isObject, type Json } from "./json";

const DEFAULT_ROW_PX = 250;
const UNIT_PX = 38;

/** Lays the panels of old rows out on the 24-column grid, left to right. */
export function migrateRows(rows: readonly unknown[]): Json[] {
  const list = rows.filter(isObject);
  const titled = list.some((row) => row.collapse === true || row.showTitle === true || row.repeat != null);
  const panels: Json[] = [];
  let y = 0;
  for (const row of list) {
    const height = rowUnits(row.height);
    const collapsed = row.collapse === true;
    const header: Json = { type: "row", title: row.title, collapsed, gridPos: { x: 0, y, w: 24, h: 1 } };
    if (titled) {
      panels.push(header);
      y += 1;
    }
    const placed = placeRow(asList(row.panels).filter(isObject), y, height);
    if (collapsed) {
      header.panels = placed.panels;
      continue;
    }
    panels.push(...placed.panels);
    y = placed.bottom;
  }
  return panels;
}

function rowUnits(height: unknown): number {
  const px = typeof height === "string" ? parseFloat(height) : asNumber(height);
  return Math.ceil(Math.max(Number.isFinite(px) ? (px ?? 0) : DEFAULT_ROW_PX, 90) / UNIT_PX);
}

function placeRow(panels: Json[], top: number, h: number): { panels: Json[]; bottom: number } {
  let x = 0;
  let y = top;
  const placed = panels.map((panel) => {
    const w = Math.min(24, Math.max(1, Math.floor((asNumber(panel.span) ?? 4) * 2)));
    if (x + w > 24) {
      x = 0;
      y += h;
    }
    const gridPos = { x, y, w, h };
    x += w;
    return { ...panel, gridPos };
  });
  return { panels: placed, bottom: panels.length === 0 ? y : y + h };
}

/** Brings one panel to a type that is drawn today; other panels come back as they are. */
export function migratePanel(panel: Json): Json {
  if (panel.type === "graph") return migrateGraph(panel);
  if (panel.type === "singlestat" || panel.type === "grafana-singlestat-panel") return migrateSinglestat(panel);
  if (panel.type === "table-old") return { ...panel, type: "table" };
  return panel;
}

function migrateGraph(panel: Json): Json {
  const axis = asObject(asList(panel.yaxes)[0]);
  const legend = asObject(panel.legend);
  const drawStyle = panel.bars === true ? "bars" : panel.lines === false && panel.points === true ? "points" : "line";
  const calcs = [["current", "lastNotNull"], ["avg", "mean"], ["max", "max"], ["min", "min"], ["total", "sum"]]
    .filter(([old]) => legend[old ?? ""] === true)
    .map(([, calc]) => calc);
  return {
    ...panel,
    type: "timeseries",
    fieldConfig: {
      defaults: {
        unit: asText(axis.format),
        min: asNumber(axis.min),
        max: asNumber(axis.max),
        decimals: asNumber(panel.decimals),
        custom: {
          drawStyle,
          lineWidth: asNumber(panel.linewidth) ?? 1,
          fillOpacity: (asNumber(panel.fill) ?? 1) * 10,
          spanNulls: panel.nullPointMode === "connected",
          stacking: { mode: panel.stack === true ? (panel.percentage === true ? "percent" : "normal") : "none" },
          showPoints: panel.points === true ? "always" : "never",
          lineInterpolation: panel.steppedLine === true ? "stepAfter" : "linear",
        },
      },
      overrides: asList(panel.seriesOverrides).filter(isObject).map(seriesOverride),
    },
    options: {
      legend: { displayMode: legend.alignAsTable === true ? "table" : "list", showLegend: legend.show !== false, calcs },
    },
  };
}

function seriesOverride(json: Json): Json {
  const alias = asText(json.alias) ?? "";
  const properties: Json[] = [];
  if (typeof json.color === "string") properties.push({ id: "color", value: { mode: "fixed", fixedColor: json.color } });
  if (json.transform === "negative-Y") properties.push({ id: "custom.transform", value: "negative-Y" });
  const isPattern = alias.length > 1 && alias.startsWith("/");
  return { matcher: { id: isPattern ? "byRegexp" : "byName", options: alias }, properties };
}

const REDUCERS: Record<string, string> = { current: "lastNotNull", avg: "mean", total: "sum", min: "min", max: "max", first: "first" };

function migrateSinglestat(panel: Json): Json {
  const gauge = asObject(panel.gauge);
  const colors = asList(panel.colors).filter((color) => typeof color === "string");
  const limits = (asText(panel.thresholds) ?? "").split(",").map(Number).filter(Number.isFinite);
  const coloured = panel.colorValue === true || panel.colorBackground === true || gauge.show === true;
  const steps = colors.slice(0, limits.length + 1).map((color, index) => ({ color, value: index === 0 ? null : limits[index - 1] }));
  return {
    ...panel,
    type: gauge.show === true ? "gauge" : "stat",
    fieldConfig: {
      defaults: {
        unit: asText(panel.format),
        decimals: asNumber(panel.decimals),
        min: asNumber(gauge.minValue),
        max: asNumber(gauge.maxValue),
        thresholds: coloured ? { mode: "absolute", steps } : undefined,
        color: coloured ? { mode: "thresholds" } : undefined,
      },
      overrides: [],
    },
    options: {
      reduceOptions: { calcs: [REDUCERS[asText(panel.valueName) ?? ""] ?? "mean"] },
      graphMode: asObject(panel.sparkline).show === true ? "area" : "none",
      colorMode: panel.colorBackground === true ? "background" : "value",
    },
  };
}
