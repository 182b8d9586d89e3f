import uPlot from "uplot";
import { withAlpha } from "../model/palette";
import { isBinaryUnit } from "../model/units";
import type { ChartData, ChartSeries } from "./chartData";
import { tickText } from "./drawn";

/** Colours of the chart's frame, read from the page's theme. */
export interface ChartColors {
  text: string;
  grid: string;
}

interface ChartSetup {
  data: ChartData;
  visible: readonly boolean[];
  unit: string;
  width: number;
  height: number;
  colors: ChartColors;
  syncKey?: string;
  /** Range shown, in seconds; read at each draw. */
  range: () => [number, number];
  onCursor: (u: uPlot) => void;
  onZoom: (from: number, to: number) => void;
}

const BINARY_INCREMENTS = Array.from({ length: 90 }, (_, power) => 2 ** (power - 10));
function fill(series: ChartSeries, stacked: boolean): string | undefined {
  const opacity = series.style.drawStyle === "bars" && series.style.fillOpacity === 0 ? 60 : series.style.fillOpacity;
  if (opacity === 0) return stacked ? withAlpha(series.color, 0.15) : undefined;
  return withAlpha(series.color, opacity / 100);
}

function paths(series: ChartSeries): uPlot.Series.PathBuilder | undefined {
  const make = uPlot.paths;
  if (series.style.drawStyle === "bars") return make.bars?.({ size: [0.8, 40] });
  if (series.style.drawStyle === "points") return () => null;
  if (series.style.step !== "linear") return make.stepped?.({ align: series.style.step === "after" ? 1 : -1 });
  return make.linear?.();
}

function toSeries(series: ChartSeries, show: boolean, stacked: boolean): uPlot.Series {
  const bars = series.style.drawStyle === "bars";
  const never = bars || series.style.showPoints === "never";
  const points = series.style.drawStyle === "points" || series.style.showPoints === "always";
  return {
    label: series.name,
    show,
    scale: "y",
    stroke: series.color,
    width: series.style.drawStyle === "points" ? 0 : series.style.lineWidth,
    fill: fill(series, stacked),
    dash: series.style.dash,
    spanGaps: series.style.spanNulls,
    paths: paths(series),
    // A sample between two gaps has no line; it is shown as a point.
    points: never ? { show: false } : points ? { show: true, size: 5, fill: series.color } : { size: 5, fill: series.color, filter: lonePoints },
  };
}

function lonePoints(u: uPlot, index: number, show: boolean): number[] | null {
  if (show) return null;
  const values = u.data[index] ?? [];
  const present = (at: number, step: number) => {
    let i = at + step;
    while (i >= 0 && i < values.length && values[i] === undefined) i += step;
    return values[i] != null;
  };
  const lone: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] != null && !present(i, -1) && !present(i, 1)) lone.push(i);
  return lone;
}

/** Limits of the value axis: what the panel fixes, else the data with room, and zero when it is near. */
function yRange(setup: ChartSetup): uPlot.Scale.Range {
  const styles = setup.data.series.map((series) => series.style);
  const pick = (values: (number | undefined)[], best: (...all: number[]) => number) => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : best(...known);
  };
  const first = styles[0];
  const softMin = pick(styles.map((style) => style.softMin), Math.min);
  const softMax = pick(styles.map((style) => style.softMax), Math.max);
  return (_u, dataMin, dataMax) => {
    if (dataMin == null || dataMax == null || !Number.isFinite(dataMin) || !Number.isFinite(dataMax)) return [first?.min ?? 0, first?.max ?? 1];
    let low = Math.min(dataMin, softMin ?? dataMin);
    let high = Math.max(dataMax, softMax ?? dataMax);
    if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) * 0.1, high + Math.abs(high) * 0.1];
    const filled = styles.some((style) => style.fillOpacity > 0 || style.drawStyle === "bars" || style.stacking !== "none");
    if (low > 0 && (filled || low < high * 0.5)) low = 0;
    const [niceLow, niceHigh] = uPlot.rangeNum(low, high, { min: { pad: 0.06, soft: 0, mode: 1 }, max: { pad: 0.06, soft: 0, mode: 1 } });
    return [first?.min ?? niceLow ?? low, first?.max ?? niceHigh ?? high];
  };
}

function axes(setup: ChartSetup): uPlot.Axis[] {
  const decimals = setup.data.series[0]?.style.decimals;
  const common: uPlot.Axis = {
    stroke: setup.colors.text, font: "11px system-ui, sans-serif",
    grid: { stroke: setup.colors.grid, width: 1 }, ticks: { stroke: setup.colors.grid, width: 1, size: 4 },
  };
  return [
    { ...common, space: 70, gap: 4, size: 28, values: timeValues },
    {
      ...common, space: 28, gap: 5,
      size: (_u, values) => 16 + Math.max(24, ...(values ?? []).map((text) => text.length * 6.4)),
      values: (_u, splits) => splits.map((value) => (value == null ? "" : tickText(value, setup.unit, decimals))),
      ...(isBinaryUnit(setup.unit) ? { incrs: BINARY_INCREMENTS } : {}),
    },
  ];
}

const two = (part: number) => String(part).padStart(2, "0");

/** Time ticks in 24 hours; the date where a day begins. */
function timeValues(_u: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    if (midnight && step >= 1800) return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`.slice(step >= 864e5 ? 0 : 5);
    const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
    return step < 60 ? `${time}:${two(date.getSeconds())}` : time;
  });
}

/** Everything uPlot needs for the panel. */
export function chartOptions(setup: ChartSetup, bands: uPlot.Band[]): uPlot.Options {
  const log = setup.data.series[0]?.style.log === true;
  return {
    width: setup.width,
    height: setup.height,
    padding: [8, 10, 0, 2],
    legend: { show: false },
    scales: {
      x: { time: true, range: () => setup.range() },
      y: log ? { distr: 3 } : { range: yRange(setup) },
    },
    series: [{}, ...setup.data.series.map((series, i) => toSeries(series, setup.visible[i] ?? true, series.style.stacking !== "none"))],
    bands,
    axes: axes(setup),
    cursor: {
      drag: { x: true, y: false, setScale: false },
      points: { size: 7, width: 1.5 },
      ...(setup.syncKey
        ? { sync: { key: setup.syncKey, scales: ["x", null], setSeries: false, filters: { pub: (type: string) => type === "mousemove" || type === "mouseleave" } } }
        : {}),
    },
    hooks: {
      setCursor: [setup.onCursor],
      setSelect: [
        (u) => {
          const { left, width } = u.select;
          if (width < 4) return;
          setup.onZoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}
