import { ActionIcon, Button, Group, Loader, Menu, Tabs, Title, Tooltip } from "@mantine/core";
import { useIsFetching } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Icon } from "../components/Icons";
import { Message } from "../components/Message";
import PromqlEditor from "../components/PromqlEditor";
import { RefreshPicker, TimePicker } from "../components/TimePicker";
import { PANEL_KEY, useTimeState } from "../components/useTimeState";
import { loadHistory, remember, saveHistory } from "../model/queryHistory";
import { setSearch, usePlace } from "../router";
import { ExploreResult } from "./ExploreResult";
import classes from "./ExplorePage.module.css";

function HistoryMenu({ list, onPick }: { list: readonly string[]; onPick: (query: string) => void }) {
  return (
    <Menu position="bottom-end" withinPortal width={420}>
      <Menu.Target>
        <Tooltip label="Earlier queries">
          <ActionIcon variant="default" size={34} aria-label="Earlier queries" disabled={list.length === 0}><Icon name="history" size={17} /></ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown mah={360} className={classes.history}>
        {list.map((query) => <Menu.Item key={query} onClick={() => onPick(query)} className={classes.past}>{query}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Free PromQL: graph and table, the question in the URL. */
export default function ExplorePage() {
  const { search } = usePlace();
  const asked = search.get("expr") ?? "";
  const tab = search.get("tab") === "table" ? "table" : "graph";
  const time = useTimeState({ from: "now-1h", to: "now", refresh: "" });
  const [draft, setDraft] = useState({ from: asked, text: asked });
  const [past, setPast] = useState(loadHistory);
  const busy = useIsFetching({ queryKey: [PANEL_KEY] }) > 0;
  // Going back in the browser brings the earlier question into the editor.
  if (draft.from !== asked) setDraft({ from: asked, text: asked });
  useEffect(() => {
    document.title = "Explore · Slurmscope";
  }, []);
  const run = (text: string) => {
    const query = text.trim();
    if (query === "") return;
    const list = remember(past, query);
    setPast(list);
    saveHistory(list);
    if (query !== asked) setSearch({ expr: query });
    setDraft({ from: query, text: query });
    time.reload();
  };
  return (
    <div className={classes.page}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={1} size="h3">Explore</Title>
        <Group gap={6} wrap="nowrap">
          <TimePicker time={time} />
          <RefreshPicker time={time} busy={busy} />
        </Group>
      </Group>
      <div className={classes.query}>
        <div className={classes.editor}>
          <PromqlEditor value={draft.text} onChange={(text) => setDraft({ from: asked, text })} onRun={() => run(draft.text)} />
        </div>
        <Group gap={6} wrap="nowrap">
          <Tooltip label="Run (Shift+Enter)">
            <Button h={34} onClick={() => run(draft.text)} leftSection={busy ? <Loader size={14} color="currentColor" /> : <Icon name="play" size={15} />} data-testid="explore-run">Run</Button>
          </Tooltip>
          <HistoryMenu list={past} onPick={run} />
        </Group>
      </div>
      {asked === "" ? <Message icon="explore" title="Ask a question" text="Write PromQL above and press Shift+Enter. Completion knows the metrics and labels of this server." /> : (
        <Tabs value={tab} onChange={(value) => setSearch({ tab: value === "table" ? "table" : undefined }, true)} keepMounted={false} mt="sm">
          <Tabs.List>
            <Tabs.Tab value="graph" leftSection={<Icon name="explore" size={15} />}>Graph</Tabs.Tab>
            <Tabs.Tab value="table" leftSection={<Icon name="table" size={15} />}>Table</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value={tab} pt="sm"><ExploreResult expr={asked} instant={tab === "table"} time={time} /></Tabs.Panel>
        </Tabs>
      )}
    </div>
  );
}
