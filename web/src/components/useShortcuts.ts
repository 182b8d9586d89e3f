import { useEffect, useRef } from "react";

/** How long the second key of a pair may take. */
const PAIR_MS = 1200;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Runs actions by key or pair of keys ("?", "d r", "t ArrowLeft") while nobody types into a field. */
export function useShortcuts(actions: Readonly<Record<string, () => void>>): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    let first = { key: "", at: 0 };
    const press = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      const pair = Date.now() - first.at < PAIR_MS ? `${first.key} ${event.key}` : "";
      const action = latest.current[pair] ?? latest.current[event.key];
      first = { key: event.key, at: Date.now() };
      if (!action) return;
      event.preventDefault();
      first.at = 0;
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
