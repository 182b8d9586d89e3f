// Dashboard variables in queries, titles and legends: $name, ${name}, ${name:format}, [[name]].

/** A variable's current value; text is what people see. */
export interface VariableValue {
  value: string | string[];
  text?: string;
  /** Whether "All" with a custom value was chosen: that value goes in as it is. */
  raw?: boolean;
  /** Whether the variable allows several values or All, so that regex escaping is wanted. */
  multi?: boolean;
}

export type Variables = Readonly<Record<string, VariableValue>>;

const REFERENCE = /\$\{(\w+)(?:\.[^:}]*)?(?::([^}]*))?\}|\$(\w+)|\[\[(\w+)(?::([^\]]*))?\]\]/g;

/** Escapes text for use inside a regular expression inside a PromQL string. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$*+?.()|[\]{}]/g, "\\\\$&");
}

const escapeString = (text: string) => text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/'/g, "\\'");

function byFormat(format: string, variable: VariableValue, name: string): string {
  const values = Array.isArray(variable.value) ? variable.value : [variable.value];
  switch (format) {
    case "pipe":
      return values.join("|");
    case "csv":
      return values.join(",");
    case "text":
      return variable.text ?? values.join(" + ");
    case "raw":
      return values.join(",");
    case "regex":
      return values.length === 1 ? escapeRegex(values[0] ?? "") : `(${values.map(escapeRegex).join("|")})`;
    case "singlequote":
      return values.map((value) => `'${value.replace(/'/g, "\\'")}'`).join(",");
    case "doublequote":
      return values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(",");
    case "sqlstring":
      return values.map((value) => `'${value.replace(/'/g, "''")}'`).join(",");
    case "json":
      return JSON.stringify(values.length === 1 ? values[0] : values);
    case "percentencode":
      return encodeURIComponent(values.join(","));
    case "queryparam":
      return values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join("&");
    default:
      return values.join(",");
  }
}

function forPrometheus(variable: VariableValue): string {
  if (variable.raw) return String(variable.value);
  if (Array.isArray(variable.value)) {
    const parts = variable.value.map(escapeRegex);
    return parts.length === 1 ? (parts[0] ?? "") : `(${parts.join("|")})`;
  }
  return variable.multi ? escapeRegex(variable.value) : escapeString(variable.value);
}

function replace(text: string, variables: Variables, plain: (value: VariableValue) => string): string {
  return text.replace(REFERENCE, (whole, braced?: string, format?: string, bare?: string, square?: string, format2?: string) => {
    const name = braced ?? bare ?? square ?? "";
    if (!Object.hasOwn(variables, name)) return whole;
    const variable = variables[name];
    if (!variable) return whole;
    const wanted = format ?? format2;
    return wanted ? byFormat(wanted, variable, name) : plain(variable);
  });
}

/** Puts variables and macros into a PromQL expression, escaped so that they stay inside their string. */
export function interpolateQuery(expr: string, variables: Variables, macros: Readonly<Record<string, string>> = {}): string {
  const scoped: Record<string, VariableValue> = { ...variables };
  for (const [name, value] of Object.entries(macros)) scoped[name] = { value, raw: true };
  return replace(expr, scoped, forPrometheus);
}

/** Puts variables into a title or legend, as people read them. */
export function interpolateText(text: string, variables: Variables): string {
  return replace(text, variables, (variable) => byFormat("text", variable, ""));
}
