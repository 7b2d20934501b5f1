// stream.js - what happens in heapd, as it happens: one request for /v1/events that goes on, as lines of NDJSON (an EventSource
// could send no token). Owns: coming back after a cut, at the place where it was. Hands each event to whoever listens to its
// type; of one type at most SECOND_MAX a second, and then "dropped" says how many more: the page shows trends, and is no log.

import { Problem, open } from "./wire.js";

const TYPES = "gc,death,lease,config,alert";
const SECOND_MAX = 200;
const LINE_MAX = 1 << 20;
const RETRY_MS = [250, 500, 1000, 2000, 4000];

const listeners = new Map();
let controller = null, last = 0, tries = 0, timer = 0, wanted = false;
let second = { began: 0, told: new Map(), dropped: 0, serial: 0 };

export function listen(type, handler) {
  listeners.set(type, [...(listeners.get(type) ?? []), handler]);
}

function hand(event) {
  for (const handler of listeners.get(event.type) ?? []) handler(event);
}

function turnSecond() {
  if (Date.now() - second.began < 1000) return;
  const { dropped: count, serial } = second;
  second = { began: Date.now(), told: new Map(), dropped: 0, serial: serial + 1 };
  if (count > 0) hand({ type: "dropped", id: `dropped ${serial}`, count });
}

function tell(event) {
  if (event.id) last = event.id;
  if (event.after) last = event.after;
  turnSecond();
  const told = (second.told.get(event.type) ?? 0) + 1;
  second.told.set(event.type, told);
  if (told <= SECOND_MAX) hand(event);
  else second.dropped++;
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
