import { useComputedColorScheme } from "@mantine/core";
import { useMemo } from "react";
import type { Panel } from "../model/dashboard";
import type { Column } from "../model/frames";
import { NoData } from "./PanelFrame";
import classes from "./stat.module.css";
import type { PanelAnswer } from "./usePanelData";
import { reducedValues, type ReducedValue } from "./values";

interface Props {
  panel: Panel;
  answer: PanelAnswer;
  exprs: readonly string[];
  unit: string;
}

function Sparkline({ values, color }: { values: Column; color: string }) {
  const points = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  if (points.length < 2) return null;
  const low = points.reduce((a, b) => Math.min(a, b));
  const span = points.reduce((a, b) => Math.max(a, b)) - low || 1;
  const line = points.map((value, i) => `${((100 * i) / (points.length - 1)).toFixed(2)},${(28 - (24 * (value - low)) / span).toFixed(2)}`).join(" ");
  return (
    <svg className={classes.spark} viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,30 ${line} 100,30`} fill={color} opacity="0.14" />
      <polyline points={line} fill="none" stroke={color} strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** Share of the way from min to max, in 0..1. */
function share(item: ReducedValue): number {
  const min = item.style.min ?? 0;
  const percent = item.style.unit === "percentunit" ? 1 : 100;
  const max = item.style.max ?? percent;
  return item.value === null || max <= min ? 0 : Math.min(1, Math.max(0, (item.value - min) / (max - min)));
}

function Arc({ item }: { item: ReducedValue }) {
  const length = Math.PI * 40;
  return (
    <svg className={classes.arc} viewBox="0 0 100 60" role="img" aria-label={`${item.name}: ${item.text}`}>
      <path d="M10 52 A40 40 0 0 1 90 52" fill="none" stroke="var(--ss-grid)" strokeWidth="9" strokeLinecap="round" />
      {share(item) > 0 ? (
        <path d="M10 52 A40 40 0 0 1 90 52" fill="none" stroke={item.color} strokeWidth="9" strokeLinecap="round" strokeDasharray={`${length * share(item)} ${length}`} />
      ) : null}
      <text x="50" y="50" textAnchor="middle" fontSize="13" fontWeight="600" fill="currentColor">{item.text}</text>
    </svg>
  );
}

function Item({ item, kind, single, spark }: { item: ReducedValue; kind: string; single: boolean; spark: boolean }) {
  const name = single ? null : <div className={classes.statName} title={item.name}>{item.name}</div>;
  if (kind === "gauge") return <div className={classes.stat}><Arc item={item} />{name}</div>;
  if (kind === "bargauge") {
    return (
      <div className={classes.barRow}>
        <span className={classes.statName} title={item.name}>{item.name}</span>
        <strong>{item.text}</strong>
        <div className={classes.bar}><div style={{ width: `${100 * share(item)}%`, background: item.color }} /></div>
      </div>
    );
  }
  return (
    <div className={classes.stat}>
      {name}
      <div className={classes.statValue} style={{ color: item.value === null ? undefined : item.color }}>{item.text}</div>
      {spark ? <Sparkline values={item.history} color={item.color} /> : null}
    </div>
  );
}

/** Stat, gauge and bar gauge: one value for each series. */
export function StatView({ panel, answer, exprs, unit }: Props) {
  const scheme = useComputedColorScheme("light");
  const values = useMemo(() => reducedValues(panel, answer, unit, scheme), [panel, answer, unit, scheme]);
  if (values.length === 0) return <NoData exprs={exprs} />;
  const spark = panel.type === "stat" && panel.options.graphMode !== "none";
  return (
    <div className={classes.stats} data-kind={panel.type} data-testid="panel-values">
      {values.map((item, index) => <Item key={index} item={item} kind={panel.type} single={values.length === 1} spark={spark} />)}
    </div>
  );
}
