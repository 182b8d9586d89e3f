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

/** Labels that people know a series by, best first. */
const TELLING = ["instance", "node", "Hostname", "gpu", "device", "interface", "mountpoint", "cpu", "mode", "name", "job"];

/** The first labels, in order of how telling they are, that together keep all series apart. */
function distinguishing(all: readonly Labels[]): string[] {
  const rank = (key: string) => (TELLING.includes(key) ? TELLING.indexOf(key) : TELLING.length);
  const keys = [...new Set(all.flatMap((labels) => Object.keys(labels)))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const chosen: string[] = [];
  let apart = 1;
  for (const key of keys) {
    if (apart === all.length) break;
    const next = new Set(all.map((labels) => JSON.stringify([...chosen, key].map((name) => labels[name] ?? "")))).size;
    if (next > apart) chosen.push(key);
    apart = Math.max(apart, next);
  }
  return apart === all.length ? chosen : [];
}

/**
 * Short names for a query without a legend format: the few labels that keep the series apart, else the whole
 * series.
 */
export function compactNames(all: readonly Labels[], expr: string): string[] {
  const keys = all.length < 2 ? [] : distinguishing(all);
  if (keys.length === 0) return seriesNames(all, undefined, expr);
  if (keys.length === 1) return all.map((labels) => labels[keys[0] ?? ""] || formatSeries(labels));
  return all.map((labels) => keys.filter((key) => labels[key]).map((key) => `${key}=${JSON.stringify(labels[key])}`).join(", "));
}
