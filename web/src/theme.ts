import { Alert, createTheme, type MantineColorsTuple } from "@mantine/core";

const scope: MantineColorsTuple = [
  "#e0f7fa", "#c5eaf0", "#98d8e2", "#66c4d3", "#3fb1c3", "#2199ad", "#12839a", "#0b7285", "#0a6070", "#074b58",
];

const dark: MantineColorsTuple = [
  "#e4e9ee", "#c3ccd5", "#9dabb9", "#73828f", "#4a5764", "#36424e", "#212a34", "#181f27", "#11161c", "#0b0f14",
];

export const theme = createTheme({
  primaryColor: "scope",
  primaryShade: { light: 7, dark: 5 },
  autoContrast: true,
  luminanceThreshold: 0.32,
  colors: { scope, dark },
  defaultRadius: "sm",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
  cursorType: "pointer",
  components: {
    Alert: Alert.extend({
      vars: (_theme, props) => {
        const tone = props.color === "red" ? "bad" : props.color === "yellow" ? "warn" : "accent";
        return { root: { "--alert-bg": `var(--ss-${tone}-soft)`, "--alert-color": `var(--ss-${tone})`, "--alert-bd": "1px solid transparent" } };
      },
    }),
  },
});

/** The nonce the server put into this page, for styles made at run time. */
export function styleNonce(): string {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
  return nonce === "__CSP_NONCE__" ? "" : nonce;
}
