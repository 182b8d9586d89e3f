import { ActionIcon, Tooltip, useComputedColorScheme } from "@mantine/core";
import { useMemo, useState } from "react";
import { Icon } from "../components/Icons";
import type { Panel } from "../model/dashboard";
import { asList, asObject } from "../model/json";
import type { TimeRange } from "../model/timeRange";
import { buildChart, type TargetAnswer } from "./chartData";
import { ChartLegend } from "./ChartLegend";
import { NoData } from "./PanelFrame";
import { pickSeries } from "./pickSeries";
import { TimeChart } from "./TimeChart";

const NO_CALCS: string[] = [];
const USUAL_CALCS = ["lastNotNull", "mean", "max"];

/** Legend of the panel: its columns as the dashboard wants them, switched by a button. */
export function useLegend(panel: Panel) {
  const legend = asObject(panel.options.legend);
  const wanted = asList(legend.calcs).filter((calc) => typeof calc === "string").slice(0, 8);
  const [table, setTable] = useState(legend.displayMode === "table" || wanted.length > 0);
  const calcs = table ? (wanted.length > 0 ? wanted : USUAL_CALCS) : NO_CALCS;
  const button = (
    <Tooltip label={table ? "Legend as a list" : "Legend with values"}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Legend with values" aria-pressed={table} onClick={() => setTable(!table)}>
        <Icon name={table ? "list" : "table"} size={15} />
      </ActionIcon>
    </Tooltip>
  );
  return { calcs, show: legend.showLegend !== false, button };
}

interface Props {
  panel: Panel;
  answers: TargetAnswer[];
  exprs: readonly string[];
  unit: string;
  range: TimeRange;
  syncKey?: string;
  shareTooltip?: boolean;
  legend: { calcs: readonly string[]; show: boolean };
  onZoom: (from: number, to: number) => void;
}

/** Chart and legend for range answers. */
export function TimeseriesView({ panel, answers, exprs, unit, range, syncKey, shareTooltip, legend, onZoom }: Props) {
  const scheme = useComputedColorScheme("light");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const data = useMemo(() => buildChart(panel, answers, unit, scheme), [panel, answers, unit, scheme]);
  const visible = useMemo(() => data.series.map((series) => !hidden.has(series.key) && !series.style.hidden), [data, hidden]);
  if (data.series.length === 0) return <NoData exprs={exprs} />;
  const pick = (index: number, toggle: boolean) => setHidden(pickSeries(data.series.map((series) => series.key), hidden, index, toggle));
  const label = `${panel.title || "Chart"}: ${data.series.length} series over time`;
  return (
    <>
      <TimeChart data={data} visible={visible} unit={unit} range={range} scheme={scheme} syncKey={syncKey} shareTooltip={shareTooltip} label={label} onZoom={onZoom} />
      {legend.show ? <ChartLegend data={data} visible={visible} calcs={legend.calcs} onPick={pick} /> : null}
    </>
  );
}
