// JSON as people paste it: with // and /* */ comments and trailing commas.

/** Largest dashboard that is read. */
export const MAX_TEXT = 5 * 1024 * 1024;

const TOKEN = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=\s*(?:(?:\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)\s*)*[}\]])/g;

/** Replaces comments and trailing commas by spaces, so that error positions still fit the text. */
export function stripComments(text: string): string {
  return text.replace(TOKEN, (token) => (token.startsWith('"') ? token : token.replace(/[^\n]/g, " ")));
}

/** Parses tolerant JSON; throws an Error with line and column for people. */
export function parseTolerantJson(text: string): unknown {
  if (text.length > MAX_TEXT) throw new Error("The text is larger than 5 MB.");
  const plain = stripComments(text.replace(/^\uFEFF/, ""));
  try {
    return JSON.parse(plain, dropProto) as unknown;
  } catch (error) {
    throw new Error(describe(plain, error), { cause: error });
  }
}

function dropProto(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}

function describe(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return `Not valid JSON: ${message}`;
  const before = text.slice(0, Number(position)).split("\n");
  return `Not valid JSON at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}.`;
}
