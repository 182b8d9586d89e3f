import { Alert, Badge, Button, Group, Loader, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { searchDashboards, type DashboardHit } from "../api/dashboards";
import { Icon } from "../components/Icons";
import { ImportDialog } from "../components/ImportDialog";
import { Message } from "../components/Message";
import { Link } from "../router";
import classes from "./DashboardListPage.module.css";

function filterHits(hits: DashboardHit[], text: string, tags: string[]): DashboardHit[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return hits
    .filter((hit) => tags.every((tag) => hit.tags.includes(tag)))
    .filter((hit) => words.every((word) => `${hit.title} ${hit.tags.join(" ")}`.toLowerCase().includes(word)))
    .sort((a, b) => a.title.localeCompare(b.title));
}

interface TagProps {
  tags: string[];
  chosen: string[];
  onChange: (tags: string[]) => void;
}

function TagFilter({ tags, chosen, onChange }: TagProps) {
  if (tags.length === 0) return null;
  const toggle = (tag: string) => onChange(chosen.includes(tag) ? chosen.filter((item) => item !== tag) : [...chosen, tag]);
  return (
    <Group gap={6} role="group" aria-label="Filter by tag">
      {tags.map((tag) => (
        <button key={tag} type="button" className={classes.tag} aria-pressed={chosen.includes(tag)} onClick={() => toggle(tag)}>
          {tag}
        </button>
      ))}
    </Group>
  );
}

function Hit({ hit }: { hit: DashboardHit }) {
  return (
    <li>
      <Link href={`/d/${encodeURIComponent(hit.uid)}`} className={classes.hit} data-testid={`dashboard-link-${hit.uid}`}>
        <span className={classes.icon}>
          <Icon name="dashboards" size={20} />
        </span>
        <span className={classes.title}>{hit.title}</span>
        <Group gap={6} wrap="wrap" justify="flex-end">
          {hit.tags.map((tag) => (
            <Badge key={tag} variant="default" size="sm" tt="none" fw={500}>
              {tag}
            </Badge>
          ))}
        </Group>
      </Link>
    </li>
  );
}

export function DashboardListPage() {
  const [text, setText] = useState("");
  const [tags, setTags] = useState<string[]>([]);
  const [importing, setImporting] = useState(false);
  const list = useQuery({ queryKey: ["search"], queryFn: ({ signal }) => searchDashboards(signal) });
  const hits = useMemo(() => filterHits(list.data ?? [], text, tags), [list.data, text, tags]);
  const allTags = useMemo(() => [...new Set((list.data ?? []).flatMap((hit) => hit.tags))].sort(), [list.data]);
  useEffect(() => {
    document.title = "Dashboards · Slurmscope";
  }, []);

  return (
    <div className={classes.page}>
      <Group justify="space-between" mb="md">
        <Title order={1} size="h3">
          Dashboards
        </Title>
        <Button leftSection={<Icon name="upload" size={16} />} variant="default" onClick={() => setImporting(true)} data-testid="dashboard-import">
          Import
        </Button>
      </Group>
      <TextInput value={text} onChange={(event) => setText(event.currentTarget.value)} placeholder="Search by title or tag" aria-label="Search dashboards"
        leftSection={<Icon name="search" size={16} />} mb="sm" type="search" data-testid="dashboard-search" />
      <TagFilter tags={allTags} chosen={tags} onChange={setTags} />
      {list.isPending ? <Loader size="sm" mt="xl" aria-label="Loading" /> : null}
      {list.error ? <Alert color="red" mt="md" title="The dashboards cannot be listed">{list.error.message}</Alert> : null}
      {list.data ? (
        <ul className={classes.list} data-testid="dashboard-list">
          {hits.map((hit) => (
            <Hit key={hit.uid} hit={hit} />
          ))}
        </ul>
      ) : null}
      {list.data && hits.length === 0 ? (
        <Message icon="dashboards" title={list.data.length === 0 ? "No dashboards yet" : "Nothing matches"}
          text={list.data.length === 0 ? "Import Grafana dashboard JSON to begin." : "Try fewer words or tags."} />
      ) : null}
      <ImportDialog opened={importing} onClose={() => setImporting(false)} />
    </div>
  );
}
