// snapshots.js - the heap as it was: take, pin, compare, delete. Owns: the panel "Snapshots". Pinned is the one that growth is
// counted from, here and under "Classes and sites".

import { $, button, el, rows, say, toast } from "./dom.js";
import { confirmed } from "./ask.js";
import { curlButton } from "./curl.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { inspect } from "./inspector.js";
import { latest } from "./samples.js";
import { lineList } from "./suspects.js";
import { takeSnapshot } from "./tallies.js";
import { every } from "./ticker.js";
import { get, instance, send } from "./wire.js";

const HEAD = ["n", "taken", "objects", "links", "bytes", "memory"];
const GROWN = 12; // rows shown of each kind in a comparison

let job = null;

const deleteRequest = (n) => ({ method: "DELETE", path: `/v1/snapshots/${n}`, instance: instance() });

async function remove(n) {
  if (!(await confirmed({ title: `Delete snapshot ${n}?`, text: "What is compared with it cannot be any more.", request: deleteRequest(n), yes: "Delete it" }))) return;
  try {
    await send(deleteRequest(n));
    if (hash.get("since") === String(n)) hash.set({ since: "" });
  } catch (error) {
    toast(error.message, true);
  }
  job.now();
}

// ---- what it tells ----

const suspectsPath = (n) => (hash.get("since") && hash.get("since") !== String(n) ? `/v1/snapshots/${n}/suspects?since=${hash.get("since")}` : `/v1/snapshots/${n}/suspects`);

async function judge(n) {
  const path = suspectsPath(n);
  say($("snapshots-note"), "finding who keeps what …");
  try {
    const { items } = await get(path, { ms: 120000 });
    const cards = items.map((s) => el("article", { class: "verdict" }, el("p", { class: "sentence" }, f.oneLine(s.sentence, 1000)), s.id !== undefined ? button(`inspect ${s.id}`, () => inspect(s.id), { class: "small" }) : null, lineList(s.more)));
    $("snapshot-verdicts").replaceChildren(el("h3", {}, path.includes("since") ? `What has gained most from snapshot ${hash.get("since")} to ${n} ` : `What retains most in snapshot ${n} `, curlButton(() => ({ method: "GET", path }), "suspects")),
      ...(cards.length ? cards : [el("p", { class: "quiet" }, "Nothing stands out: nobody has more than a tenth.")]));
    say($("snapshots-note"), "");
  } catch (error) {
    say($("snapshots-note"), "");
    toast(error.message, true);
  }
}

const holderName = (h) => (h.root !== undefined ? `root “${f.oneLine(h.root, 40)}”` : h.session !== undefined ? `session ${h.session}` : h.field !== undefined ? `${f.oneLine(h.class, 40)}.${f.oneLine(h.field, 40)}` : h.item ? `items of ${f.oneLine(h.class, 40)}` : h.batch ? "open batches" : "the garbage list");

// unit: what of it is counted, "count" or "links"
function grownTable(title, unit, list, name) {
  const grew = list.filter(({ growth }) => growth[unit] !== 0 || growth.bytes !== 0).slice(0, GROWN);
  const body = grew.map((g) => el("tr", {}, el("td", { class: "name" }, name(g)), el("td", { class: "number" }, f.signed(g.growth[unit], f.count)), el("td", { class: "number" }, f.signed(g.growth.bytes, f.bytes))));
  return el("div", {}, el("h3", {}, title), el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, body.length ? body : el("tr", {}, el("td", { class: "quiet" }, "no change"))))));
}

async function compare(n) {
  const pinned = hash.get("since"), path = `/v1/snapshots/${pinned}/diff/${n}`;
  try {
    const diff = await get(path, { ms: 120000 });
    const grew = diff.growth;
    $("snapshot-verdicts").replaceChildren(el("h3", {}, `From snapshot ${pinned} to ${n}: ${f.signed(grew.objects, f.count)} objects, ${f.signed(grew.bytes, f.bytes)} `, curlButton(() => ({ method: "GET", path }), "comparison")),
      el("div", { class: "columns" }, grownTable("objects by class", "count", diff.classes, (g) => f.oneLine(g.class, 80)), grownTable("objects by site", "count", diff.sites, (g) => (g.site === null ? "(no site)" : f.oneLine(g.site, 80))), grownTable("links by holder", "links", diff.holders, holderName)));
  } catch (error) {
    toast(error.message, true);
  }
}

// ---- the table ----

function makeRow(s) {
  const cells = HEAD.slice(1).map(() => el("td", { class: "number" }));
  const pin = button("pin", () => hash.set({ since: hash.get("since") === String(s.n) ? "" : String(s.n) }), { "aria-pressed": "false", class: "small" });
  const diff = button("compare with pinned", () => compare(s.n), { class: "small" });
  const acts = el("td", { class: "acts" }, pin, diff, button("suspects", () => judge(s.n), { class: "small" }), button("delete", () => remove(s.n), { class: "danger small", "aria-label": `Delete snapshot ${s.n}` }), curlButton(() => deleteRequest(s.n), `delete snapshot ${s.n}`));
  const row = el("tr", { data: { snapshot: s.n } }, el("th", { scope: "row" }, String(s.n)), ...cells, acts);
  row.update = (next) => {
    const isPinned = hash.get("since") === String(next.n);
    say(cells[0], `${f.seconds(next.age_ms / 1000)} ago`);
    say(cells[1], f.count(next.objects));
    say(cells[2], f.count(next.links));
    say(cells[3], f.bytes(next.bytes));
    say(cells[4], f.bytes(next.memory_bytes));
    pin.setAttribute("aria-pressed", String(isPinned));
    say(pin, isPinned ? "pinned" : "pin");
    diff.hidden = !hash.get("since") || isPinned;
  };
  return row;
}

async function load() {
  const { items } = await get("/v1/snapshots?limit=1000");
  rows($("snapshots-table").tBodies[0], items, (s) => s.n, makeRow);
  const taking = latest.heap?.snapshotting;
  say($("snapshots-note"), items.length > 0 ? "" : taking ? "One is being taken." : "None. Take one, let the heap live, take another, and compare.");
}

export function startSnapshots() {
  const shows = () => hash.get("tab") === "snapshots";
  job = every(2000, load, shows);
  $("snapshots-table").tHead.append(el("tr", {}, ...HEAD.map((name, i) => el("th", { scope: "col", class: i > 0 ? "number" : null }, name)), el("td")));
  $("snapshot-take").addEventListener("click", async () => { await takeSnapshot(false); job.now(); });
  $("snapshot-take-curl").append(curlButton(() => ({ method: "POST", path: "/v1/snapshots" }), "take a snapshot"));
  hash.onChange((view, before) => { if (view.since !== before.since && shows()) job.now(); });
}
