// wire.js - the way to heapd. Owns: every request of the page, the token, which instance answers, and whether anybody does.
// Knows not: what is asked. Says by events on `wire`: "state" when the connection changes, "instance" when another heap answers,
// "unauthorized" each time that no token, or a wrong one, was sent.

const TOKEN_KEY = "heapd-token";
const PATIENCE_MS = 15000;

export const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
export const wire = new EventTarget();

// Where site data is blocked, storage throws: then the token lives as long as the page.
function kept(use) {
  try { return use(sessionStorage); } catch { return null; }
}

const now = { state: "connecting", instance: "", since: Date.now(), calls: 0, skewMs: 0, token: kept((s) => s.getItem(TOKEN_KEY)) ?? "" };

export const state = () => now.state;
export const instance = () => now.instance;
export const hasToken = () => now.token !== "";
export const callsMade = () => now.calls;
export const awaySince = () => now.since;
// The clock of heapd, as one here would show it.
export const localTime = (iso) => Date.parse(iso) + now.skewMs;

export function setToken(token) {
  now.token = token;
  kept((s) => s.setItem(TOKEN_KEY, token));
}

// What heapd says went wrong, in its own words.
export class Problem extends Error {
  constructor(doc, status) {
    super(doc.detail ?? doc.title ?? `status ${status}`);
    this.status = status;
    this.name = (doc.type ?? "").replace("/problems/", "");
    this.hint = doc.hint ?? "";
  }
}

function become(next) {
  if (now.state === next) return;
  now.state = next;
  now.since = Date.now();
  wire.dispatchEvent(new Event("state"));
}

// The Date header has whole seconds: clocks that differ by less are the same.
function noteClock(response) {
  const skew = Date.now() - Date.parse(response.headers.get("Date")) - 500;
  now.skewMs = Math.abs(skew) > 2000 ? skew : 0;
}

function noteAnswer(response) {
  const who = response.headers.get("Heapd-Instance") ?? "";
  if (!who) {
    become("away"); // something on the way answered for it
    throw new Problem({ detail: `something between here and heapd answered ${response.status}` }, response.status);
  }
  noteClock(response);
  become({ 401: "token", 503: "unready" }[response.status] ?? "live");
  if (response.status === 401) wire.dispatchEvent(new Event("unauthorized"));
  if (now.instance === who || response.status === 401) return;
  const before = now.instance;
  now.instance = who;
  wire.dispatchEvent(new CustomEvent("instance", { detail: { before, now: who } }));
}

// A response whose head is there. Throws if nobody answers. `patient`: it may take long, and that it does says nothing of heapd.
export async function open(method, path, { body, headers = {}, signal, patient = false } = {}) {
  const all = { ...headers };
  if (now.token) all.Authorization = `Bearer ${now.token}`;
  now.calls++;
  let response;
  try {
    response = await fetch(base + path, { method, body, headers: all, signal, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (!signal?.aborted || (signal.reason?.name === "TimeoutError" && !patient)) become("away");
    throw error;
  }
  noteAnswer(response);
  return response;
}

async function text(method, path, { body, type, ms = PATIENCE_MS, accept, instance: meant } = {}) {
  const headers = {};
  if (meant) headers["If-Heapd-Instance"] = meant;
  if (body !== undefined) headers["Content-Type"] = type ?? "application/json";
  if (accept) headers.Accept = accept;
  const response = await open(method, path, { body, headers, signal: AbortSignal.timeout(ms), patient: ms > PATIENCE_MS });
  const said = await response.text();
  if (response.ok) return said;
  let doc = {};
  try { doc = JSON.parse(said); } catch { /* the status alone */ }
  throw new Problem(doc, response.status);
}

// Numbers that a double would change, or that are reals of a whole value, keep their text: {number: "9007199254740993"}.
function exactNumber(key, value, context) {
  const source = context?.source;
  return typeof value === "number" && source !== undefined && String(value) !== source ? { number: source } : value;
}

export async function get(path, options) {
  return JSON.parse(await text("GET", path, options));
}

export async function getExact(path) {
  return JSON.parse(await text("GET", path), exactNumber);
}

export const getText = (path, options) => text("GET", path, options);

// request as curl.js has it: {method, path, body} or {lines}, and the instance that its ids are of: if another heap has come in
// its place, that refuses it
export async function send(request, ms = 120000) {
  const { method, path, body, lines, instance: meant } = request;
  const said = lines
    ? await text("POST", "/v1/batch?atomic=true", { body: lines.map((op) => JSON.stringify(op)).join("\n"), type: "application/x-ndjson", ms, instance: meant })
    : await text(method, path, { body: body === undefined ? undefined : JSON.stringify(body), ms, instance: meant });
  if (lines) return said;
  return said ? JSON.parse(said) : null;
}
