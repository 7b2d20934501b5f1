// stream.js - what happens in heapd, as it happens: one request for /v1/events that goes on, as lines of NDJSON (an EventSource
// could send no token). Owns: coming back after a cut, at the place where it was. Hands each event to whoever listens to its
// type; under a flood it yields, and what is too much at once is dropped and counted, for the page shows trends, not a log.

import { Problem, open } from "./wire.js";

const TYPES = "gc,death,lease,config";
const LINE_MAX = 1 << 20;
const RETRY_MS = [250, 500, 1000, 2000, 4000];

const listeners = new Map();
let controller = null, last = 0, tries = 0, timer = 0, wanted = false;

export function listen(type, handler) {
  listeners.set(type, [...(listeners.get(type) ?? []), handler]);
}

function tell(event) {
  if (event.id) last = event.id;
  if (event.after) last = event.after;
  for (const handler of listeners.get(event.type) ?? []) handler(event);
}

async function read(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (rest.length > LINE_MAX) return;
    for (const line of lines) if (line) tell(JSON.parse(line));
  }
}

async function run(signal) {
  const headers = { Accept: "application/x-ndjson" };
  if (last) headers["Last-Event-ID"] = String(last);
  const response = await open("GET", `/v1/events?types=${TYPES}`, { headers, signal });
  if (!response.ok) throw new Problem({}, response.status);
  tries = 0;
  await read(response);
}

async function go() {
  const mine = new AbortController();
  controller = mine;
  try {
    await run(mine.signal);
  } catch { /* away, cut, or refused: come again */ }
  if (controller !== mine || !wanted) return;
  controller = null;
  timer = setTimeout(go, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
}

export function start() {
  wanted = true;
  clearTimeout(timer);
  if (!controller) go();
}

export function stop() {
  wanted = false;
  clearTimeout(timer);
  controller?.abort();
  controller = null;
}

// Another heap answers: its events have nothing to do with those before.
export function forget() {
  last = 0;
}
