import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { queryInstant, queryRange, type InstantSeries } from "../api/prometheus";
import { PANEL_KEY } from "../components/useTimeState";
import type { Panel, Target } from "../model/dashboard";
import { interpolateQuery, interpolateText, type Variables } from "../model/interpolate";
import { computeStep, macroValues, type StepResult } from "../model/step";
import type { TimeRange } from "../model/timeRange";
import type { TargetAnswer } from "./chartData";

export interface PanelAnswer {
  range: TargetAnswer[];
  instant: { refId: string; expr: string; legendFormat?: string; series: InstantSeries[] }[];
  warnings: string[];
}

interface Request {
  target: Target;
  expr: string;
  legendFormat?: string;
  step: StepResult;
  instant: boolean;
}

interface Input {
  panel: Panel;
  range: TimeRange;
  tick: number;
  variables: Variables;
  /** Width of the panel in pixels; 0 while unknown. */
  width: number;
  enabled: boolean;
}

/** The queries a panel makes, with variables and macros filled in. */
export function panelRequests(panel: Panel, range: TimeRange, variables: Variables, width: number): Request[] {
  const maxDataPoints = Math.max(50, panel.maxDataPoints ?? width);
  return panel.targets
    .filter((target) => !target.hide)
    .map((target) => {
      // A min step may itself be a macro; those of a step without one are right for it.
      const plain = computeStep({ range, maxDataPoints, panelInterval: panel.interval });
      const minStep = target.interval ? interpolateQuery(target.interval, variables, macroValues(plain, range)) : undefined;
      const step = computeStep({ range, maxDataPoints, minStep, panelInterval: panel.interval, intervalFactor: target.intervalFactor });
      const request = {
        target, step, expr: interpolateQuery(target.expr, variables, macroValues(step, range)),
        legendFormat: target.legendFormat ? interpolateText(target.legendFormat, variables) : undefined,
      };
      // A chart over time needs a range whatever the target says.
      return { ...request, instant: target.instant && panel.type !== "timeseries" };
    });
}

async function fetchAll(requests: readonly Request[], range: TimeRange, signal: AbortSignal): Promise<PanelAnswer> {
  const answer: PanelAnswer = { range: [], instant: [], warnings: [] };
  const parts = await Promise.all(
    requests.map(async (request) => {
      const { expr, step } = request;
      if (request.instant) return { request, instant: await queryInstant(expr, range.to, signal) };
      return { request, range: await queryRange(expr, step.start, step.end, step.stepMs, signal) };
    }),
  );
  for (const part of parts) {
    const { target, expr, legendFormat, step } = part.request;
    const base = { refId: target.refId, expr, legendFormat };
    if (part.instant) answer.instant.push({ ...base, series: part.instant.series });
    if (part.range) answer.range.push({ ...base, grid: { start: step.start / 1000, end: step.end / 1000, step: step.stepMs / 1000 }, series: part.range.series });
    answer.warnings.push(...((part.range ?? part.instant)?.warnings ?? []));
  }
  return answer;
}

/** Asks for a panel's data when it is in view. A newer question cancels the one under way. */
export function usePanelData({ panel, range, tick, variables, width, enabled }: Input) {
  const requests = panelRequests(panel, range, variables, width);
  const key = requests.map(({ expr, step, instant }) => [expr, step.start, step.end, step.stepMs, instant]);
  const query = useQuery({
    queryKey: [PANEL_KEY, panel.id, key, tick],
    queryFn: ({ signal }) => fetchAll(requests, range, signal),
    enabled: enabled && width > 0 && requests.length > 0,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 1000,
  });
  return { ...query, exprs: requests.map((request) => request.expr) };
}
