/** Labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/** `name{a="b"}` as Prometheus writes a series. */
export function formatSeries(labels: Labels): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.keys(rest).sort().map((key) => `${key}=${JSON.stringify(rest[key])}`);
  return pairs.length === 0 && name ? name : `${name}{${pairs.join(", ")}}`;
}

/** Fills {{label}} in a legend format; labels that are not there become empty. */
export function fillLegend(format: string, labels: Labels): string {
  return format.replace(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, name: string) => (Object.hasOwn(labels, name) ? (labels[name] ?? "") : ""));
}

/** Names the series of one query; `expr` names a series without labels. */
export function seriesNames(all: readonly Labels[], format: string | undefined, expr: string): string[] {
  if (format && format !== "__auto") return all.map((labels) => fillLegend(format, labels));
  if (format === "__auto") return autoNames(all, expr);
  return all.map((labels) => (Object.keys(labels).length === 0 ? expr : formatSeries(labels)));
}

/** Shortest telling names: only the labels in which the series differ. */
function autoNames(all: readonly Labels[], expr: string): string[] {
  const only = all[0];
  if (all.length === 1 && only) return [only.__name__ ?? (Object.keys(only).length === 0 ? expr : formatSeries(only))];
  const keys = [...new Set(all.flatMap((labels) => Object.keys(labels)))].sort();
  const differing = keys.filter((key) => new Set(all.map((labels) => labels[key] ?? "")).size > 1);
  return all.map((labels) => {
    if (differing.length === 1) return labels[differing[0] ?? ""] ?? expr;
    return formatSeries(Object.fromEntries(differing.filter((key) => key in labels).map((key) => [key, labels[key] ?? ""])));
  });
}

/**
 * A short name for lists and tooltips when the dashboard gives no legend format: the labels all series share
 * are left out, as they say nothing. Falls back to the whole series.
 */
export function compactNames(all: readonly Labels[], expr: string): string[] {
  if (all.length < 2) return seriesNames(all, undefined, expr);
  const names = autoNames(all, expr);
  return new Set(names).size === names.length ? names : seriesNames(all, undefined, expr);
}
