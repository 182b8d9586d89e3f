/** What the server answered instead of data. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly type?: string,
  ) {
    super(message);
  }
}

/** Fired on window when the session is over, wherever that is noticed. */
export const SESSION_ENDED = "slurmscope:session-ended";

interface Options {
  method?: "GET" | "POST" | "DELETE";
  json?: unknown;
  form?: URLSearchParams;
  signal?: AbortSignal;
  /** A 401 is an answer here (login), not the end of a session. */
  expect401?: boolean;
}

function toInit(options: Options): RequestInit {
  const headers: Record<string, string> = { Accept: "application/json" };
  let body: BodyInit | undefined;
  if (options.form) {
    headers["Content-Type"] = "application/x-www-form-urlencoded";
    body = options.form.toString();
  } else if (options.method && options.method !== "GET") {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.json ?? {});
  }
  const method = options.method ?? (options.form ? "POST" : "GET");
  return { method, headers, body, signal: options.signal, credentials: "same-origin" };
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { message: text.slice(0, 500) };
  }
}

/** One request to our own server. Throws ApiError for any answer that is not 2xx. */
export async function request<T>(path: string, options: Options = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, toInit(options));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached.", 0);
  }
  const body = (await readBody(response)) as { message?: string; error?: string; errorType?: string } | undefined;
  if (response.ok) return body as T;
  if (response.status === 401 && !options.expect401) window.dispatchEvent(new Event(SESSION_ENDED));
  const message = body?.error ?? body?.message ?? `${response.status} ${response.statusText}`;
  throw new ApiError(message, response.status, body?.errorType);
}
