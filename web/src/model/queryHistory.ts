// Queries run in Explore, newest first, kept in this browser only.

const KEY = "slurmscope.history";
const MAX_ENTRIES = 50;
const MAX_LENGTH = 4000;

/** The list with the query at its head, once, and bounded. */
export function remember(list: readonly string[], query: string): string[] {
  const text = query.trim();
  if (text === "" || text.length > MAX_LENGTH) return [...list];
  return [text, ...list.filter((item) => item !== text)].slice(0, MAX_ENTRIES);
}

/** Reads what is stored, whatever it is. */
export function parseHistory(stored: string | null): string[] {
  try {
    const value: unknown = JSON.parse(stored ?? "[]");
    return Array.isArray(value) ? value.filter((item) => typeof item === "string").slice(0, MAX_ENTRIES) : [];
  } catch {
    return [];
  }
}

export function loadHistory(): string[] {
  try {
    return parseHistory(window.localStorage.getItem(KEY));
  } catch {
    return [];
  }
}

export function saveHistory(list: readonly string[]): void {
  try {
    window.localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // A full or forbidden store loses the history, nothing else.
  }
}
