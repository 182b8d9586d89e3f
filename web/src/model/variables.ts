import type { VariableModel } from "./dashboard";
import type { VariableValue } from "./interpolate";

/** What a query variable asks the server for. */
export type VariableQuery =
  | { kind: "labelValues"; label: string; match?: string }
  | { kind: "labelNames"; match?: string }
  | { kind: "metrics"; pattern: string }
  | { kind: "query"; expr: string };

export const ALL = "$__all";

/** Reads label_values(...), label_names(...), metrics(...), query_result(...); anything else is a series selector. */
export function parseVariableQuery(text: string): VariableQuery | undefined {
  const trimmed = text.trim();
  const call = /^(\w+)\(([\s\S]*)\)$/.exec(trimmed);
  const argument = call?.[2]?.trim() ?? "";
  if (call?.[1] === "label_values") {
    const comma = argument.lastIndexOf(",");
    const label = argument.slice(comma + 1).trim();
    // A comma inside the braces of the selector separates matchers, not arguments.
    if (comma < 0 || !/^[\w:.]+$/.test(label)) return /^[\w:.]+$/.test(argument) ? { kind: "labelValues", label: argument } : undefined;
    return { kind: "labelValues", label, match: argument.slice(0, comma).trim() };
  }
  if (call?.[1] === "label_names") return { kind: "labelNames", match: argument || undefined };
  if (call?.[1] === "metrics") return { kind: "metrics", pattern: argument };
  if (call?.[1] === "query_result") return { kind: "query", expr: argument };
  return trimmed === "" ? undefined : { kind: "query", expr: trimmed };
}

/** Options of a custom or interval variable: "a, b : text, c"; escaped commas stay. */
export function parseCustom(text: string): string[] {
  return (text.match(/(?:\\,|[^,])+/g) ?? [])
    .map((part) => part.replace(/\\,/g, ",").trim())
    .map((part) => /^.+\s:\s(.+)$/.exec(part)?.[1] ?? part)
    .filter((part) => part !== "");
}

const MAX_OPTIONS = 1000;

/** Filters by the variable's regex (its first group when there is one), makes unique and sorts. */
export function refineOptions(values: readonly string[], model: Pick<VariableModel, "regex" | "sort">): string[] {
  const slashed = /^\/([\s\S]*)\/([gimsu]*)$/.exec(model.regex);
  const source = slashed?.[1] ?? model.regex;
  let picked = [...values];
  if (source !== "" && source.length <= 200 && !/[+*}]\)?[+*{]/.test(source)) picked = pick(picked, source, slashed?.[2]?.replace("g", ""));
  const unique = [...new Set(picked)].slice(0, MAX_OPTIONS);
  if (model.sort === 0) return unique;
  const direction = model.sort % 2 === 1 ? 1 : -1;
  const numeric = model.sort === 3 || model.sort === 4 || model.sort >= 7;
  return unique.sort((a, b) => direction * a.localeCompare(b, "en", { numeric, sensitivity: model.sort >= 5 ? "base" : "variant" }));
}

function pick(values: string[], source: string, flags: string | undefined): string[] {
  try {
    const pattern = new RegExp(source, flags);
    return values.flatMap((value) => {
      const match = pattern.exec(value);
      return match ? [match.groups?.value ?? match[1] ?? match[0]] : [];
    });
  } catch {
    return values;
  }
}

/** The value a variable goes in with, given its options and what the URL or the dashboard chose. */
export function chooseValue(model: VariableModel, options: readonly string[], chosen: readonly string[]): VariableValue {
  if (model.type === "textbox" || model.type === "constant") return { value: chosen[0] ?? (model.current as string | undefined) ?? model.query };
  const saved = model.current === undefined ? [] : [model.current].flat();
  const wanted = chosen.length > 0 ? [...chosen] : saved;
  const isAll = wanted.some((value) => value === ALL || value === "All") && model.includeAll;
  const known = wanted.filter((value) => options.includes(value));
  if (isAll || (known.length === 0 && model.includeAll && saved.length === 0)) {
    if (model.allValue !== undefined) return { value: model.allValue, text: "All", raw: true };
    return { value: [...options], text: "All", multi: true };
  }
  const values = known.length > 0 ? known : options.slice(0, 1);
  if (model.multi) return { value: values, multi: true };
  return { value: values[0] ?? "", multi: model.includeAll };
}

/** Variables in the order in which they need each other; members of a circle keep the dashboard's order. */
export function sortByNeed(models: readonly VariableModel[]): VariableModel[] {
  const done = new Set<string>();
  const sorted: VariableModel[] = [];
  let rest = [...models];
  while (rest.length > 0) {
    const names = new Set(rest.map((model) => model.name));
    const ready = rest.filter((model) => ![...names].some((name) => name !== model.name && !done.has(name) && mentions(model, name)));
    const next = ready.length > 0 ? ready : rest.slice(0, 1);
    for (const model of next) done.add(model.name);
    sorted.push(...next);
    rest = rest.filter((model) => !next.includes(model));
  }
  return sorted;
}

function mentions(model: VariableModel, name: string): boolean {
  const text = `${model.query} ${model.regex}`;
  return [...text.matchAll(/\$\{?(\w+)|\[\[(\w+)/g)].some((match) => (match[1] ?? match[2]) === name);
}

