/** Which series a click on one leaves visible. `hidden` holds the keys of those that are not. */
export function pickSeries(keys: readonly string[], hidden: ReadonlySet<string>, index: number, toggle: boolean): Set<string> {
  const key = keys[index] ?? "";
  if (toggle) {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    return next;
  }
  const alone = !hidden.has(key) && keys.every((other) => other === key || hidden.has(other));
  return alone ? new Set() : new Set(keys.filter((other) => other !== key));
}
