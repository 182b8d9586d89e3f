import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { labelNames, labelValues, queryInstant } from "../api/prometheus";
import type { VariableModel } from "../model/dashboard";
import { interpolateQuery, type VariableValue, type Variables } from "../model/interpolate";
import { formatSeries } from "../model/legend";
import type { TimeRange } from "../model/timeRange";
import { chooseValue, parseCustom, parseVariableQuery, refineOptions, sortByNeed } from "../model/variables";

export interface ResolvedVariable {
  model: VariableModel;
  options: string[];
  value: VariableValue;
}

async function queryOptions(model: VariableModel, known: Variables, range: TimeRange, signal: AbortSignal): Promise<string[]> {
  const query = parseVariableQuery(interpolateQuery(model.query, known, { __range: `${Math.round((range.to - range.from) / 1000)}s` }));
  if (!query) return [];
  switch (query.kind) {
    case "labelValues":
      return labelValues(query.label, query.match, range.from, range.to, signal);
    case "labelNames":
      return labelNames(query.match, range.from, range.to, signal);
    case "metrics":
      return labelValues("__name__", `{__name__=~${JSON.stringify(query.pattern)}}`, range.from, range.to, signal);
    case "query": {
      const { series } = await queryInstant(query.expr, range.to, signal);
      return series.map((item) => `${formatSeries(item.metric)} ${item.value?.[1] ?? ""}`.trim());
    }
  }
}

async function optionsOf(model: VariableModel, known: Variables, range: TimeRange, signal: AbortSignal): Promise<string[]> {
  if (model.type === "custom" || model.type === "interval") return parseCustom(model.query);
  if (model.type === "datasource") return ["Slurmscope"];
  // A variable that fails must not take the dashboard away; its options are what the file saved.
  if (model.type === "query") return queryOptions(model, known, range, signal).catch(() => model.options);
  return [];
}

async function resolveAll(models: readonly VariableModel[], chosen: URLSearchParams, range: TimeRange, signal: AbortSignal): Promise<ResolvedVariable[]> {
  const known: Record<string, VariableValue> = {};
  const resolved = new Map<string, ResolvedVariable>();
  for (const model of sortByNeed(models)) {
    const options = refineOptions(await optionsOf(model, known, range, signal), model);
    const value = chooseValue(model, options, chosen.getAll(`var-${model.name}`));
    known[model.name] = value;
    resolved.set(model.name, { model, options, value });
  }
  return models.map((model) => resolved.get(model.name)).filter((item) => item !== undefined);
}

/** Options and values of a dashboard's variables; undefined until they are known for the first time. */
export function useVariables(uid: string, models: readonly VariableModel[], search: URLSearchParams, range: TimeRange): ResolvedVariable[] | undefined {
  const own = new URLSearchParams([...search].filter(([name]) => name.startsWith("var-")));
  // A moving "now" alone is no reason to ask for the options again; a new length of the range is.
  const query = useQuery({
    queryKey: ["variables", uid, own.toString(), Math.round((range.to - range.from) / 60_000)],
    queryFn: ({ signal }) => resolveAll(models, own, range, signal),
    enabled: models.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  return models.length === 0 ? NONE : query.data;
}

const NONE: ResolvedVariable[] = [];
