import { formatDuration, formatHms, formatParts } from "./durations";
import { toFixed } from "./numbers";
import { COUNT, CURRENCY, FIXED, IEC, SI, entries } from "./unitTable";

type Decimals = number | null | undefined;
type Format = (value: number, decimals: Decimals) => string;

const SI_PREFIXES = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const IEC_PREFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const COUNT_PREFIXES = ["", "K", "M", "B", "T", "Q"];
const SHORT_PREFIXES = ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept"];

/** Moves value by whole powers of factor until it is in [1, factor), within the prefixes there are. */
function scale(value: number, factor: number, start: number, count: number): [number, number] {
  let index = start;
  let scaled = value;
  while (Math.abs(scaled) >= factor && index < count - 1) {
    scaled /= factor;
    index++;
  }
  while (scaled !== 0 && Math.abs(scaled) < 1 && index > 0) {
    scaled *= factor;
    index--;
  }
  return [scaled, index];
}

function prefixed(prefixes: string[], factor: number, zero: number, suffix: string): Format {
  return (value, decimals) => {
    const [scaled, index] = scale(value, factor, zero, prefixes.length);
    return `${toFixed(scaled, decimals)} ${prefixes[index]}${suffix}`;
  };
}

function counted(suffix: string): Format {
  return (value, decimals) => {
    const [scaled, index] = scale(value, 1000, 0, COUNT_PREFIXES.length);
    return `${toFixed(scaled, decimals)}${COUNT_PREFIXES[index]} ${suffix}`;
  };
}

function currency(symbol: string): Format {
  return (value, decimals) => {
    const [scaled, index] = scale(Math.abs(value), 1000, 0, COUNT_PREFIXES.length);
    const text = toFixed(scaled, decimals) + COUNT_PREFIXES[index];
    const sign = value < 0 ? "-" : "";
    return symbol.startsWith(">") ? sign + text + symbol.slice(1) : sign + symbol + text;
  };
}

const yesNo = (yes: string, no: string): Format => (value) => (value === 0 ? no : yes);

const short: Format = (value, decimals) => {
  const [scaled, index] = scale(value, 1000, 0, SHORT_PREFIXES.length);
  return toFixed(scaled, decimals) + SHORT_PREFIXES[index];
};

function hex(prefix: string): Format {
  return (value, decimals) => {
    const number = Number(toFixed(value, decimals));
    const text = Math.abs(number).toString(16).toUpperCase();
    return (number < 0 ? "-" : "") + prefix + text;
  };
}

const iso: Format = (value) => {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
};

const fromNow: Format = (value) => {
  const text = formatParts(Math.abs(Date.now() - value), 0) || "now";
  return value > Date.now() ? `in ${text}` : `${text} ago`;
};

function buildFormats(): Map<string, Format> {
  const formats = new Map<string, Format>([
    ["none", toFixed],
    ["string", (value) => String(value)],
    ["short", short],
    ["sishort", prefixed(SI_PREFIXES, 1000, 5, "")],
    ["percent", (value, decimals) => toFixed(value, decimals) + "%"],
    ["percentunit", (value, decimals) => toFixed(value * 100, decimals) + "%"],
    ["hex", hex("")],
    ["hex0x", hex("0x")],
    ["sci", (value, decimals) => (decimals == null ? value.toExponential() : value.toExponential(decimals))],
    ["locale", (value, decimals) => value.toLocaleString("en-US", { maximumFractionDigits: decimals ?? undefined })],
    ["bool", yesNo("True", "False")],
    ["bool_yes_no", yesNo("Yes", "No")],
    ["bool_on_off", yesNo("On", "Off")],
    ["dtdurations", (value, decimals) => (Math.trunc(value * 1000) === 0 ? "0 seconds" : formatParts(value * 1000, decimals))],
    ["dtdurationms", (value, decimals) => (value === 0 ? "0 milliseconds" : formatParts(value, decimals))],
    ["dthms", (value) => formatHms(value, false)],
    ["dtdhms", (value) => formatHms(value, true)],
    ["timeticks", (value, decimals) => formatDuration("s", value / 100, decimals) ?? ""],
    ["pressurepsi", (value, decimals) => {
      const [scaled, index] = scale(value, 1000, 0, 3);
      return toFixed(scaled, decimals) + (["psi", "ksi", "Mpsi"][index] ?? "");
    }],
    ["dateTimeAsIso", iso],
    ["dateTimeAsLocal", iso],
    ["dateTimeAsSystem", iso],
    ["dateTimeAsUS", iso],
    ["dateTimeFromNow", fromNow],
  ]);
  for (const [id, suffix] of entries(FIXED)) formats.set(id, (value, decimals) => `${toFixed(value, decimals)} ${suffix}`);
  for (const [id, suffix, exponent] of entries(SI)) formats.set(id, prefixed(SI_PREFIXES, 1000, 5 + exponent, suffix));
  for (const [id, suffix, exponent] of entries(IEC)) formats.set(id, prefixed(IEC_PREFIXES, 1024, exponent, suffix));
  for (const [id, suffix] of entries(COUNT)) formats.set(id, counted(suffix));
  for (const [id, symbol] of entries(CURRENCY)) formats.set(`currency${id}`, currency(symbol));
  for (const id of ["ns", "µs", "ms", "s", "m", "h", "d"]) {
    formats.set(id, (value, decimals) => formatDuration(id, value, decimals) ?? "");
  }
  return formats;
}

const FORMATS = buildFormats();

/** Ids with a formatter of their own; any other unit is shown as a suffix. */
export function knownUnits(): string[] {
  return [...FORMATS.keys()];
}

/** Whether the unit counts in powers of 1024, so that axes may do so too. */
export function isBinaryUnit(unit: string | undefined): boolean {
  return entries(IEC).some(([id]) => id === unit);
}

function custom(unit: string, value: number, decimals: Decimals): string {
  const [kind, ...rest] = unit.split(":");
  const argument = rest.join(":");
  if (rest.length === 0) return `${toFixed(value, decimals)} ${unit}`;
  if (kind === "prefix") return argument + toFixed(value, decimals);
  if (kind === "suffix") return toFixed(value, decimals) + argument;
  if (kind === "si") return prefixed(SI_PREFIXES, 1000, 5, argument)(value, decimals);
  if (kind === "count") return counted(argument)(value, decimals);
  if (kind === "currency") return currency(argument)(value, decimals);
  if (kind === "time") return iso(value, decimals);
  if (kind === "bool") return yesNo(...(argument.split("/") as [string, string]))(value, decimals);
  return `${toFixed(value, decimals)} ${unit}`;
}

/** Formats value as Grafana's unit id says; null and NaN are shown as "–" and "NaN". */
export function formatValue(value: number | null | undefined, unit?: string, decimals?: Decimals): string {
  if (value == null) return "–";
  if (!Number.isFinite(value)) return toFixed(value, decimals);
  if (!unit) return toFixed(value, decimals);
  const format = FORMATS.get(unit);
  return format ? format(value, decimals) : custom(unit, value, decimals);
}
