import { ActionIcon, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon } from "../components/Icons";
import classes from "./panels.module.css";

interface Props {
  title: string;
  description?: string;
  note?: string;
  error?: string;
  warnings?: readonly string[];
  busy?: boolean;
  actions?: ReactNode;
  children: ReactNode;
}

/** Border, title, notes and state of a panel. */
export function PanelFrame({ title, description, note, error, warnings = [], busy, actions, children }: Props) {
  return (
    <section className={classes.panel} aria-label={title || "Panel"} aria-busy={busy} data-testid={`panel-${title}`}>
      <header className={classes.header}>
        {busy ? <div className={classes.progress} /> : null}
        <h2 className={classes.title} title={title}>{title}</h2>
        {description ? (
          <Tooltip label={<div className={classes.description}>{description}</div>} multiline events={{ hover: true, focus: true, touch: true }}>
            <ActionIcon variant="transparent" color="gray" size="sm" aria-label={`About: ${description}`}><Icon name="info" size={14} /></ActionIcon>
          </Tooltip>
        ) : null}
        {note ? (
          <span className={classes.note} title={note} data-testid="panel-note"><Icon name="warning" size={13} /><span>{note}</span></span>
        ) : null}
        <span className={classes.spacer} />
        {warnings.length > 0 ? (
          <Tooltip label={warnings.join("; ")} multiline maw={420} events={{ hover: true, focus: true, touch: true }}>
            <ActionIcon variant="transparent" color="yellow" size="sm" aria-label={`Warnings: ${warnings.join("; ")}`}><Icon name="warning" size={15} /></ActionIcon>
          </Tooltip>
        ) : null}
        {error ? <span className={classes.bad} title={error}><Icon name="warning" size={15} /></span> : null}
        {actions}
      </header>
      <div className={classes.body}>
        {error ? <div className={classes.error} role="alert" data-testid="panel-error">{error}</div> : null}
        {children}
      </div>
    </section>
  );
}

/** What a panel without data says: the questions it asked. */
export function NoData({ exprs }: { exprs: readonly string[] }) {
  return (
    <div className={classes.center} data-testid="panel-nodata">
      <strong>No data</strong>
      {exprs.length === 0 ? <span>This panel has no query.</span> : null}
      {exprs.slice(0, 4).map((expr, index) => <code key={index}>{expr}</code>)}
    </div>
  );
}
