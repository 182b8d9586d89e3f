import type { Panel } from "./dashboard";

/** Frame buffer metrics that the DCGM exporter counts in MiB. */
const MIB_METRIC = /\bDCGM_FI_DEV_FB_(?:USED|FREE|TOTAL|RESERVED)\b/;
const ANY_METRIC = /\b[a-zA-Z_:][\w:]*(?=\s*(?:\{|\[|$|[-+*/)]))/g;

export interface GuardedUnit {
  unit: string;
  /** Why the unit is another than the dashboard says. */
  note?: string;
}

/**
 * Corrects "bytes" on a panel that shows MiB metrics as they are. An expression that already multiplies by a
 * number, or mixes in other metrics, is left alone: its author knew.
 */
export function guardUnit(panel: Panel, unit: string | undefined): GuardedUnit {
  const shown = unit ?? "";
  if (shown !== "bytes" && shown !== "decbytes") return { unit: shown };
  const exprs = panel.targets.filter((target) => !target.hide).map((target) => target.expr);
  if (exprs.length === 0 || !exprs.every(isPlainMib)) return { unit: shown };
  return { unit: "mbytes", note: "unit corrected: this metric is in MiB, the dashboard says bytes" };
}

function isPlainMib(expr: string): boolean {
  if (!MIB_METRIC.test(expr)) return false;
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""').replace(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  if (/[*/^%]\s*\(?\s*[\d.]|[\d.]\s*\)?\s*[*/^%]|[/^%]/.test(bare)) return false;
  return (bare.match(ANY_METRIC) ?? []).every((name) => MIB_METRIC.test(name) || /^(?:by|without|offset)$/.test(name));
}
