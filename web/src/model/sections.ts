import type { Panel } from "./dashboard";

/** A row header with its panels; the first section has no header. */
export interface Section {
  row?: Panel;
  panels: Panel[];
}

/** Splits the panels at the row headers; a collapsed row holds its own. */
export function toSections(panels: readonly Panel[]): Section[] {
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const sections: Section[] = [{ panels: [] }];
  for (const panel of ordered) {
    if (panel.type === "row") sections.push({ row: panel, panels: [...panel.panels] });
    else sections.at(-1)?.panels.push(panel);
  }
  return sections.filter((section) => section.row || section.panels.length > 0);
}
