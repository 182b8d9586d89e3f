import { ActionIcon, Badge, Center, Group, Loader, Tooltip } from "@mantine/core";
import { useIsFetching, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { getDashboard } from "../api/dashboards";
import { DeleteDashboard } from "../components/DeleteDashboard";
import { Icon } from "../components/Icons";
import { Message } from "../components/Message";
import { ShortcutHelp } from "../components/ShortcutHelp";
import { RefreshPicker, TimePicker } from "../components/TimePicker";
import { useShortcuts } from "../components/useShortcuts";
import { PANEL_KEY, useTimeState } from "../components/useTimeState";
import { useVariables } from "../components/useVariables";
import { VariablesBar } from "../components/VariablesBar";
import { readDashboard, type Dashboard } from "../model/dashboard";
import { shiftRange, zoomOut } from "../model/timeRange";
import type { Variables } from "../model/interpolate";
import { DashboardGrid } from "../panels/DashboardGrid";
import { navigate, usePlace } from "../router";
import classes from "./DashboardPage.module.css";

function Board({ board, uid, provisioned }: { board: Dashboard; uid: string; provisioned: boolean }) {
  const { search } = usePlace();
  const time = useTimeState({ ...board.time, refresh: board.refresh });
  const busy = useIsFetching({ queryKey: [PANEL_KEY] }) > 0;
  const [help, setHelp] = useState(false);
  const resolved = useVariables(uid, board.variables, search, time.range);
  const variables = useMemo<Variables>(() => Object.fromEntries((resolved ?? []).map((item) => [item.model.name, item.value])), [resolved]);
  useShortcuts({
    "?": () => setHelp(true),
    "d r": time.reload,
    "d l": () => navigate("/dashboards"),
    "t z": () => time.setRaw(zoomOut(time.range)),
    "t ArrowLeft": () => time.setRaw(shiftRange(time.range, -1)),
    "t ArrowRight": () => time.setRaw(shiftRange(time.range, 1)),
    "t a": () => time.setRaw({ from: String(time.range.from), to: String(time.range.to) }),
  });
  return (
    <>
      <header className={classes.header}>
        <h1 className={classes.title} title={board.description}>{board.title}</h1>
        <Group gap={6} visibleFrom="md">
          {board.tags.map((tag) => <Badge key={tag} variant="default" size="sm" tt="none" fw={500}>{tag}</Badge>)}
        </Group>
        <span className={classes.spacer} />
        <Group gap={6} wrap="nowrap">
          <TimePicker time={time} />
          <RefreshPicker time={time} busy={busy} />
          {provisioned ? null : <DeleteDashboard uid={uid} title={board.title} />}
          <Tooltip label="Keyboard (?)">
            <ActionIcon variant="subtle" color="gray" size={30} aria-label="Keyboard shortcuts" onClick={() => setHelp(true)} visibleFrom="md">
              <Icon name="keyboard" />
            </ActionIcon>
          </Tooltip>
        </Group>
      </header>
      {resolved ? <VariablesBar items={resolved} /> : null}
      <div className={classes.panels}>
        {resolved ? <DashboardGrid panels={board.panels} time={time} variables={variables} graphTooltip={board.graphTooltip} /> : null}
        {board.panels.length === 0 ? <Message icon="dashboards" title="This dashboard has no panels" /> : null}
      </div>
      <ShortcutHelp opened={help} onClose={() => setHelp(false)} />
    </>
  );
}

/** A dashboard by its uid. */
export function DashboardPage({ uid }: { uid: string }) {
  const query = useQuery({ queryKey: ["dashboard", uid], queryFn: ({ signal }) => getDashboard(uid, signal), staleTime: 30_000 });
  const board = useMemo(() => (query.data ? readDashboard(query.data.dashboard) : undefined), [query.data]);
  useEffect(() => {
    document.title = `${board?.title ?? "Dashboard"} · Slurmscope`;
  }, [board?.title]);
  if (query.error) return <Message icon="warning" title="The dashboard cannot be shown" text={query.error.message} />;
  if (!board) return <Center h="50vh"><Loader size="sm" aria-label="Loading" /></Center>;
  return <Board board={board} uid={uid} provisioned={query.data?.meta.provisioned ?? false} />;
}
