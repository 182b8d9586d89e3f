import { useMemo, useState } from "react";
import type { Panel } from "../model/dashboard";
import { mapValue, styleOf } from "../model/fieldConfig";
import { parseSample } from "../model/frames";
import type { Labels } from "../model/legend";
import { formatValue } from "../model/units";
import { NoData } from "./PanelFrame";
import classes from "./panels.module.css";
import type { PanelAnswer } from "./usePanelData";

interface Row {
  labels: Labels;
  value: number | null;
  refId: string;
}

const MAX_ROWS = 500;

function collect(answer: PanelAnswer): Row[] {
  const rows: Row[] = [];
  for (const part of answer.instant) for (const item of part.series) rows.push({ labels: item.metric, refId: part.refId, value: item.value ? parseSample(item.value[1]) : null });
  for (const part of answer.range) {
    for (const item of part.series) {
      const last = item.values?.at(-1);
      rows.push({ labels: item.metric, refId: part.refId, value: last ? parseSample(last[1]) : null });
    }
  }
  return rows;
}

interface Props {
  panel: Panel;
  answer: PanelAnswer;
  exprs: readonly string[];
  unit: string;
}

/** The latest value of every series with its labels as columns; a click on the value's title sorts. */
export function TableView({ panel, answer, exprs, unit }: Props) {
  const [order, setOrder] = useState(0);
  const rows = useMemo(() => {
    const all = collect(answer);
    return order === 0 ? all : all.sort((a, b) => order * ((a.value ?? -Infinity) - (b.value ?? -Infinity)));
  }, [answer, order]);
  const columns = useMemo(() => [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].filter((name) => name !== "__name__").sort(), [rows]);
  if (rows.length === 0) return <NoData exprs={exprs} />;
  const text = (row: Row) => {
    const style = styleOf(panel, "Value", row.refId);
    return mapValue(style.mappings, row.value)?.text ?? formatValue(row.value, style.unit === panel.defaults.unit ? unit : style.unit, style.decimals);
  };
  return (
    <div className={classes.tableBox} tabIndex={0} role="region" aria-label={panel.title || "Table"}>
      <table className={classes.table}>
        <thead>
          <tr>
            {columns.map((name) => <th scope="col" key={name}>{name}</th>)}
            <th scope="col" aria-sort={order === 0 ? "none" : order < 0 ? "descending" : "ascending"}>
              <button type="button" className={classes.entry} onClick={() => setOrder(order === -1 ? 1 : -1)}>Value {order === 0 ? "" : order < 0 ? "↓" : "↑"}</button>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MAX_ROWS).map((row, index) => (
            <tr key={index}>
              {columns.map((name) => <td key={name}>{row.labels[name] ?? ""}</td>)}
              <td>{text(row)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MAX_ROWS ? <span className={classes.more}>{rows.length - MAX_ROWS} more</span> : null}
    </div>
  );
}
