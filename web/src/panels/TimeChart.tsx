import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { TimeRange } from "../model/timeRange";
import type { ChartData } from "./chartData";
import { chartOptions, type ChartColors } from "./chartOptions";
import { ChartTooltip, type TooltipState } from "./ChartTooltip";
import { drawnData } from "./drawn";
import classes from "./panels.module.css";

interface Props {
  data: ChartData;
  visible: readonly boolean[];
  unit: string;
  range: TimeRange;
  scheme: string;
  syncKey?: string;
  shareTooltip?: boolean;
  label: string;
  onZoom: (from: number, to: number) => void;
}

function readColors(element: Element): ChartColors {
  const style = getComputedStyle(element);
  return { text: style.getPropertyValue("--ss-muted") || "#666", grid: style.getPropertyValue("--ss-grid") || "#ddd" };
}

function useSize(): [React.RefObject<HTMLDivElement | null>, { width: number; height: number }] {
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [box, size];
}

/** What makes a new chart necessary; anything else is new data for the old one. */
function shapeOf(props: Props, ready: boolean): string {
  const series = props.data.series.map((item) => [item.key, item.color, item.style]);
  return JSON.stringify([ready, props.scheme, props.unit, props.syncKey, props.visible, series]);
}

/** The canvas with cursor, tooltip and drag-zoom. */
export function TimeChart(props: Props) {
  const [box, size] = useSize();
  const chart = useRef<uPlot | null>(null);
  const [tooltip, setTooltip] = useState<TooltipState | null>(null);
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });
  const ready = size.width > 0 && size.height > 0;
  const shape = shapeOf(props, ready);
  const drawn = useMemo(() => drawnData(props.data, props.visible), [props.data, props.visible]);
  const drawnNow = useRef(drawn);
  useLayoutEffect(() => {
    drawnNow.current = drawn;
  });

  useEffect(() => {
    const element = box.current;
    if (!element || !ready) return;
    const onCursor = (u: uPlot) => {
      const { idx, left = -1, top = -1 } = u.cursor;
      const own = u.over.matches(":hover");
      if (idx == null || left < 0 || (!own && !latest.current.shareTooltip)) return setTooltip(null);
      const frame = u.over.getBoundingClientRect();
      setTooltip({ index: idx, x: frame.left + left, y: frame.top + (own ? top : frame.height / 3) });
    };
    const { data, visible, unit, syncKey } = latest.current;
    const setup = {
      data, visible, unit, syncKey, width: element.clientWidth, height: element.clientHeight, colors: readColors(element), onCursor,
      range: (): [number, number] => [latest.current.range.from / 1000, latest.current.range.to / 1000],
      onZoom: (from: number, to: number) => latest.current.onZoom(Math.round(from * 1000), Math.round(to * 1000)),
    };
    const made = new uPlot(chartOptions(setup, drawnNow.current.bands), drawnNow.current.columns, element);
    chart.current = made;
    return () => {
      made.destroy();
      chart.current = null;
      setTooltip(null);
    };
  }, [shape, ready, box]);

  useEffect(() => chart.current?.setData(drawn.columns), [drawn, props.range]);
  useEffect(() => {
    if (ready) chart.current?.setSize(size);
  }, [size, ready]);

  return (
    <div ref={box} className={classes.chart} role="img" aria-label={props.label} data-testid="panel-canvas" data-series-count={props.data.series.length}>
      {tooltip ? <ChartTooltip state={tooltip} data={props.data} visible={props.visible} /> : null}
    </div>
  );
}
