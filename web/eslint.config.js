import js from "@eslint/js";
import react from "eslint-plugin-react";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { react, "react-hooks": reactHooks },
    settings: { react: { version: "19" } },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "react/no-danger": "error",
      "react/jsx-no-script-url": "error",
      "react/jsx-no-target-blank": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text from outside is shown as text nodes only." },
        { property: "outerHTML", message: "Text from outside is shown as text nodes only." },
      ],
      "max-lines": ["error", { max: 300 }],
    },
  },
  {
    files: ["mock/**/*.mjs"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly", URLSearchParams: "readonly", Buffer: "readonly" } },
  },
  { files: ["public/*.js"], languageOptions: { globals: { document: "readonly", window: "readonly" } } },
);
