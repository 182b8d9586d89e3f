import { Alert, useComputedColorScheme } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useElementSize } from "@mantine/hooks";
import { useMemo, useState } from "react";
import { ApiError } from "../api/client";
import { queryInstant, queryRange, type InstantAnswer, type RangeAnswer } from "../api/prometheus";
import { Icon } from "../components/Icons";
import { PANEL_KEY, type TimeState } from "../components/useTimeState";
import { readDashboard } from "../model/dashboard";
import { formatSeries } from "../model/legend";
import { computeStep, formatInterval, type StepResult } from "../model/step";
import { buildChart } from "../panels/chartData";
import { ChartLegend } from "../panels/ChartLegend";
import { TimeChart } from "../panels/TimeChart";
import { pickSeries } from "../panels/pickSeries";
import classes from "./ExplorePage.module.css";

const PANEL = readDashboard({ panels: [{ type: "timeseries", title: "Explore" }] }).panels[0]!;
const CALCS = ["lastNotNull", "mean", "max"];
const MAX_ROWS = 1000;

/** Errors, warnings and infos of an answer, as the server words them. */
function Notices({ error, warnings, infos }: { error?: string; warnings: readonly string[]; infos: readonly string[] }) {
  return (
    <>
      {error ? <Alert color="red" icon={<Icon name="warning" />} mb="sm" p="xs" role="alert" data-testid="explore-error"><code>{error}</code></Alert> : null}
      {warnings.length > 0 ? <Alert color="yellow" icon={<Icon name="warning" />} mb="sm" p="xs">{warnings.join("; ")}</Alert> : null}
      {infos.length > 0 ? <Alert color="blue" icon={<Icon name="info" />} mb="sm" p="xs">{infos.join("; ")}</Alert> : null}
    </>
  );
}

function Graph({ answer, expr, step, time }: { answer: RangeAnswer; expr: string; step: StepResult; time: TimeState }) {
  const scheme = useComputedColorScheme("light");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const data = useMemo(() => {
    const grid = { start: step.start / 1000, end: step.end / 1000, step: step.stepMs / 1000 };
    return buildChart(PANEL, [{ refId: "A", expr, grid, series: answer.series }], "short", scheme);
  }, [answer, expr, step, scheme]);
  const visible = useMemo(() => data.series.map((series) => !hidden.has(series.key)), [data, hidden]);
  if (data.series.length === 0) return <div className={classes.empty} data-testid="panel-nodata">No data for <code>{expr}</code> in this time range.</div>;
  const pick = (index: number, toggle: boolean) => setHidden(pickSeries(data.series.map((series) => series.key), hidden, index, toggle));
  return (
    <div className={classes.graph}>
      <TimeChart data={data} visible={visible} unit="short" range={time.range} scheme={scheme} label={`${expr}: ${data.series.length} series over time`}
        onZoom={(from, to) => time.setRaw({ from: String(from), to: String(to) })} />
      <ChartLegend data={data} visible={visible} calcs={CALCS} onPick={pick} />
    </div>
  );
}

function Table({ answer, expr }: { answer: InstantAnswer; expr: string }) {
  if (answer.series.length === 0) return <div className={classes.empty} data-testid="panel-nodata">No data for <code>{expr}</code> at this time.</div>;
  return (
    <div className={classes.tableBox}>
      <table className={classes.table} data-testid="explore-table">
        <thead><tr><th scope="col">Series</th><th scope="col">Value</th></tr></thead>
        <tbody>
          {answer.series.slice(0, MAX_ROWS).map((item, index) => (
            <tr key={index}><td>{formatSeries(item.metric)}</td><td>{item.value?.[1] ?? "histogram"}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const isRange = (answer: RangeAnswer | InstantAnswer): answer is RangeAnswer => !("resultType" in answer);

/** Asks the question and shows the answer as graph or table. */
export function ExploreResult({ expr, instant, time }: { expr: string; instant: boolean; time: TimeState }) {
  const { ref, width } = useElementSize();
  const points = Math.max(100, Math.round(width / 100) * 100);
  const step = useMemo(() => computeStep({ range: time.range, maxDataPoints: points }), [time.range, points]);
  const query = useQuery({
    queryKey: [PANEL_KEY, "explore", expr, instant, step.start, step.end, step.stepMs, time.tick],
    queryFn: async ({ signal }): Promise<{ expr: string; step: StepResult; answer: RangeAnswer | InstantAnswer }> => ({
      expr, step, answer: instant ? await queryInstant(expr, time.range.to, signal) : await queryRange(expr, step.start, step.end, step.stepMs, signal),
    }),
    enabled: width > 0,
    placeholderData: keepPreviousData,
    gcTime: 1000,
    staleTime: Infinity,
  });
  const found = query.data;
  const type = query.error instanceof ApiError && query.error.type ? `${query.error.type}: ` : "";
  const meta = found ? `${found.answer.series.length} series${isRange(found.answer) ? `, step ${formatInterval(found.step.stepMs)}` : ""}` : "";
  return (
    <div ref={ref} aria-busy={query.isFetching}>
      <Notices error={query.error ? type + query.error.message : undefined} warnings={found?.answer.warnings ?? []} infos={found?.answer.infos ?? []} />
      {found && !query.error ? (
        <>
          {isRange(found.answer) ? <Graph answer={found.answer} expr={found.expr} step={found.step} time={time} /> : <Table answer={found.answer} expr={found.expr} />}
          <p className={classes.meta}>{meta}</p>
        </>
      ) : null}
    </div>
  );
}
