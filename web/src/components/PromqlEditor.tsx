import { closeBrackets, closeBracketsKeymap, autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useLayoutEffect, useRef } from "react";
import { styleNonce } from "../theme";

const look = EditorView.theme({
  "&": { fontSize: "14px", backgroundColor: "var(--ss-surface)", color: "var(--ss-text)", border: "1px solid var(--ss-border)", borderRadius: "6px" },
  "&.cm-focused": { outline: "2px solid var(--ss-accent)", outlineOffset: "-1px" },
  ".cm-content": { fontFamily: "var(--mantine-font-family-monospace)", padding: "8px 4px", caretColor: "var(--ss-text)" },
  ".cm-scroller": { maxHeight: "40vh", overflow: "auto" },
  ".cm-cursor": { borderLeftColor: "var(--ss-text)" },
  ".cm-placeholder": { color: "var(--ss-muted)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--ss-accent-soft) !important" },
  ".cm-tooltip": { backgroundColor: "var(--ss-surface)", color: "var(--ss-text)", border: "1px solid var(--ss-border)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--ss-accent-soft)", color: "var(--ss-text)" },
  ".cm-tooltip.cm-tooltip-autocomplete": { marginTop: "6px" },
  ".cm-completionDetail": { color: "var(--ss-muted)" },
  ".cm-matchingBracket": { backgroundColor: "var(--ss-accent-soft) !important", color: "inherit" },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--ss-accent)", fontWeight: "600" },
  { tag: tags.operatorKeyword, color: "var(--ss-accent)" },
  { tag: tags.function(tags.variableName), color: "var(--ss-accent)" },
  { tag: tags.string, color: "var(--ss-good)" },
  { tag: tags.number, color: "var(--ss-warn)" },
  { tag: tags.labelName, color: "var(--ss-bad)" },
  { tag: tags.comment, color: "var(--ss-muted)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--ss-bad)" },
]);

interface Props {
  value: string;
  onChange: (value: string) => void;
  onRun: () => void;
}

/** PromQL editor with completion of metrics, labels and functions from our own API. */
export default function PromqlEditor({ value, onChange, onRun }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ value, onChange, onRun });
  useLayoutEffect(() => {
    latest.current = { value, onChange, onRun };
  });

  useEffect(() => {
    if (!box.current) return;
    const run = () => {
      latest.current.onRun();
      return true;
    };
    const promql = new PromQLExtension().setComplete({ remote: { url: "", httpMethod: "POST" } });
    const state = EditorState.create({
      doc: latest.current.value,
      extensions: [
        EditorView.cspNonce.of(styleNonce()), history(), bracketMatching(), closeBrackets(), autocompletion({ icons: false }), EditorView.lineWrapping,
        Prec.highest(keymap.of([{ key: "Shift-Enter", run }, { key: "Mod-Enter", run }])),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...lintKeymap, { key: "Enter", run: insertNewlineAndIndent }, ...defaultKeymap]),
        look, syntaxHighlighting(colours), placeholder("PromQL, for example: avg by (instance) (DCGM_FI_DEV_GPU_UTIL)"), promql.asExtension(),
        EditorView.contentAttributes.of({ "aria-label": "PromQL query" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) latest.current.onChange(update.state.doc.toString());
        }),
      ],
    });
    const made = new EditorView({ state, parent: box.current });
    view.current = made;
    made.focus();
    return () => made.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    const text = editor?.state.doc.toString();
    if (editor && text !== value) editor.dispatch({ changes: { from: 0, to: text?.length ?? 0, insert: value } });
  }, [value]);

  return <div ref={box} data-testid="explore-editor" />;
}
