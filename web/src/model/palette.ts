// Series colours: hues that stay apart for the common kinds of colour blindness (after Okabe and Ito), with a
// darker set for light pages and a lighter set for dark ones, so that a line has at least 3:1 contrast in both.

export type Scheme = "light" | "dark";

const LIGHT = ["#0b72b5", "#c2560a", "#008562", "#b04c8c", "#8a6d00", "#5b3fd1", "#d03b3b", "#0891b2", "#7a5238", "#4d7c0f", "#6b7280", "#1e3a8a"];
const DARK = ["#56a8e8", "#f2994a", "#2fc79a", "#e07fc0", "#e8c547", "#a78bfa", "#ff7b7b", "#67e8f9", "#d1a184", "#a3d65c", "#aab2bf", "#4f7df3"];

/** Colour of the series at index; repeats after the palette's end. */
export function seriesColor(index: number, scheme: Scheme): string {
  const palette = scheme === "dark" ? DARK : LIGHT;
  return palette[index % palette.length] ?? "#888888";
}

const NAMED: Record<string, [light: string, dark: string]> = {
  green: ["#2b8a3e", "#51cf66"], yellow: ["#946200", "#fcc419"], red: ["#c92a2a", "#ff6b6b"], blue: ["#1864ab", "#4dabf7"],
  orange: ["#b34700", "#ff922b"], purple: ["#862e9c", "#cc8df0"], white: ["#495057", "#f1f3f5"], gray: ["#5c636a", "#adb5bd"],
  grey: ["#5c636a", "#adb5bd"], black: ["#212529", "#868e96"], text: ["#212529", "#e9ecef"],
};

/** Turns Grafana's colour names ("dark-red", "semi-dark-blue", "#aabbcc", "rgba(...)") into a CSS colour. */
export function resolveColor(name: string, scheme: Scheme): string {
  if (/^#[0-9a-fA-F]{3,8}$/.test(name) || /^rgba?\([\d\s.,%]+\)$/.test(name)) return name;
  if (name === "transparent") return name;
  const base = name.replace(/^(?:super-light|light|semi-dark|dark)-/, "");
  const pair = Object.hasOwn(NAMED, base) ? NAMED[base] : undefined;
  return pair ? pair[scheme === "dark" ? 1 : 0] : seriesColor(0, scheme);
}

/** The colour with the given opacity, for fills; colours that are not #rrggbb are returned as they are. */
export function withAlpha(color: string, alpha: number): string {
  if (!/^#[0-9a-fA-F]{6}$/.test(color)) return color;
  return color + Math.round(Math.min(1, Math.max(0, alpha)) * 255).toString(16).padStart(2, "0");
}
