import type { KeyboardEvent, MouseEvent } from "react";
import { reduce } from "../model/frames";
import { formatValue } from "../model/units";
import type { ChartData, ChartSeries } from "./chartData";
import classes from "./panels.module.css";

interface Props {
  data: ChartData;
  visible: readonly boolean[];
  /** Reducers to show as columns; none shows a plain list. */
  calcs: readonly string[];
  onPick: (index: number, toggle: boolean) => void;
}

/** More entries than this make the page slow and tell nothing. */
const MAX_ENTRIES = 200;
const TITLES: Record<string, string> = { lastNotNull: "last", firstNotNull: "first" };

function Entry({ series, shown, onPick }: { series: ChartSeries; shown: boolean; onPick: (toggle: boolean) => void }) {
  const pick = (event: MouseEvent | KeyboardEvent) => onPick(event.ctrlKey || event.metaKey || event.shiftKey);
  return (
    <button type="button" className={classes.entry} aria-pressed={shown} title={`${series.full}\nClick: only this one. Ctrl+click: hide or show.`} onClick={pick}>
      <span className={classes.swatch} style={{ background: shown ? series.color : "transparent", borderColor: series.color }} />
      <span className={classes.entryName}>{series.name}</span>
    </button>
  );
}

/** Names of the series; a click isolates one, a click with ctrl or cmd hides or shows it. */
export function ChartLegend({ data, visible, calcs, onPick }: Props) {
  const entries = data.series.map((series, index) => ({ series, index })).filter(({ series }) => !series.style.hideLegend).slice(0, MAX_ENTRIES);
  const more = data.series.length - entries.length;
  const rest = more + data.dropped > 0 ? <span className={classes.more}>{more + data.dropped} more{data.dropped > 0 ? `, ${data.dropped} of them not drawn` : ""}</span> : null;
  if (calcs.length === 0) {
    return (
      <div className={classes.legend} role="group" aria-label="Series">
        {entries.map(({ series, index }) => (
          <Entry key={series.key} series={series} shown={visible[index] ?? true} onPick={(toggle) => onPick(index, toggle)} />
        ))}
        {rest}
      </div>
    );
  }
  return (
    <div className={classes.legendTable} tabIndex={0} role="region" aria-label="Series with values">
      <table>
        <thead>
          <tr>
            <th scope="col">Series</th>
            {calcs.map((calc) => <th scope="col" key={calc}>{TITLES[calc] ?? calc}</th>)}
          </tr>
        </thead>
        <tbody>
          {entries.map(({ series, index }) => (
            <tr key={series.key}>
              <td><Entry series={series} shown={visible[index] ?? true} onPick={(toggle) => onPick(index, toggle)} /></td>
              {calcs.map((calc) => <td key={calc}>{formatValue(reduce(series.values, calc), calc === "count" ? "none" : series.unit, series.style.decimals)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {rest}
    </div>
  );
}
