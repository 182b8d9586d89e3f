import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent, type ReactNode } from "react";

// A router of the few things this program needs: the current location as state, and links that do not reload.

const CHANGED = "slurmscope:location";

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(CHANGED, listener);
  };
}

const snapshot = () => window.location.pathname + window.location.search;

export interface Place {
  path: string;
  search: URLSearchParams;
}

/** The current place; the component is drawn again when it changes. */
export function usePlace(): Place {
  const url = new URL(useSyncExternalStore(subscribe, snapshot), window.location.origin);
  return { path: url.pathname, search: url.searchParams };
}

/** Goes to a path of this program. */
export function navigate(to: string, replace = false): void {
  if (replace) window.history.replaceState(null, "", to);
  else window.history.pushState(null, "", to);
  window.dispatchEvent(new Event(CHANGED));
}

/** Changes search parameters of the current place; undefined and "" remove one. */
export function setSearch(changes: Readonly<Record<string, string | string[] | undefined>>, replace = false): void {
  const search = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    search.delete(name);
    for (const item of Array.isArray(value) ? value : [value]) if (item) search.append(name, item);
  }
  const text = search.toString();
  navigate(window.location.pathname + (text ? `?${text}` : ""), replace);
}

/** Where to go after the login: only paths of this program, never another site. */
export function safeReturnPath(text: string | null): string {
  if (!text || !/^\/(?![/\\])/.test(text) || text.startsWith("/login")) return "/dashboards";
  return text;
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  href: string;
  children?: ReactNode;
}

/** A link inside the program; new-tab clicks stay the browser's. */
export function Link({ href, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
