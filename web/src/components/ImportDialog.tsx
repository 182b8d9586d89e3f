import { Alert, Button, Checkbox, FileButton, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { importDashboard } from "../api/dashboards";
import { readDashboard } from "../model/dashboard";
import { isObject } from "../model/json";
import { MAX_TEXT, parseTolerantJson } from "../model/tolerantJson";
import { navigate } from "../router";
import { Icon } from "./Icons";

/** What the text holds, or why it holds no dashboard. */
function inspect(text: string): { summary?: string; problem?: string } {
  if (text.trim() === "") return {};
  try {
    const json = parseTolerantJson(text);
    if (!isObject(json)) return { problem: "This is JSON, but not a dashboard." };
    const board = readDashboard(json);
    return { summary: `${board.title}, ${board.panels.length} panel${board.panels.length === 1 ? "" : "s"}` };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

interface Props {
  opened: boolean;
  onClose: () => void;
}

/** Takes Grafana dashboard JSON, pasted or from a file, comments included. */
export function ImportDialog({ opened, onClose }: Props) {
  const [text, setText] = useState("");
  const [overwrite, setOverwrite] = useState(false);
  const [fileProblem, setFileProblem] = useState("");
  const client = useQueryClient();
  const found = useMemo(() => inspect(text), [text]);
  const save = useMutation({
    mutationFn: () => importDashboard(text, overwrite),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ["search"] });
      await client.invalidateQueries({ queryKey: ["dashboard", saved.uid] });
      setText("");
      onClose();
      navigate(`/d/${encodeURIComponent(saved.uid)}`);
    },
  });
  const load = async (file: File | null) => {
    if (!file) return;
    save.reset();
    setFileProblem(file.size > MAX_TEXT ? "The file is larger than 5 MB." : "");
    if (file.size <= MAX_TEXT) setText(await file.text());
  };
  const problem = fileProblem || found.problem || save.error?.message;
  return (
    <Modal opened={opened} onClose={onClose} title="Import a Grafana dashboard" size="lg" transitionProps={{ duration: 0 }}>
      <Stack gap="sm">
        <Textarea label="Dashboard JSON" description="Comments (// and /* */) are allowed." value={text} autosize minRows={10} maxRows={18} spellCheck={false}
          data-autofocus onChange={(event) => { save.reset(); setFileProblem(""); setText(event.currentTarget.value); }}
          styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }} data-testid="import-text" />
        <Group justify="space-between">
          <FileButton onChange={(file) => void load(file)} accept=".json,application/json,text/plain">
            {(props) => (
              <Button {...props} variant="default" leftSection={<Icon name="upload" size={16} />}>
                Choose a file
              </Button>
            )}
          </FileButton>
          <Checkbox label="Replace a dashboard with the same uid" checked={overwrite} onChange={(event) => setOverwrite(event.currentTarget.checked)} data-testid="import-overwrite" />
        </Group>
        {problem ? <Alert color="red" p="xs" role="alert" data-testid="import-error">{problem}</Alert> : null}
        {!problem && found.summary ? <Text size="sm" c="dimmed">Found: {found.summary}</Text> : null}
        <Group justify="flex-end">
          <Button variant="subtle" color="gray" onClick={onClose}>Cancel</Button>
          <Button onClick={() => save.mutate()} loading={save.isPending} disabled={!found.summary} data-testid="import-submit">
            Import
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
