// A stand-in for the head node program: serves dist/ under the real content security policy, and invented data.
// node mock/server.mjs [port]; log in as admin / admin.

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { readFileSync, existsSync, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { METRICS, dashboards, queryInstant, queryRange, targets } from "./data.mjs";

const port = Number(process.argv[2] ?? 3900);
const dist = join(import.meta.dirname, "../dist");
const boards = dashboards();
const provisioned = new Set(boards.keys());
const sessions = new Set();
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

const policy = (nonce) =>
  `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; ` +
  "base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";

function send(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff", ...headers });
  response.end(JSON.stringify(body));
}

const ok = (response, data, more = {}) => send(response, 200, { status: "success", data, ...more });

function serveFile(path, response) {
  const file = normalize(join(dist, path));
  const known = file.startsWith(dist) && existsSync(file) && statSync(file).isFile();
  const nonce = randomBytes(16).toString("base64");
  const real = known ? file : join(dist, "index.html");
  const headers = { "Content-Type": TYPES[extname(real)] ?? "application/octet-stream", "Content-Security-Policy": policy(nonce) };
  const body = extname(real) === ".html" ? readFileSync(real, "utf8").replaceAll("__CSP_NONCE__", nonce) : readFileSync(real);
  response.writeHead(200, headers).end(body);
}

function sessionOf(request) {
  const token = /slurmscope_session=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
  return token && sessions.has(token) ? token : undefined;
}

function login(body, response) {
  const { user, password } = JSON.parse(body);
  if (user !== "admin" || password !== "admin") return send(response, 401, { message: "Invalid username or password" });
  const token = randomBytes(16).toString("hex");
  sessions.add(token);
  return send(response, 200, { message: "Logged in" }, { "Set-Cookie": `slurmscope_session=${token}; HttpOnly; SameSite=Lax; Path=/` });
}

function prometheus(url, params, response) {
  const name = url.pathname.slice("/api/v1/".length);
  const query = params.get("query") ?? "";
  if (name.startsWith("query") && /\(\($/.test(query)) {
    return send(response, 400, { status: "error", errorType: "bad_data", error: "invalid parameter \"query\": 1:6: parse error: unclosed left parenthesis" });
  }
  if (name === "query_range") {
    return ok(response, { resultType: "matrix", result: queryRange(query, Number(params.get("start")), Number(params.get("end")), Number(params.get("step"))) });
  }
  if (name === "query") return ok(response, { resultType: "vector", result: queryInstant(query, Number(params.get("time"))) }, query === "up" ? { infos: ["an invented info"] } : {});
  if (name === "targets") return ok(response, { activeTargets: targets(), droppedTargets: [] });
  if (name === "label/__name__/values") return ok(response, METRICS);
  if (name.startsWith("label/")) return ok(response, ["gpu-01:9100", "gpu-02:9100", "cpu-01:9100", "cpu-02:9100"]);
  if (name === "labels") return ok(response, ["__name__", "gpu", "instance", "job"]);
  if (name === "metadata") return ok(response, { up: [{ type: "gauge", help: "Whether the scrape worked.", unit: "" }] });
  return ok(response, name === "series" ? [] : {});
}

function saveDashboard(body, response) {
  const { dashboardText, dashboard, overwrite } = JSON.parse(body);
  const board = dashboard ?? JSON.parse(dashboardText.replace(/^\s*\/\/.*$/gm, ""));
  const uid = board.uid ?? randomBytes(5).toString("hex");
  if (boards.has(uid) && !overwrite) return send(response, 412, { message: "A dashboard with the same uid already exists", status: "name-exists" });
  boards.set(uid, { tags: [], ...board, uid });
  return send(response, 200, { uid, url: `/d/${uid}`, status: "success", version: 1 });
}

function api(request, url, body, response) {
  if (url.pathname === "/api/health") return send(response, 200, { database: "ok", version: "mock" });
  if (!sessionOf(request)) return send(response, 401, { message: "Unauthorized" });
  if (url.pathname === "/api/user") return send(response, 200, { login: "admin", role: "Admin" });
  if (url.pathname === "/api/search") return send(response, 200, [...boards.values()].map(({ uid, title, tags }) => ({ uid, title, tags, url: `/d/${uid}`, type: "dash-db", isStarred: false })));
  if (url.pathname === "/api/dashboards/db") return saveDashboard(body, response);
  const uid = /^\/api\/dashboards\/uid\/(.+)$/.exec(url.pathname)?.[1];
  if (uid && !boards.has(uid)) return send(response, 404, { message: "Dashboard not found" });
  if (uid && request.method === "DELETE") {
    const { title } = boards.get(uid);
    boards.delete(uid);
    return send(response, 200, { title, message: `Dashboard ${title} deleted` });
  }
  if (uid) return send(response, 200, { meta: { provisioned: provisioned.has(uid), slug: uid }, dashboard: boards.get(uid) });
  if (url.pathname.startsWith("/api/v1/")) return prometheus(url, new URLSearchParams(request.method === "POST" ? body : url.search), response);
  return send(response, 404, { message: "Not found" });
}

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    if (url.pathname === "/login" && request.method === "POST") return login(body, response);
    if (url.pathname === "/logout" && request.method === "POST") {
      sessions.delete(sessionOf(request));
      return send(response, 200, { message: "Logged out" });
    }
    return url.pathname.startsWith("/api/") ? api(request, url, body, response) : serveFile(url.pathname, response);
  });
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
