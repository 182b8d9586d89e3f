import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { parseInterval, resolveRange, type RawRange, type TimeRange } from "../model/timeRange";
import { setSearch, usePlace } from "../router";

export interface TimeState {
  raw: RawRange;
  range: TimeRange;
  /** Counts the refreshes, so that the same range is asked for again. */
  tick: number;
  refresh: string;
  setRaw: (raw: RawRange) => void;
  setRefresh: (refresh: string) => void;
  reload: () => void;
}

interface Defaults extends RawRange {
  refresh: string;
}

/** Answers that must not be overtaken by an automatic refresh carry this first query key. */
export const PANEL_KEY = "panel";
/** After this time an automatic refresh gives up on answers still under way. */
const PATIENCE_MS = 60_000;
const FALLBACK: RawRange = { from: "now-6h", to: "now" };

/** Time range and refresh interval of a page, kept in the URL; "now" moves at each refresh only. */
export function useTimeState(defaults: Defaults): TimeState {
  const { search } = usePlace();
  const from = search.get("from") ?? defaults.from;
  const to = search.get("to") ?? defaults.to;
  const refresh = search.get("refresh") ?? defaults.refresh;
  const [clock, setClock] = useState(() => ({ tick: 0, now: Date.now() }));
  const reload = useCallback(() => setClock((old) => ({ tick: old.tick + 1, now: Date.now() })), []);
  useAutoRefresh(refresh, reload);
  const range = useMemo(
    () => resolveRange({ from, to }, clock.now) ?? resolveRange(FALLBACK, clock.now) ?? { from: clock.now - 1000, to: clock.now },
    [from, to, clock.now],
  );
  const setRaw = useCallback((raw: RawRange) => {
    setSearch({ from: raw.from, to: raw.to });
    setClock((old) => ({ tick: old.tick + 1, now: Date.now() }));
  }, []);
  // "off" is written out, else the dashboard's own interval would come back.
  const setRefresh = useCallback((value: string) => setSearch({ refresh: value === "" ? "off" : value }, true), []);
  return { raw: { from, to }, range, tick: clock.tick, refresh: refresh === "off" ? "" : refresh, setRaw, setRefresh, reload };
}

function useAutoRefresh(refresh: string, reload: () => void) {
  const client = useQueryClient();
  useEffect(() => {
    const every = refresh === "off" ? undefined : parseInterval(refresh);
    if (!every) return;
    let last = Date.now();
    const maybe = () => {
      const age = Date.now() - last;
      if (document.hidden || age < every - 50) return;
      // Slow answers finish before they are asked for again, or they would never be seen.
      if (client.isFetching({ queryKey: [PANEL_KEY] }) > 0 && age < PATIENCE_MS) return;
      last = Date.now();
      reload();
    };
    const timer = window.setInterval(maybe, Math.max(1000, Math.min(every, 5000)));
    document.addEventListener("visibilitychange", maybe);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", maybe);
    };
  }, [refresh, reload, client]);
}
