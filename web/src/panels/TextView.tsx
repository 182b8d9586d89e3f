import { useMemo } from "react";
import type { Panel } from "../model/dashboard";
import { interpolateText, type Variables } from "../model/interpolate";
import { asText } from "../model/json";
import { parseMarkdown, type Block, type Span } from "../model/markdown";
import classes from "./panels.module.css";

function Spans({ spans }: { spans: Span[] }) {
  return spans.map((span, index) => {
    if (span.href) return <a key={index} href={span.href} rel="noopener noreferrer">{span.text}</a>;
    const Tag = span.style;
    return Tag ? <Tag key={index}>{span.text}</Tag> : <span key={index}>{span.text}</span>;
  });
}

function BlockView({ block }: { block: Block }) {
  if (block.kind === "code") return <pre>{block.text}</pre>;
  if (block.kind === "list") return <ul>{block.items.map((item, index) => <li key={index}><Spans spans={item} /></li>)}</ul>;
  if (block.kind === "paragraph") return <p><Spans spans={block.spans} /></p>;
  const Heading = block.level <= 2 ? "h3" : "h4";
  return <Heading><Spans spans={block.spans} /></Heading>;
}

/** Text of HTML without its markup; parsed in a document of its own, where nothing runs or loads. */
function htmlToText(html: string): string {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  parsed.querySelectorAll("script,style,template,noscript").forEach((node) => node.remove());
  return (parsed.body.textContent ?? "").replace(/[ \t]+/g, " ").trim();
}

/** Text panel: Markdown, or the plain text of HTML. */
export function TextView({ panel, variables }: { panel: Panel; variables: Variables }) {
  const content = interpolateText(asText(panel.options.content) ?? "", variables);
  const isHtml = panel.options.mode === "html";
  const blocks = useMemo(() => parseMarkdown(isHtml ? htmlToText(content) : content), [content, isHtml]);
  return <div className={classes.text}>{blocks.map((block, index) => <BlockView key={index} block={block} />)}</div>;
}
