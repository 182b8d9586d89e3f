import type { RangeSeries } from "../model/frames";
import type { Labels } from "../model/legend";
import { ApiError, request } from "./client";

interface Envelope<T> {
  status: "success" | "error";
  data: T;
  warnings?: string[];
  infos?: string[];
  error?: string;
  errorType?: string;
}

export interface Notices {
  warnings: string[];
  infos: string[];
}

export interface InstantSeries {
  metric: Labels;
  value?: readonly [number, string];
}

/** An instant answer; a scalar or string comes as one series without labels. */
export interface InstantAnswer extends Notices {
  resultType: string;
  series: InstantSeries[];
}

export interface RangeAnswer extends Notices {
  series: RangeSeries[];
}

async function call<T>(path: string, form: URLSearchParams | undefined, signal?: AbortSignal): Promise<Envelope<T>> {
  const answer = await request<Envelope<T>>(`/api/v1/${path}`, { form, signal });
  if (answer.status !== "success") throw new ApiError(answer.error ?? "unknown error", 200, answer.errorType);
  return answer;
}

const notices = (answer: Envelope<unknown>): Notices => ({ warnings: answer.warnings ?? [], infos: answer.infos ?? [] });

/** Times are in milliseconds here and in seconds on the wire. */
export async function queryRange(expr: string, start: number, end: number, stepMs: number, signal?: AbortSignal): Promise<RangeAnswer> {
  const form = new URLSearchParams({ query: expr, start: String(start / 1000), end: String(end / 1000), step: String(stepMs / 1000) });
  const answer = await call<{ result: RangeSeries[] }>("query_range", form, signal);
  return { series: answer.data.result, ...notices(answer) };
}

export async function queryInstant(expr: string, time: number, signal?: AbortSignal): Promise<InstantAnswer> {
  const form = new URLSearchParams({ query: expr, time: String(time / 1000) });
  const answer = await call<{ resultType: string; result: unknown }>("query", form, signal);
  const { resultType, result } = answer.data;
  const single = resultType === "scalar" || resultType === "string";
  const series = single ? [{ metric: {}, value: result as [number, string] }] : (result as InstantSeries[]);
  return { resultType, series, ...notices(answer) };
}

function matchParams(match: string | undefined, start: number, end: number): URLSearchParams {
  const params = new URLSearchParams({ start: String(start / 1000), end: String(end / 1000) });
  if (match) params.append("match[]", match);
  return params;
}

export async function labelValues(label: string, match: string | undefined, start: number, end: number, signal?: AbortSignal): Promise<string[]> {
  const path = `label/${encodeURIComponent(label)}/values?${matchParams(match, start, end).toString()}`;
  return (await call<string[]>(path, undefined, signal)).data;
}

export async function labelNames(match: string | undefined, start: number, end: number, signal?: AbortSignal): Promise<string[]> {
  return (await call<string[]>("labels", matchParams(match, start, end), signal)).data;
}

export interface ScrapeTarget {
  labels: Labels;
  discoveredLabels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl?: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval?: string;
  scrapeTimeout?: string;
}

export async function activeTargets(signal?: AbortSignal): Promise<ScrapeTarget[]> {
  return (await call<{ activeTargets: ScrapeTarget[] }>("targets?state=active", undefined, signal)).data.activeTargets;
}
