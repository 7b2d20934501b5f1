// suspects.js - what only grows, in heapd's own sentences with their evidence; the sessions; and what has happened of late. Owns:
// the panel "Suspects and sessions".

import { $, announce, button, el, rows, say, svg, toast } from "./dom.js";
import { confirmed } from "./ask.js";
import { curlButton } from "./curl.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { inspect } from "./inspector.js";
import { spark } from "./spark.js";
import { listen } from "./stream.js";
import { every } from "./ticker.js";
import { get, instance, localTime, send } from "./wire.js";

const SESSIONS = 200, HOLDS = 20, FEED_MAX = 50;
const feed = [];

const shows = () => hash.get("tab") === "suspects";

// ---- suspects ----

// "curl ..." lines as heapd gives them, to copy as they are.
export function lineList(lines) {
  return el("ul", { class: "lines" }, lines.map((line) => el("li", {}, el("code", {}, f.oneLine(line, 400)), curlButton(line, "as heapd gives it"))));
}

// What its sentence does not say.
function evidenceText(s) {
  const e = s.evidence, isBytes = e.from.bytes !== undefined;
  return `${f.signed(e.per_hour, isBytes ? f.bytes : f.compact)} an hour; a suspect for ${f.seconds(Math.floor(s.suspect_s))}`;
}

// To where more of it is seen.
function lead(s) {
  if (s.object !== undefined) return button(`inspect ${s.object}`, () => inspect(s.object), { class: "small" });
  const tally = s.site !== undefined ? "sites" : s.class !== undefined ? "classes" : null;
  return tally && button("see it among all", () => hash.set({ tab: "tallies", tally, filter: s.site ?? s.class ?? "" }, true), { class: "small" });
}

function suspectCard(s) {
  const line = svg("svg", { class: "spark", "aria-hidden": "true" });
  spark(line, s.evidence.floors);
  return el("article", { class: "verdict", data: { by: s.by } }, el("p", { class: "sentence" }, f.oneLine(s.sentence, 1000)),
    el("div", { class: "evidence" }, line, el("p", { class: "quiet" }, evidenceText(s))),
    lead(s), lineList(s.more));
}

async function loadSuspects() {
  const { watching, window_s: windowS, windows, windows_needed: needed, items } = await get("/v1/heap/suspects");
  const told = !watching ? "Nothing is watched: suspects_enabled is false." : windows < needed
    ? `heapd has watched ${f.plural(windows, "window")} of ${f.seconds(windowS)}; with ${needed} it can tell.`
    : items.length === 0 ? `Nothing is suspect, after ${f.plural(windows, "window")} of ${f.seconds(windowS)}.` : `${f.plural(items.length, "suspect")}, after ${f.plural(windows, "window")} of ${f.seconds(windowS)}.`;
  say($("suspects-note"), told);
  $("suspects-list").replaceChildren(...items.map(suspectCard));
}

// ---- sessions ----

const endRequest = (id) => ({ method: "DELETE", path: `/v1/sessions/${id}`, instance: instance() });

async function endSession(s) {
  const title = s.id === 0 ? "Empty session 0?" : `End session ${s.id}?`;
  const text = `${s.label ? `“${f.oneLine(s.label)}” ` : "It "}lets go of ${f.plural(s.holds, "object")}; what nothing else reaches dies.`;
  if (!(await confirmed({ title, text, request: endRequest(s.id), yes: s.id === 0 ? "Empty it" : "End it" }))) return;
  try {
    await send(endRequest(s.id));
    announce(`Session ${s.id} is over.`);
  } catch (error) {
    toast(error.message, true);
  }
  loadSessions().catch(() => {});
}

async function showHolds(s) {
  const path = `/v1/sessions/${s.id}/holds?limit=${HOLDS}`;
  try {
    const { items, next } = await get(path);
    const links = items.map((doc) => el("li", {}, button(`${f.oneLine(doc.class, 60)} ${doc.id}`, () => inspect(doc.id), { class: "link" })));
    $("session-holds").replaceChildren(el("h3", {}, `Session ${s.id} holds${next === null ? "" : `, among others`} `, curlButton(() => ({ method: "GET", path }), "holds")), el("ol", { class: "feed" }, ...links));
  } catch (error) {
    toast(error.message, true);
  }
}

function makeSession(s) {
  let now = s;
  const cells = ["name", "number", "number", "number", "number"].map((name) => el("td", { class: name }));
  const holds = button("", () => showHolds(now), { class: "link" });
  cells[3].append(holds);
  const end = el("td", { class: "number" }, button(s.id === 0 ? "empty" : "end", () => endSession(now), { class: "danger small", "aria-label": `${s.id === 0 ? "Empty" : "End"} session ${s.id}` }), curlButton(() => endRequest(s.id), `end session ${s.id}`));
  const row = el("tr", { data: { session: s.id } }, el("th", { scope: "row" }, String(s.id)), ...cells, end);
  row.update = (next) => {
    now = next;
    say(cells[0], f.oneLine(next.label, 80));
    say(cells[1], next.age === null ? "–" : f.seconds(Math.floor(next.age)));
    say(cells[2], next.expires_in === null ? "never" : f.seconds(Math.ceil(next.expires_in)));
    cells[2].classList.toggle("up", next.expires_in !== null && next.expires_in < 5);
    say(holds, f.count(next.holds));
    say(cells[4], next.bytes === null ? "–" : f.bytes(next.bytes));
  };
  return row;
}

async function loadSessions() {
  const { items, next } = await get(`/v1/sessions?limit=${SESSIONS}`);
  rows($("sessions-table").tBodies[0], items.toSorted((a, b) => b.holds - a.holds), (s) => s.id, makeSession);
  const more = next === null ? "" : `${SESSIONS} of them; there are more. `;
  say($("sessions-note"), `${more}${items.some((s) => s.bytes === null) ? "Bytes are counted once bytes_per_session_max or default_bytes_max is set." : ""}`);
}

// ---- what happened ----

function changedText(e) {
  const settings = Object.entries(e.changed ?? {}).map(([name, { from, to }]) => `${name} from ${JSON.stringify(from)} to ${JSON.stringify(to)}`);
  return f.oneLine(settings.join(", ") || (e.frozen !== undefined ? `${f.count(e.frozen)} frozen` : "done"), 200);
}

const suspectName = (e) => f.oneLine(e.site ?? e.class ?? e.root ?? (e.session !== undefined ? `session ${e.session}` : e.by), 80);

const SAID = {
  alert: (e) => (e.what === "suspect" ? `suspect: ${f.oneLine(e.sentence, 300)}` : `${suspectName(e)} is no suspect any more: ${e.because}`),
  dropped: (e) => `and ${f.count(e.count)} more in that second`,
  death: (e) => `the weak name “${f.oneLine(e.name, 60)}”: its object ${e.object} has died`,
  config: (e) => `${e.what}${e.by ? ` by ${f.oneLine(e.by, 40)}` : ""}: ${changedText(e)}`,
  lease: (e) => `session ${e.session} ${e.label ? `“${f.oneLine(e.label, 40)}” ` : ""}${e.what}${e.what === "released" ? `: ${f.plural(e.objects ?? 0, "object")} died, ${f.bytes(e.bytes ?? 0)}` : e.holds !== undefined ? `, held ${f.count(typeof e.holds === "number" ? e.holds : e.holds.length)}` : ""}`,
};

function noteEvent(event) {
  feed.unshift({ at: event.time ? localTime(event.time) : Date.now(), text: SAID[event.type](event), id: event.id });
  if (feed.length > FEED_MAX) feed.pop();
}

function renderFeed() {
  const make = (e) => el("li", {}, el("time", { class: "quiet" }, f.clock(e.at)), ` ${e.text}`);
  rows($("events-feed"), feed, (e) => e.id, make);
  $("events-feed").dataset.empty = feed.length === 0 ? "Nothing since this page was opened: deaths of weak names, leases, settings." : "";
}

export function startSuspects() {
  $("sessions-table").tHead.append(el("tr", {}, ...["id", "label", "age", "ends in", "holds", "bytes"].map((name, i) => el("th", { scope: "col", class: i > 1 ? "number" : null }, name)), el("td")));
  $("sessions-note").after(el("div", { id: "session-holds" }));
  for (const type of Object.keys(SAID)) listen(type, noteEvent);
  every(5000, loadSuspects, shows);
  every(2000, loadSessions, shows);
  every(1000, async () => renderFeed(), shows);
}
