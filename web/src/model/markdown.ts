// The little Markdown that text panels use, as data: it is drawn as text nodes, so nothing in it can be markup.

import { safeHref } from "./links";

export interface Span {
  text: string;
  style?: "strong" | "em" | "code";
  href?: string;
}

export type Block =
  | { kind: "heading"; level: number; spans: Span[] }
  | { kind: "paragraph"; spans: Span[] }
  | { kind: "list"; items: Span[][] }
  | { kind: "code"; text: string };

const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\n]+)\*|\[([^\]\n]*)\]\(([^)\s]*)\)/g;

function parseSpans(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) spans.push({ text: text.slice(end, match.index) });
    const [whole, code, strong, em, label, href] = match;
    if (code !== undefined) spans.push({ text: code, style: "code" });
    else if (strong !== undefined) spans.push({ text: strong, style: "strong" });
    else if (em !== undefined) spans.push({ text: em, style: "em" });
    else spans.push({ text: label || (href ?? ""), href: safeHref(href ?? "") });
    end = match.index + whole.length;
  }
  if (end < text.length) spans.push({ text: text.slice(end) });
  return spans;
}

/** Splits Markdown into headings, paragraphs, lists and code. */
export function parseMarkdown(text: string): Block[] {
  const blocks: Block[] = [];
  const parts = text.slice(0, 50_000).split(/^```[^\n]*$/m);
  parts.forEach((part, index) => {
    if (index % 2 === 1) {
      blocks.push({ kind: "code", text: part.replace(/^\n|\n$/g, "") });
      return;
    }
    for (const chunk of part.split(/\n\s*\n/)) blocks.push(...parseChunk(chunk.trim()));
  });
  return blocks;
}

function parseChunk(chunk: string): Block[] {
  if (chunk === "") return [];
  const heading = /^(#{1,6})\s+([^\n]*)\n?([\s\S]*)$/.exec(chunk);
  if (heading) {
    const first: Block = { kind: "heading", level: heading[1]?.length ?? 1, spans: parseSpans(heading[2] ?? "") };
    return [first, ...parseChunk((heading[3] ?? "").trim())];
  }
  const lines = chunk.split("\n");
  if (lines.every((line) => /^\s*(?:[-*+]|\d+\.)\s+/.test(line))) {
    return [{ kind: "list", items: lines.map((line) => parseSpans(line.replace(/^\s*(?:[-*+]|\d+\.)\s+/, ""))) }];
  }
  return [{ kind: "paragraph", spans: parseSpans(lines.join(" ")) }];
}
