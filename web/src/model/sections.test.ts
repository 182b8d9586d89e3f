import { expect, it } from "vitest";
import { readDashboard } from "./dashboard";
import { toSections } from "./sections";

it("puts panels under their row, and a collapsed row keeps its own", () => {
  const at = (y: number) => ({ x: 0, y, w: 24, h: 4 });
  const board = readDashboard({ panels: [
    { type: "row", title: "two", collapsed: true, gridPos: at(20), panels: [{ title: "d", gridPos: at(21) }] },
    { title: "b", gridPos: at(6) }, { type: "row", title: "one", gridPos: at(5) }, { title: "a", gridPos: at(0) },
  ] });
  const sections = toSections(board.panels).map((section) => [section.row?.title, section.panels.map((panel) => panel.title)]);
  expect(sections).toEqual([[undefined, ["a"]], ["one", ["b"]], ["two", ["d"]]]);
});
