import { MultiSelect, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { ALL } from "../model/variables";
import { setSearch } from "../router";
import type { ResolvedVariable } from "./useVariables";
import classes from "./VariablesBar.module.css";

const unique = (values: string[]) => [...new Set(values)];

function TextVariable({ item }: { item: ResolvedVariable }) {
  const [text, setText] = useState(String(item.value.value));
  const apply = () => setSearch({ [`var-${item.model.name}`]: text });
  return (
    <TextInput size="xs" w={160} label={item.model.label} value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={apply}
      onKeyDown={(event) => (event.key === "Enter" ? apply() : undefined)} />
  );
}

function Chooser({ item }: { item: ResolvedVariable }) {
  const { model, options, value } = item;
  const all = value.text === "All";
  const data = [...(model.includeAll ? [{ value: ALL, label: "All" }] : []), ...unique(options).map((option) => ({ value: option, label: option }))];
  const set = (next: string[]) => setSearch({ [`var-${model.name}`]: next });
  const common = { size: "xs" as const, label: model.label, data, searchable: true, limit: 200, comboboxProps: { transitionProps: { duration: 0 }, width: 240 } };
  if (!model.multi) {
    return <Select {...common} w={180} value={all ? ALL : String(value.value)} allowDeselect={false} onChange={(next) => set(next ? [next] : [])} />;
  }
  const current = all ? [ALL] : [value.value].flat();
  const change = (next: string[]) => set(next.at(-1) === ALL ? [ALL] : next.filter((option) => option !== ALL));
  return <MultiSelect {...common} maw={380} miw={180} value={current} onChange={change} hidePickedOptions={false} />;
}

/** The dashboard's variables as inputs; choices go into the URL. */
export function VariablesBar({ items }: { items: readonly ResolvedVariable[] }) {
  const shown = items.filter((item) => !item.model.hide && item.model.type !== "constant" && item.model.type !== "datasource");
  if (shown.length === 0) return null;
  return (
    <div className={classes.bar} role="group" aria-label="Variables">
      {shown.map((item) => (item.model.type === "textbox" ? <TextVariable key={item.model.name} item={item} /> : <Chooser key={item.model.name} item={item} />))}
    </div>
  );
}
