// The step of a range query and the values of the interval macros, as Grafana computes them
// (documented behaviour of its Prometheus data source).

import { parseInterval, type TimeRange } from "./timeRange";

/** What a panel and its target say about resolution. */
export interface StepInput {
  range: TimeRange;
  /** Points wanted: usually the width of the panel in pixels. */
  maxDataPoints: number;
  /** The target's own min step, e.g. "30s" or "$__rate_interval" (already interpolated). */
  minStep?: string;
  /** The panel's min interval. */
  panelInterval?: string;
  intervalFactor?: number;
}

export interface StepResult {
  stepMs: number;
  intervalMs: number;
  rateIntervalMs: number;
  /** Both ends aligned down to the step, in milliseconds. */
  start: number;
  end: number;
}

/** The scrape interval that is assumed where nothing says another. */
const DEFAULT_INTERVAL_MS = 15_000;
/** Prometheus refuses more than this many points in a series. */
const MAX_POINTS = 11_000;

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const NICE = [
  1, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 20 * SECOND, 30 * SECOND,
  60 * SECOND, 120 * SECOND, 300 * SECOND, 600 * SECOND, 900 * SECOND, 1200 * SECOND, 1800 * SECOND, HOUR, 2 * HOUR,
  3 * HOUR, 6 * HOUR, 12 * HOUR,
];

/** The nearest interval a person would write. */
export function roundInterval(ms: number): number {
  for (let i = 0; i + 1 < NICE.length; i++) {
    if (ms <= ((NICE[i] ?? 0) + (NICE[i + 1] ?? 0)) / 2) return NICE[i] ?? 1;
  }
  if (ms < DAY) return 12 * HOUR;
  if (ms < 7 * DAY) return DAY;
  if (ms < 21 * DAY) return 7 * DAY;
  return ms < 42 * DAY ? 30 * DAY : 365 * DAY;
}

/** Computes step, macro intervals and aligned ends of one target. */
export function computeStep(input: StepInput): StepResult {
  const { from, to } = input.range;
  const length = to - from;
  const ownMin = parseInterval(input.minStep) ?? parseInterval(input.panelInterval);
  const scrape = ownMin ?? DEFAULT_INTERVAL_MS;
  const rounded = roundInterval(length / Math.max(1, input.maxDataPoints));
  const calculated = Math.max(rounded, scrape);
  const safe = length / MAX_POINTS;
  const base = calculated > safe ? calculated : Math.ceil(safe / SECOND) * SECOND;
  const stepMs = base * Math.max(1, input.intervalFactor ?? 1);
  return {
    stepMs,
    intervalMs: stepMs,
    rateIntervalMs: Math.max(rounded + scrape, 4 * scrape),
    start: Math.floor(from / stepMs) * stepMs,
    end: Math.floor(to / stepMs) * stepMs,
  };
}

/** A duration as PromQL reads it: "2m", "90s", "250ms". */
export function formatInterval(ms: number): string {
  for (const [unit, size] of [["d", DAY], ["h", HOUR], ["m", 60 * SECOND], ["s", SECOND]] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms)}ms`;
}

/** Values of the built-in $__ variables for one target. */
export function macroValues(step: StepResult, range: TimeRange): Record<string, string> {
  const seconds = Math.round((range.to - range.from) / 1000);
  return {
    __interval: formatInterval(step.intervalMs),
    __interval_ms: String(step.intervalMs),
    __rate_interval: formatInterval(step.rateIntervalMs),
    __rate_interval_ms: String(step.rateIntervalMs),
    __range: `${seconds}s`,
    __range_s: String(seconds),
    __range_ms: String(range.to - range.from),
    __auto: formatInterval(step.intervalMs),
    __from: String(range.from),
    __to: String(range.to),
  };
}
