import { useEffect, useRef, useState } from "react";
import type { Panel } from "../model/dashboard";
import { defaultStyle } from "../model/fieldConfig";
import { interpolateText, type Variables } from "../model/interpolate";
import { guardUnit } from "../model/unitGuard";
import type { TimeState } from "../components/useTimeState";
import { NoData, PanelFrame } from "./PanelFrame";
import classes from "./panels.module.css";
import { StatView } from "./StatView";
import { TableView } from "./TableView";
import { TextView } from "./TextView";
import { TimeseriesView, useLegend } from "./TimeseriesView";
import { usePanelData } from "./usePanelData";

interface Props {
  panel: Panel;
  time: TimeState;
  variables: Variables;
  graphTooltip: number;
}

const DRAWN = new Set(["timeseries", "stat", "gauge", "bargauge", "table"]);

/** Whether the panel is on the screen or near it, and how wide it is. */
function useInView(): [React.RefObject<HTMLDivElement | null>, boolean, number] {
  const box = useRef<HTMLDivElement>(null);
  const [inView, setInView] = useState(false);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const sight = new IntersectionObserver(([entry]) => setInView(entry?.isIntersecting ?? false), { rootMargin: "200px" });
    const size = new ResizeObserver(() => setWidth(Math.round(element.clientWidth / 50) * 50));
    sight.observe(element);
    size.observe(element);
    return () => {
      sight.disconnect();
      size.disconnect();
    };
  }, []);
  return [box, inView, width];
}

function QueryPanel({ panel, time, variables, graphTooltip, title, inView, width }: Props & { title: string; inView: boolean; width: number }) {
  const query = usePanelData({ panel, range: time.range, tick: time.tick, variables, width, enabled: inView });
  const legend = useLegend(panel);
  const { unit, note } = guardUnit(panel, defaultStyle(panel).unit);
  const isChart = panel.type === "timeseries";
  const frame = {
    title, note, description: panel.description, busy: query.isFetching, warnings: query.data?.warnings,
    error: query.error?.message, actions: isChart ? legend.button : undefined,
  };
  const common = { panel, exprs: query.exprs, unit };
  const body = () => {
    if (panel.targets.length === 0) return <NoData exprs={[]} />;
    if (!query.data) return null;
    if (panel.type === "table") return <TableView {...common} answer={query.data} />;
    if (!isChart) return <StatView {...common} answer={query.data} />;
    return (
      <TimeseriesView {...common} answers={query.data.range} range={time.range} legend={legend} syncKey={graphTooltip > 0 ? "dashboard" : undefined}
        shareTooltip={graphTooltip === 2} onZoom={(from, to) => time.setRaw({ from: String(from), to: String(to) })} />
    );
  };
  return <PanelFrame {...frame}>{query.error && !query.data ? null : body()}</PanelFrame>;
}

/** One panel of a dashboard, of whatever type. */
export function PanelView(props: Props) {
  const { panel, variables } = props;
  const [box, inView, width] = useInView();
  const title = interpolateText(panel.title, variables);
  let content;
  if (DRAWN.has(panel.type)) content = <QueryPanel {...props} title={title} inView={inView} width={width} />;
  else if (panel.type === "text") content = <PanelFrame title={title} description={panel.description}><TextView panel={panel} variables={variables} /></PanelFrame>;
  else {
    content = (
      <PanelFrame title={title} description={panel.description}>
        <div className={classes.center}>Panels of type “{panel.type}” are not drawn yet.</div>
      </PanelFrame>
    );
  }
  return <div ref={box} style={{ height: "100%", minWidth: 0 }}>{content}</div>;
}
