import { Group, Kbd, Modal, Stack, Text } from "@mantine/core";

const KEYS: readonly (readonly [string, string])[] = [
  ["d r", "Refresh now"], ["t z", "Zoom out in time"], ["t ←", "Earlier"], ["t →", "Later"], ["t a", "Make the time range absolute"],
  ["d l", "All dashboards"], ["?", "This help"],
];

export function ShortcutHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size="sm" transitionProps={{ duration: 0 }}>
      <Stack gap={6}>
        {KEYS.map(([keys, text]) => (
          <Group key={keys} justify="space-between">
            <Text size="sm">{text}</Text>
            <Group gap={4}>{keys.split(" ").map((key) => <Kbd key={key} size="sm">{key}</Kbd>)}</Group>
          </Group>
        ))}
        <Text size="sm" c="dimmed" mt="xs">
          Drag over a chart to zoom in. Click a series to see it alone; Ctrl or Cmd and click to hide it.
        </Text>
      </Stack>
    </Modal>
  );
}
