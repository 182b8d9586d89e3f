import { describe, expect, it } from "vitest";
import { parseMarkdown } from "./markdown";
import { safeHref } from "./links";

describe("safeHref", () => {
  it.each(["https://example.org/x", "http://a", "mailto:ops@example.org", "/d/gpu", "page", "#top", "?from=now"])("allows %s", (href) => {
    expect(safeHref(href)).toBe(href);
  });
  it.each(["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\u0001javascript:x", "data:text/html,x", "vbscript:x", "", "\\\\evil"])(
    "refuses %j", (href) => expect(safeHref(href)).toBeUndefined(),
  );
});

describe("parseMarkdown", () => {
  it("finds blocks", () => {
    const blocks = parseMarkdown("# Title\n\nSome *text*\nmore\n\n- one\n- two\n\n```\ncode <b>\n```");
    expect(blocks.map((block) => block.kind)).toEqual(["heading", "paragraph", "list", "code"]);
    expect(blocks[2]).toMatchObject({ items: [[{ text: "one" }], [{ text: "two" }]] });
    expect(blocks[3]).toMatchObject({ text: "code <b>" });
  });
  it("finds spans, and only safe links", () => {
    const [block] = parseMarkdown("a **b** `c` [d](https://x) [e](javascript:alert)");
    expect(block).toMatchObject({ spans: [
      { text: "a " }, { text: "b", style: "strong" }, { text: " " }, { text: "c", style: "code" }, { text: " " },
      { text: "d", href: "https://x" }, { text: " " }, { text: "e" },
    ] });
    expect(block?.kind === "paragraph" && block.spans[7]?.href).toBeUndefined();
  });
});
