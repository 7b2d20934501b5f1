// tallies.js - classes and sites: how many, how much, what of it has grown. Owns: the panel "Classes and sites", and which snapshot
// growth is counted from (the pin, which is in the address). heapd sorts, so the first 1,000 are the first of all.

import { $, button, el, rows, say, toast } from "./dom.js";
import { curlButton } from "./curl.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { inspect } from "./inspector.js";
import { every } from "./ticker.js";
import { get, send } from "./wire.js";

const FETCHED = 1000, SHOWN = 200, INSTANCES = 25;
const COLUMNS = [["name", "name"], ["count", "count"], ["count_growth", "count growth"], ["bytes", "bytes"], ["growth", "bytes growth"], ["peak", "most bytes"]];
const SORT_OF = { name: "name", count: "count", count_growth: "growth", bytes: "bytes", growth: "growth", peak: "peak" }; // what heapd sorts by for it

let items = [], more = false, job = null;

const kind = () => hash.get("tally"); // classes, sites
const nameOf = (item) => (kind() === "classes" ? item.class : item.site);
const shownName = (name) => (name === null ? "(no site)" : f.oneLine(name) || "(none)");

function request() {
  const since = hash.get("since") ? `&since=${encodeURIComponent(hash.get("since"))}` : "";
  return { method: "GET", path: `/v1/heap/${kind()}?sort=${SORT_OF[hash.get("sort")] ?? "bytes"}&limit=${FETCHED}${since}` };
}

// ---- the table ----

function sortBy(column) {
  const isSame = hash.get("sort") === column;
  hash.set({ sort: column, dir: isSame && hash.get("dir") === "down" ? "up" : "down" });
}

function fillHead() {
  const cells = COLUMNS.map(([column, label]) => el("th", { scope: "col", class: column === "name" ? null : "number", data: { column },
    "aria-sort": hash.get("sort") === column ? (hash.get("dir") === "down" ? "descending" : "ascending") : null },
    button(column === "name" ? kind() === "classes" ? "class" : "site" : label, () => sortBy(column))));
  const before = document.activeElement?.closest("#tally-table th")?.dataset.column;
  $("tally-table").tHead.replaceChildren(el("tr", {}, ...cells));
  if (before) $("tally-table").querySelector(`th[data-column="${before}"] button`)?.focus();
}

function compare(a, b) {
  const column = hash.get("sort"), turn = hash.get("dir") === "down" ? -1 : 1;
  if (column === "name") return -turn * ((nameOf(a) ?? "") < (nameOf(b) ?? "") ? -1 : 1);
  return turn * ((a[column] ?? 0) - (b[column] ?? 0));
}

function growthCell(cell, n, format) {
  say(cell, f.signed(n, format));
  cell.className = `number ${n === 0 ? "none" : !hash.get("since") ? "" : n > 0 ? "up" : "down"}`;
}

function makeRow(item) {
  const name = nameOf(item), cells = COLUMNS.slice(1).map(() => el("td", { class: "number" }));
  const label = name === null ? shownName(name) : button(shownName(name), () => showInstances(name), { class: "link" });
  const row = el("tr", { data: { name: name ?? "" } }, el("td", { class: "name" }, label), ...cells);
  row.update = ({ count, count_growth: countGrowth, bytes, growth, peak }) => {
    say(cells[0], f.count(count));
    growthCell(cells[1], countGrowth, f.count);
    say(cells[2], f.bytes(bytes));
    cells[2].className = "number share";
    cells[2].style.setProperty("--part", bytes / Math.max(1, row.parentElement?.mostBytes ?? bytes));
    growthCell(cells[3], growth, f.bytes);
    say(cells[4], f.bytes(peak));
  };
  return row;
}

function render() {
  const wanted = hash.get("filter").toLowerCase(), body = $("tally-table").tBodies[0];
  const found = items.filter((item) => shownName(nameOf(item)).toLowerCase().includes(wanted)).sort(compare);
  body.mostBytes = Math.max(1, ...items.map((item) => item.bytes));
  rows(body, found.slice(0, SHOWN), (item) => `${kind()} ${JSON.stringify(nameOf(item))}`, makeRow);
  const of = `${f.count(found.length)}${more && !wanted ? " or more" : ""}`;
  say($("tally-note"), found.length === 0 ? "Nothing." : found.length > SHOWN ? `The first ${SHOWN} of ${of}.` : "");
}

async function load() {
  const asked = request().path;
  try {
    const page = await get(asked);
    if (asked !== request().path) return; // meanwhile something else is wanted
    ({ items } = page);
    more = page.next !== null || items.length === FETCHED;
  } catch (error) {
    if (error.status === 404 && hash.get("since")) hash.set({ since: "" }); // the pinned one was deleted
    throw error;
  }
  render();
}

// ---- instances ----

async function showInstances(name) {
  const query = `/v1/objects?${kind() === "classes" ? "class" : "site"}=${encodeURIComponent(name)}&limit=${INSTANCES}`;
  try {
    const { items: found, next } = await get(query);
    const list = found.map((doc) => el("li", {}, button(String(doc.id), () => inspect(doc.id), { class: "link" }), ` ${f.oneLine(JSON.stringify(doc.fields ?? doc.items ?? `${doc.length} bytes`), 100)}`));
    $("instances").replaceChildren(el("h3", {}, `${shownName(name)}: ${next === null ? f.plural(found.length, "object") : `the first ${found.length}`} `, curlButton(() => ({ method: "GET", path: query }), "objects")), el("ol", { class: "feed" }, ...list));
  } catch (error) {
    toast(error.message, true);
  }
}

// ---- the pin ----

async function fillPins() {
  const { items: taken } = await get("/v1/snapshots?limit=1000");
  const wanted = hash.get("since"), select = $("tally-pin");
  if (document.activeElement === select) return;
  select.replaceChildren(el("option", { value: "" }, "the last window"), ...taken.map((s) => el("option", { value: s.n }, `snapshot ${s.n}, ${f.seconds(s.age_ms / 1000)} ago`)));
  select.value = taken.some((s) => String(s.n) === wanted) ? wanted : "";
}

export async function takeSnapshot(pin) {
  try {
    const { n } = await send({ method: "POST", path: "/v1/snapshots" });
    toast(`Snapshot ${n} is taken.`);
    if (pin) hash.set({ since: String(n) });
  } catch (error) {
    toast(`${error.message}. ${error.hint ?? ""}`, true);
  }
}

export function startTallies() {
  const shows = () => hash.get("tab") === "tallies";
  job = every(2000, load, shows);
  const pins = every(5000, fillPins, shows);
  for (const input of document.querySelectorAll("input[name=tally]")) {
    input.checked = input.value === kind();
    input.addEventListener("change", () => hash.set({ tally: input.value }));
  }
  $("tally-filter").value = hash.get("filter");
  $("tally-filter").addEventListener("input", () => hash.set({ filter: $("tally-filter").value }));
  $("tally-pin").addEventListener("change", () => { $("tally-pin").blur(); hash.set({ since: $("tally-pin").value }); });
  $("tally-take").addEventListener("click", () => takeSnapshot(true));
  $("tally-take").after(curlButton(request, "classes or sites"));
  hash.onChange((view, before) => {
    $(`tally-${view.tally}`).checked = true;
    if ($("tally-filter").value !== view.filter) $("tally-filter").value = view.filter;
    if (view.tally !== before.tally) $("instances").replaceChildren();
    if (view.since !== before.since) pins.now();
    if (["tally", "sort", "dir", "since"].some((key) => view[key] !== before[key])) {
      if (view.tally !== before.tally) items = [];
      fillHead();
      render();
      job.now();
    } else if (view.filter !== before.filter) render();
  });
  fillHead();
}
