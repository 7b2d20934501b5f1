// now.js - the strip of six numbers at the top, each with its last minute. Owns: nothing but how they are shown.

import { $, say, sayValue } from "./dom.js";
import * as f from "./format.js";
import { hour, latest, onSample } from "./samples.js";
import { spark } from "./spark.js";

const MINUTE = 60;

function lastMinute(name) {
  const n = Math.min(MINUTE, hour.length);
  const values = new Array(MINUTE - n).fill(NaN);
  for (let i = hour.length - n; i < hour.length; i++) values.push(hour.at(name, i));
  return values;
}

function show(name, text, value, more, column) {
  sayValue($(`now-${name}`), text, value);
  say($(`now-${name}-more`), more);
  spark($(`spark-${name}`), lastMinute(column));
}

function fsyncText() {
  if (latest.stored === false) return ["–", "nothing is kept on disk"];
  return [Number.isFinite(latest.fsync) ? f.micros(latest.fsync) : "–", Number.isFinite(latest.fsync) ? "last 2 s, estimated" : "no commit just now"];
}

function render(sample) {
  const { heap, gc, collection } = latest;
  show("objects", f.compact(heap.objects), heap.objects, `${f.compact(heap.links)} links, ${f.plural(heap.roots, "root")}`, "objects");
  show("bytes", f.bytes(heap.bytes.live), heap.bytes.live, `RSS ${f.bytes(heap.rss)}`, "live");
  show("doomed", f.compact(heap.doomed), heap.doomed, heap.doomed > 0 ? `${f.bytes(heap.bytes.doomed)} to give back` : "all given back", "doomedObjects");
  show("ops", f.rate(latest.ops), latest.ops, `${f.plural(heap.sessions, "session")}`, "ops");
  show("pause", collection ? f.micros(collection.max_slice_us) : "–", collection?.max_slice_us ?? "", `p99 ${f.micros(gc.pauses_us.p99)} of all slices`, "pause");
  const [text, more] = fsyncText();
  show("fsync", text, latest.fsync, more, "fsync");
  document.title = `heapd: ${f.compact(sample.objects)} objects`;
}

export function startNow() {
  onSample(render);
}
