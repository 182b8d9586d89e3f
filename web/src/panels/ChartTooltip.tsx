import { Portal } from "@mantine/core";
import { formatDateTime } from "../model/timeRange";
import { formatValue } from "../model/units";
import type { ChartData, ChartSeries } from "./chartData";
import classes from "./panels.module.css";

export interface TooltipState {
  /** Index on the time axis. */
  index: number;
  /** Place of the cursor in the window. */
  x: number;
  y: number;
}

const MAX_ROWS = 20;
const WIDTH = 340;
const ROW_PX = 19;

interface Props {
  state: TooltipState;
  data: ChartData;
  visible: readonly boolean[];
}

/** A value of the series at the index, or the nearest one of its own grid just before. */
function valueAt(series: ChartSeries, index: number): number | null {
  for (let i = index; i >= 0 && i > index - 40; i--) {
    const value = series.values[i];
    if (value !== undefined) return value;
  }
  return null;
}

/** Values of all series at the cursor, largest first. */
export function ChartTooltip({ state, data, visible }: Props) {
  const rows = data.series
    .filter((_, i) => visible[i])
    .map((series) => ({ series, value: valueAt(series, state.index) }))
    .filter((row): row is { series: ChartSeries; value: number } => row.value !== null)
    .sort((a, b) => b.value - a.value);
  const time = data.axis[state.index];
  if (rows.length === 0 || time === undefined) return null;
  const shown = rows.slice(0, MAX_ROWS);
  const height = 44 + shown.length * ROW_PX;
  const left = state.x + 16 + WIDTH > window.innerWidth ? Math.max(4, state.x - WIDTH - 16) : state.x + 16;
  const top = Math.max(4, Math.min(state.y - 20, window.innerHeight - height - 8));
  return (
    <Portal>
      <div className={classes.tooltip} style={{ left, top, maxWidth: WIDTH }} aria-hidden="true">
        <div className={classes.tooltipTime}>{formatDateTime(time * 1000)}</div>
        {shown.map(({ series, value }) => (
          <div key={series.key} className={classes.tooltipRow}>
            <span className={classes.swatch} style={{ background: series.color }} />
            <span className={classes.tooltipName}>{series.name}</span>
            <span className={classes.tooltipValue}>{formatValue(value, series.unit, series.style.decimals)}</span>
          </div>
        ))}
        {rows.length > MAX_ROWS ? <div className={classes.tooltipMore}>{rows.length - MAX_ROWS} more</div> : null}
      </div>
    </Portal>
  );
}
