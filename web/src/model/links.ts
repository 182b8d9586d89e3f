/** The address if it is http, https, mailto or inside this site; undefined for anything else, such as javascript:. */
export function safeHref(text: string): string | undefined {
  // Control characters and blanks are dropped by browsers before they look for the scheme.
  const trimmed = [...text].filter((char) => char > " " && char !== "\u007f").join("");
  if (trimmed === "" || trimmed.startsWith("\\")) return undefined;
  try {
    const url = new URL(trimmed, "https://relative.invalid/");
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? trimmed : undefined;
  } catch {
    return undefined;
  }
}
