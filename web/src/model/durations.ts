import { toFixed } from "./numbers";

type Decimals = number | null | undefined;
/** [upper bound of the absolute value, divisor, suffix] */
type Ladder = readonly (readonly [number, number, string])[];

const YEAR_S = 31556900;
const SECONDS: Ladder = [
  [1e-6, 1e-9, " ns"], [1e-3, 1e-6, " µs"], [1, 1e-3, " ms"], [60, 1, " s"], [3600, 60, " min"],
  [86400, 3600, " hour"], [604800, 86400, " day"], [31536000, 604800, " week"], [Infinity, YEAR_S, " year"],
];
const MILLIS: Ladder = [
  [1e3, 1, " ms"], [6e4, 1e3, " s"], [3.6e6, 6e4, " min"], [8.64e7, 3.6e6, " hour"],
  [3.1536e10, 8.64e7, " day"], [Infinity, 3.1536e10, " year"],
];
const MICROS: Ladder = [[1e3, 1, " µs"], [1e6, 1e3, " ms"], [Infinity, 1e6, " s"]];
const NANOS: Ladder = [
  [1e3, 1, " ns"], [1e6, 1e3, " µs"], [1e9, 1e6, " ms"], [6e10, 1e9, " s"], [3.6e12, 6e10, " min"],
  [8.64e13, 3.6e12, " hour"], [Infinity, 8.64e13, " day"],
];
const MINUTES: Ladder = [
  [60, 1, " min"], [1440, 60, " hour"], [10080, 1440, " day"], [604800, 10080, " week"],
  [Infinity, 525948, " year"],
];
const HOURS: Ladder = [
  [24, 1, " hour"], [168, 24, " day"], [8760, 168, " week"], [Infinity, 8760, " year"],
];
const DAYS: Ladder = [[7, 1, " day"], [365, 7, " week"], [Infinity, 365, " year"]];
const LADDERS: Record<string, Ladder> = {
  ns: NANOS, "µs": MICROS, ms: MILLIS, s: SECONDS, m: MINUTES, h: HOURS, d: DAYS,
};
const PLURAL = new Set([" min", " hour", " day", " week", " year"]);

/** Formats a value of unit ns, µs, ms, s, m, h or d; undefined for other units. */
export function formatDuration(unit: string, value: number, decimals: Decimals): string | undefined {
  const ladder = LADDERS[unit];
  if (!ladder) return undefined;
  if (value === 0 && unit === "s") return "0 s";
  const step = ladder.find(([limit]) => Math.abs(value) < limit) ?? ladder[ladder.length - 1]!;
  const [, divisor, suffix] = step;
  // The unit's own name stays in the singular (0.500 hour), larger ones are counted (20.6 hours).
  const plural = divisor !== 1 && PLURAL.has(suffix) ? "s" : "";
  return toFixed(value / divisor, decimals) + suffix + plural;
}

const PARTS: readonly (readonly [string, number])[] = [
  ["year", 31536e6], ["month", 2592e6], ["week", 6048e5], ["day", 864e5], ["hour", 36e5], ["minute", 6e4],
  ["second", 1e3], ["millisecond", 1],
];

/** "18 hours, 12 minutes": the largest part and as many more parts as decimals say. */
export function formatParts(ms: number, decimals: Decimals): string {
  const ago = ms < 0 ? " ago" : "";
  let rest = Math.abs(ms);
  const texts: string[] = [];
  for (const [name, size] of PARTS) {
    if (texts.length > (decimals ?? 0)) break;
    const count = Math.floor(rest / size);
    if (count === 0 && texts.length === 0) continue;
    texts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
    rest %= size;
  }
  return texts.length === 0 ? "" : texts.join(", ") + ago;
}

const pad = (value: number, width: number) => String(value).padStart(width, "0");

/** "34293:33:09", with days split off when asked. */
export function formatHms(seconds: number, withDays: boolean): string {
  const ago = seconds < 0 ? " ago" : "";
  let rest = Math.floor(Math.abs(seconds));
  const days = withDays ? Math.floor(rest / 86400) : 0;
  rest -= days * 86400;
  const hms = [rest / 3600, (rest % 3600) / 60, rest % 60].map((part) => pad(Math.floor(part), 2));
  return (days > 0 ? `${days} d ` : "") + hms.join(":") + ago;
}
