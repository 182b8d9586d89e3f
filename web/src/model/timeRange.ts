// Time ranges as Grafana writes them: "now-6h", "now-1d/d", epoch milliseconds, ISO dates.

/** A range as the URL and the dashboard hold it. */
export interface RawRange {
  from: string;
  to: string;
}

/** A range in epoch milliseconds, from < to. */
export interface TimeRange {
  from: number;
  to: number;
}

const UNITS: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const RELATIVE = /^now((?:[+-]\d+[smhdwMQy])*)(?:\/([smhdwMQy]))?$/;

function shift(time: Date, amount: number, unit: string): Date {
  const fixed = UNITS[unit];
  if (fixed && fixed < 864e5) return new Date(time.getTime() + amount * fixed);
  const moved = new Date(time);
  // Days and longer follow the calendar, so that a change to summer time keeps the hour.
  if (unit === "d") moved.setDate(moved.getDate() + amount);
  else if (unit === "w") moved.setDate(moved.getDate() + 7 * amount);
  else if (unit === "y") moved.setFullYear(moved.getFullYear() + amount);
  else moved.setMonth(moved.getMonth() + amount * (unit === "Q" ? 3 : 1));
  return moved;
}

function startOf(time: Date, unit: string): Date {
  const [year, month, day] = [time.getFullYear(), time.getMonth(), time.getDate()];
  if (unit === "y") return new Date(year, 0, 1);
  if (unit === "Q") return new Date(year, month - (month % 3), 1);
  if (unit === "M") return new Date(year, month, 1);
  if (unit === "w") return new Date(year, month, day - ((time.getDay() + 6) % 7));
  if (unit === "d") return new Date(year, month, day);
  const size = UNITS[unit] ?? 1;
  return new Date(Math.floor(time.getTime() / size) * size);
}

/** Reads one end of a range; an end rounds up where a start rounds down. Undefined when unreadable. */
export function parseTime(text: string, now: number, isEnd: boolean): number | undefined {
  const trimmed = text.trim();
  const relative = RELATIVE.exec(trimmed);
  if (!relative) return parseAbsolute(trimmed);
  let time = new Date(now);
  for (const [, sign, count, unit] of (relative[1] ?? "").matchAll(/([+-])(\d+)([smhdwMQy])/g)) {
    time = shift(time, Number(`${sign}${count}`), unit ?? "s");
  }
  const rounding = relative[2];
  if (!rounding) return time.getTime();
  const start = startOf(time, rounding);
  return isEnd ? shift(start, 1, rounding).getTime() - 1 : start.getTime();
}

function parseAbsolute(text: string): number | undefined {
  if (/^\d{9,14}$/.test(text)) return Number(text) * (text.length <= 10 ? 1000 : 1);
  if (!/^\d{4}-\d{2}/.test(text)) return undefined;
  const time = new Date(text.replace(" ", "T")).getTime();
  return Number.isNaN(time) ? undefined : time;
}

/** Resolves both ends at "now"; undefined when one is unreadable or they are not in order. */
export function resolveRange(raw: RawRange, now: number): TimeRange | undefined {
  const from = parseTime(raw.from, now, false);
  const to = parseTime(raw.to, now, true);
  return from === undefined || to === undefined || from >= to ? undefined : { from, to };
}

/** The range twice as long around the same middle, never past now when it was not before. */
export function zoomOut(range: TimeRange): RawRange {
  const half = (range.to - range.from) / 2;
  return { from: String(Math.round(range.from - half)), to: String(Math.round(range.to + half)) };
}

/** The range moved by half its length; direction is -1 or 1. */
export function shiftRange(range: TimeRange, direction: number): RawRange {
  const step = Math.round(((range.to - range.from) / 2) * direction);
  return { from: String(range.from + step), to: String(range.to + step) };
}

export const QUICK_RANGES: readonly (readonly [string, string])[] = [
  ["Last 5 minutes", "now-5m"], ["Last 15 minutes", "now-15m"], ["Last 30 minutes", "now-30m"],
  ["Last 1 hour", "now-1h"], ["Last 3 hours", "now-3h"], ["Last 6 hours", "now-6h"],
  ["Last 12 hours", "now-12h"], ["Last 24 hours", "now-24h"], ["Last 2 days", "now-2d"],
  ["Last 7 days", "now-7d"], ["Last 30 days", "now-30d"], ["Last 90 days", "now-90d"],
];

const two = (part: number) => String(part).padStart(2, "0");

/** Local date and time, to the minute unless the seconds matter. */
export function formatDateTime(ms: number, withSeconds = true): string {
  const date = new Date(ms);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${day} ${time}${withSeconds ? `:${two(date.getSeconds())}` : ""}`;
}

/** "Last 6 hours", or the two ends. */
export function describeRange(raw: RawRange): string {
  const quick = QUICK_RANGES.find(([, from]) => from === raw.from && raw.to === "now");
  if (quick) return quick[0];
  const end = (text: string) => {
    const time = parseAbsolute(text);
    return time === undefined ? text : formatDateTime(time, false);
  };
  return `${end(raw.from)} to ${end(raw.to)}`;
}

const INTERVAL = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)?$/;

/** Milliseconds of "15s", "1m", "2h30m" or a bare number of seconds; undefined when unreadable. */
export function parseInterval(text: string | undefined): number | undefined {
  const trimmed = (text ?? "").trim().replace(/^[>=]+/, "");
  const single = INTERVAL.exec(trimmed);
  if (single) return Number(single[1]) * unitMs(single[2] ?? "s");
  if (!/^(\d+(ms|s|m|h|d|w|y))+$/.test(trimmed)) return undefined;
  return [...trimmed.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce((sum, part) => sum + Number(part[1]) * unitMs(part[2] ?? "s"), 0);
}

function unitMs(unit: string): number {
  if (unit === "ms") return 1;
  return unit === "y" ? 365 * 864e5 : (UNITS[unit] ?? 1e3);
}
