// samples.js - the heap as this page has seen it: once a second for an hour, every 30 s for a day; and the collections it has
// heard of. Owns: the polls of /v1/heap, /v1/gc and /metrics, the rings they go into, and who is told of a new sample.

import * as hash from "./hash.js";
import { listen } from "./stream.js";
import { quantileGained, readMetrics } from "./metrics.js";
import { Ring } from "./series.js";
import { every } from "./ticker.js";
import { callsMade, get, getText, instance, localTime, wire } from "./wire.js";

const COLUMNS = ["live", "doomed", "committed", "objects", "gen0", "gen1", "gen2", "frozen", "leaves", "doomedObjects", "ops", "pause", "fsync", "fulls"];
const HOUR_SAMPLES = 3600, DAY_SAMPLES = 2880, DAY_STEP_MS = 30000;
const MARKS_MAX = 3600, MARK_MS = 1000; // collections of one generation in one second are one mark

export const hour = new Ring(HOUR_SAMPLES, COLUMNS);
export const day = new Ring(DAY_SAMPLES, COLUMNS);
export const marks = [[], [], []]; // by generation: {t, n, collected, duration_us}, the longest of n
export const latest = { heap: null, gc: null, ops: NaN, fsync: NaN, stored: null, collection: null };

const listeners = new Set();
let metrics = null, calls = 0, dayFloor = null, logOf = "";

export function onSample(listener) {
  listeners.add(listener);
}

export const rangeMs = { "1m": 60e3, "5m": 300e3, "15m": 900e3, "1h": 3600e3, "1d": 86400e3 };
export const ringShown = () => (hash.get("range") === "1d" ? day : hour);

// Of 30 s the moment with the least live bytes: a day is looked at for its floor.
function pushDay(sample) {
  if (dayFloor === null || sample.live < dayFloor.live) dayFloor = sample;
  if (day.length > 0 && sample.t - day.last("t") < DAY_STEP_MS) return;
  day.push(dayFloor);
  dayFloor = null;
}

function sampleOf(heap, gc) {
  const [gen0, gen1, gen2] = gc.generations.map((g) => g.objects);
  const tracked = gen0 + gen1 + gen2 + gc.frozen;
  return {
    t: Date.now(), live: heap.bytes.live, doomed: heap.bytes.doomed, committed: heap.bytes.committed, objects: heap.objects,
    gen0, gen1, gen2, frozen: gc.frozen, leaves: Math.max(0, heap.objects - tracked), doomedObjects: heap.doomed,
    ops: latest.ops, pause: latest.collection?.max_slice_us ?? NaN, fsync: latest.fsync, fulls: gc.generations[2].collections,
  };
}

async function sampleHeap() {
  const heap = await get("/v1/heap"), of = instance(), gc = await get("/v1/gc");
  if (of !== instance()) return; // one of each of two heaps
  latest.heap = heap;
  latest.gc = gc;
  const sample = sampleOf(heap, gc);
  hour.push(sample);
  pushDay(sample);
  for (const listener of listeners) listener(sample);
}

// What the page itself asks is no load of the heap's users.
async function sampleMetrics() {
  const next = readMetrics(await getText("/metrics", { accept: "text/plain" })), callsNow = callsMade();
  if (metrics !== null && next.requests >= metrics.requests) {
    const mine = callsNow - calls, seconds = (next.t - metrics.t) / 1000;
    latest.ops = Math.max(0, next.requests - metrics.requests - mine + next.batchOps - metrics.batchOps) / seconds;
    latest.fsync = quantileGained(0.99, metrics.fsyncs, next.fsyncs) * 1e6;
  }
  latest.stored = next.fsyncs.length > 0; // the family is there where a store is
  metrics = next;
  calls = callsNow;
}

function noteCollection(c) {
  const list = marks[c.generation], before = list.at(-1);
  latest.collection = c;
  if (before !== undefined && c.t - before.t < MARK_MS) {
    before.n++;
    before.collected += c.collected;
    before.duration_us = Math.max(before.duration_us, c.duration_us);
    return;
  }
  list.push({ t: c.t, n: 1, collected: c.collected, duration_us: c.duration_us });
  if (list.length > MARKS_MAX) list.shift();
}

// Those before the page was opened, the oldest first.
async function readLog() {
  const { items } = await get("/v1/gc/log?limit=100");
  logOf = instance();
  for (const list of marks) list.length = 0;
  for (const c of items.toReversed()) noteCollection({ ...c, t: localTime(c.ended) });
}

function forget() {
  hour.clear();
  day.clear();
  metrics = dayFloor = null;
  Object.assign(latest, { ops: NaN, fsync: NaN, collection: null });
}

export async function sampleNow() {
  await sampleHeap();
}

export function startSamples() {
  wire.addEventListener("instance", (event) => {
    if (event.detail.before) forget();
    logOf = "";
  });
  listen("gc", (event) => {
    if (event.phase === "stop" && !event.dry_run) noteCollection({ ...event, t: localTime(event.time) });
  });
  every(1000, sampleHeap);
  every(2000, sampleMetrics);
  every(2000, async () => { if (logOf !== instance()) await readLog(); });
}
