import { Alert, Badge, Checkbox, Group, Loader, TextInput, Title, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { activeTargets, type ScrapeTarget } from "../api/prometheus";
import { Icon } from "../components/Icons";
import { Message } from "../components/Message";
import { safeHref } from "../model/links";
import { formatDateTime } from "../model/timeRange";
import { formatValue } from "../model/units";
import classes from "./TargetsPage.module.css";

const STATES = {
  up: { label: "Up", icon: "check" },
  down: { label: "Down", icon: "cross" },
  unknown: { label: "Unknown", icon: "question" },
} as const;

function State({ health }: { health: ScrapeTarget["health"] }) {
  const state = STATES[health] ?? STATES.unknown;
  return (
    <span className={classes.state} data-health={health}>
      <Icon name={state.icon} size={13} strokeWidth={2.6} />
      {state.label}
    </span>
  );
}

function ago(time: string, now: number): string {
  const at = Date.parse(time);
  if (Number.isNaN(at) || at <= 0) return "never";
  const seconds = Math.max(0, (now - at) / 1000);
  return seconds < 60 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s ago` : `${formatValue(seconds, "s", 0)} ago`;
}

function Row({ target, now }: { target: ScrapeTarget; now: number }) {
  const labels = Object.entries(target.labels).sort(([a], [b]) => a.localeCompare(b));
  const href = safeHref(target.scrapeUrl);
  return (
    <tr>
      <td className={classes.endpoint}>
        {href ? <a href={href} target="_blank" rel="noopener noreferrer">{target.scrapeUrl}</a> : target.scrapeUrl}
        {target.lastError ? <div className={classes.error}>{target.lastError}</div> : null}
      </td>
      <td><State health={target.health} /></td>
      <td className={classes.labels}>
        <Group gap={4}>
          {labels.map(([name, value]) => (
            <Badge key={name} variant="default" size="sm" tt="none" fw={450} className={classes.label}>{`${name}="${value}"`}</Badge>
          ))}
        </Group>
      </td>
      <td className={classes.number}>
        <Tooltip label={Date.parse(target.lastScrape) > 0 ? formatDateTime(Date.parse(target.lastScrape)) : "not scraped yet"}>
          <span tabIndex={0}>{ago(target.lastScrape, now)}</span>
        </Tooltip>
      </td>
      <td className={classes.number}>{formatValue(target.lastScrapeDuration, "s")}</td>
    </tr>
  );
}

function Pool({ name, targets, now }: { name: string; targets: ScrapeTarget[]; now: number }) {
  const up = targets.filter((target) => target.health === "up").length;
  return (
    <section className={classes.pool} aria-label={name}>
      <header className={classes.poolHeader}>
        <h2>{name}</h2>
        <span className={classes.count} data-all={up === targets.length || undefined}>{up} of {targets.length} up</span>
      </header>
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={`Targets of ${name}`}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Endpoint</th><th scope="col">State</th><th scope="col">Labels</th>
              <th scope="col" className={classes.number}>Last scrape</th><th scope="col" className={classes.number}>Duration</th>
            </tr>
          </thead>
          <tbody>
            {targets.map((target) => <Row key={target.scrapeUrl + JSON.stringify(target.labels)} target={target} now={now} />)}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function groupByPool(targets: ScrapeTarget[], text: string, unhealthy: boolean): [string, ScrapeTarget[]][] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const pools = new Map<string, ScrapeTarget[]>();
  for (const target of targets) {
    const haystack = `${target.scrapePool} ${target.scrapeUrl} ${Object.entries(target.labels).map(([name, value]) => `${name}="${value}"`).join(" ")}`.toLowerCase();
    if ((unhealthy && target.health === "up") || !words.every((word) => haystack.includes(word))) continue;
    const pool = pools.get(target.scrapePool) ?? [];
    pool.push(target);
    pools.set(target.scrapePool, pool);
  }
  const rank = { down: 0, unknown: 1, up: 2 };
  for (const pool of pools.values()) pool.sort((a, b) => rank[a.health] - rank[b.health] || a.scrapeUrl.localeCompare(b.scrapeUrl));
  return [...pools].sort(([a], [b]) => a.localeCompare(b));
}

export function TargetsPage() {
  const [text, setText] = useState("");
  const [unhealthy, setUnhealthy] = useState(false);
  const query = useQuery({ queryKey: ["targets"], queryFn: ({ signal }) => activeTargets(signal), refetchInterval: 5000 });
  const pools = useMemo(() => groupByPool(query.data ?? [], text, unhealthy), [query.data, text, unhealthy]);
  const down = (query.data ?? []).filter((target) => target.health !== "up").length;
  useEffect(() => {
    document.title = "Targets · Slurmscope";
  }, []);
  return (
    <div className={classes.page}>
      <Group justify="space-between" mb="sm">
        <Title order={1} size="h3">Targets</Title>
        {query.data ? <span className={classes.summary}>{query.data.length} targets, {down === 0 ? "all up" : `${down} not up`}</span> : null}
      </Group>
      <Group mb="md" gap="md">
        <TextInput value={text} onChange={(event) => setText(event.currentTarget.value)} placeholder="Filter by endpoint, pool or label" aria-label="Filter targets"
          leftSection={<Icon name="search" size={16} />} type="search" className={classes.filter} data-testid="targets-filter" />
        <Checkbox label="Unhealthy only" checked={unhealthy} onChange={(event) => setUnhealthy(event.currentTarget.checked)} data-testid="targets-unhealthy" />
      </Group>
      {query.isPending ? <Loader size="sm" aria-label="Loading" /> : null}
      {query.error ? <Alert color="red" title="The targets cannot be read" mb="md">{query.error.message}</Alert> : null}
      <div data-testid="targets-table">
        {pools.map(([name, targets]) => <Pool key={name} name={name} targets={targets} now={query.dataUpdatedAt} />)}
      </div>
      {query.data && pools.length === 0 ? <Message icon="targets" title={query.data.length === 0 ? "No targets are configured" : "No target matches"} /> : null}
    </div>
  );
}
