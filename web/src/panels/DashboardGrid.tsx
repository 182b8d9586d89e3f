import { useState } from "react";
import { ErrorBoundary } from "../components/ErrorBoundary";
import { Icon } from "../components/Icons";
import type { TimeState } from "../components/useTimeState";
import type { Panel } from "../model/dashboard";
import { interpolateText, type Variables } from "../model/interpolate";
import { toSections, type Section } from "../model/sections";
import classes from "./DashboardGrid.module.css";
import { PanelView } from "./PanelView";

interface Props {
  panels: readonly Panel[];
  time: TimeState;
  variables: Variables;
  graphTooltip: number;
}

function Cells({ panels, ...rest }: Props) {
  const top = panels.reduce((least, panel) => Math.min(least, panel.gridPos.y), Infinity);
  return (
    <div className={classes.grid}>
      {panels.map((panel, index) => {
        const { x, y, w, h } = panel.gridPos;
        return (
          <div key={`${panel.id} ${index}`} className={classes.cell}
            style={{ "--cell-column": `${x + 1} / span ${w}`, "--cell-row": `${y - top + 1} / span ${h}`, "--cell-height": `${h * 38 - 8}px` } as React.CSSProperties}>
            <ErrorBoundary>
              <PanelView panel={panel} {...rest} />
            </ErrorBoundary>
          </div>
        );
      })}
    </div>
  );
}

function RowSection({ section, ...rest }: { section: Section } & Omit<Props, "panels">) {
  const [open, setOpen] = useState(!section.row?.collapsed);
  const title = interpolateText(section.row?.title ?? "", rest.variables) || "Row";
  return (
    <section aria-label={title}>
      <h2 className={classes.rowTitle}>
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? "down" : "right"} size={15} />
          {title}
          <span className={classes.rowCount}>{section.panels.length} {section.panels.length === 1 ? "panel" : "panels"}</span>
        </button>
      </h2>
      {open ? <Cells panels={section.panels} {...rest} /> : null}
    </section>
  );
}

/** All panels of a dashboard: 24 columns on wide screens, one on narrow ones. Closed rows ask nothing. */
export function DashboardGrid({ panels, ...rest }: Props) {
  return toSections(panels).map((section, index) =>
    section.row ? <RowSection key={index} section={section} {...rest} /> : <Cells key={index} panels={section.panels} {...rest} />,
  );
}
