import { ActionIcon, Button, Group, Popover, Select, Stack, Text, TextInput, Tooltip } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { QUICK_RANGES, describeRange, formatDateTime, resolveRange, shiftRange, zoomOut } from "../model/timeRange";
import { Icon } from "./Icons";
import classes from "./TimePicker.module.css";
import type { TimeState } from "./useTimeState";

/** Epoch milliseconds as people write a date; relative times as they are. */
const editable = (text: string) => (/^\d{12,}$/.test(text) ? formatDateTime(Number(text)) : text);

function RangeForm({ time, onDone }: { time: TimeState; onDone: () => void }) {
  const [from, setFrom] = useState(editable(time.raw.from));
  const [to, setTo] = useState(editable(time.raw.to));
  const [error, setError] = useState("");
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const raw = { from: from.trim(), to: to.trim() };
    if (!resolveRange(raw, Date.now())) {
      setError("Not a range: use now-6h, now/d or 2026-01-31 12:00, start before end.");
      return;
    }
    time.setRaw(raw);
    onDone();
  };
  return (
    <form onSubmit={apply}>
      <Stack gap="xs" w={230}>
        <Text fw={600} size="sm">Absolute or relative</Text>
        <TextInput size="xs" label="From" value={from} onChange={(event) => setFrom(event.currentTarget.value)} data-testid="time-from" />
        <TextInput size="xs" label="To" value={to} onChange={(event) => setTo(event.currentTarget.value)} error={error} data-testid="time-to" />
        <Button size="xs" type="submit" data-testid="time-apply">Apply</Button>
      </Stack>
    </form>
  );
}

/** Button with the current range; opens quick ranges and a form. */
export function TimePicker({ time }: { time: TimeState }) {
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  return (
    <Group gap={2} wrap="nowrap">
      <Tooltip label="Earlier (t left)">
        <ActionIcon variant="default" size={30} aria-label="Earlier" onClick={() => time.setRaw(shiftRange(time.range, -1))} visibleFrom="sm">
          <Icon name="left" size={16} />
        </ActionIcon>
      </Tooltip>
      <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus returnFocus withinPortal transitionProps={{ duration: 0 }}>
        <Popover.Target>
          <Button variant="default" size="xs" h={30} leftSection={<Icon name="clock" size={15} />} onClick={() => setOpened((open) => !open)}
            aria-label={`Time range: ${describeRange(time.raw)}`} data-testid="time-picker">
            {describeRange(time.raw)}
          </Button>
        </Popover.Target>
        <Popover.Dropdown>
          <div className={classes.body}>
            <RangeForm key={`${time.raw.from} ${time.raw.to}`} time={time} onDone={close} />
            <ul className={classes.quick}>
              {QUICK_RANGES.map(([label, from]) => (
                <li key={from}>
                  <button type="button" aria-pressed={from === time.raw.from && time.raw.to === "now"} onClick={() => { time.setRaw({ from, to: "now" }); close(); }}>
                    {label}
                  </button>
                </li>
              ))}
            </ul>
          </div>
        </Popover.Dropdown>
      </Popover>
      <Tooltip label="Later (t right)">
        <ActionIcon variant="default" size={30} aria-label="Later" onClick={() => time.setRaw(shiftRange(time.range, 1))} visibleFrom="sm">
          <Icon name="right" size={16} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Zoom out (t z)">
        <ActionIcon variant="default" size={30} aria-label="Zoom out" onClick={() => time.setRaw(zoomOut(time.range))} data-testid="zoom-out">
          <Icon name="zoomOut" size={16} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

const INTERVALS = ["5s", "10s", "15s", "30s", "1m", "5m", "15m", "30m", "1h"];

/** Refresh now, and how often by itself. */
export function RefreshPicker({ time, busy }: { time: TimeState; busy: boolean }) {
  const known = time.refresh === "" || INTERVALS.includes(time.refresh) ? INTERVALS : [time.refresh, ...INTERVALS];
  const options = [{ value: "off", label: "Off" }, ...known.map((value) => ({ value, label: value }))];
  return (
    <Group gap={2} wrap="nowrap">
      <Tooltip label="Refresh now (d r)">
        <ActionIcon variant="default" size={30} aria-label="Refresh now" onClick={time.reload} className={busy ? classes.busy : undefined} data-testid="refresh-now">
          <Icon name="refresh" size={16} />
        </ActionIcon>
      </Tooltip>
      <Select size="xs" w={72} data={options} value={time.refresh || "off"} onChange={(value) => time.setRefresh(value === "off" ? "" : (value ?? ""))}
        allowDeselect={false} aria-label="Refresh interval" comboboxProps={{ width: 90, transitionProps: { duration: 0 } }} data-testid="refresh-interval" />
    </Group>
  );
}
