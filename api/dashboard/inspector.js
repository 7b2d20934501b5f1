// inspector.js - one object: what it is, what it links to, who holds it, and why it lives. Owns: the panel "Inspector". It is asked
// for when somebody chooses it or has changed something, not by the clock: a picture that jumps cannot be read.

import { $, announce, button, el, say, toast } from "./dom.js";
import { curlButton, segment } from "./curl.js";
import { cutButton, holderText, linkText } from "./cut.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { latest } from "./samples.js";
import { Problem, get, getExact, instance, send, state, wire } from "./wire.js";
import { drawWhy } from "./why_picture.js";

const PATHS = 5, PARTS = 200, HOLDERS = 100, ROOTS = 24;
const RETAINED_OBJECTS_MAX = 2e6; // above that it is counted when asked for: it walks the heap

const IN_SIGHT_PX = 240; // of the panel; else the page is scrolled to it

let shown = 0;

const isId = (text) => /^\d{1,16}$/.test(text);

// An id means something in the instance that it was seen in: the address has both.
export function inspect(id) {
  hash.set({ tab: "inspect", id: String(id), of: isId(String(id)) ? instance() : "" }, true);
  if ($("panels").getBoundingClientRect().top > innerHeight - IN_SIGHT_PX) $("panels").scrollIntoView();
}

// ---- values ----

function linkTo(id, text = String(id)) {
  return button(text, () => inspect(id), { class: "link", data: { id } });
}

function valueNode(value) {
  if (value !== null && typeof value === "object") {
    if (value.$ref !== undefined) return el("span", {}, "→ ", linkTo(value.$ref));
    if (value.$weak !== undefined) return el("span", {}, "⇢ ", linkTo(value.$weak), " (weak)");
    if (value.number !== undefined) return value.number;
  }
  return f.oneLine(typeof value === "string" ? JSON.stringify(value) : String(value), 2000);
}

// Output adds a "$" to a name that begins with one.
const plain = (name) => (name.startsWith("$$") ? name.slice(1) : name);

function partsOf(doc) {
  if (doc.fields) return Object.entries(doc.fields).map(([name, value]) => [plain(name), value]);
  return (doc.items ?? []).map((value, i) => [String(i), value]);
}

function fillFields(doc) {
  const parts = partsOf(doc), rest = parts.length - PARTS;
  say($("inspect-fields-title"), doc.fields ? "Fields" : doc.items ? "Items" : "Bytes");
  const rows = parts.slice(0, PARTS).map(([name, value]) => el("tr", {}, el("th", { scope: "row", class: "name" }, f.oneLine(name, 300)), el("td", { class: "value" }, valueNode(value))));
  if (doc.length !== undefined) rows.push(el("tr", {}, el("td", {}, `${f.bytes(doc.length)} of raw bytes: `, curlButton(() => ({ method: "GET", path: `/v1/objects/${doc.id}/bytes` }), "bytes"))));
  if (rest > 0 || doc.more) rows.push(el("tr", {}, el("td", { colspan: 2, class: "quiet" }, doc.more ? `the first ${PARTS} of more than ${f.count(parts.length)}` : `and ${f.count(rest)} more`)));
  if (rows.length === 0) rows.push(el("tr", {}, el("td", { class: "quiet" }, "none")));
  $("inspect-fields").tBodies[0].replaceChildren(...rows);
}

// ---- who holds it ----

function holderRow(holder, id) {
  const who = holder.id !== undefined ? linkTo(holder.id, holderText(holder)) : holderText(holder);
  return el("tr", {}, el("td", { class: "name" }, who), el("td", { class: "value" }, linkText(holder)), el("td", { class: "number" }, cutButton(holder, id, reload)));
}

function fillReferrers(page, id) {
  const rows = page.items.map((holder) => holderRow(holder, id));
  if (page.next !== null) rows.push(el("tr", {}, el("td", { colspan: 3, class: "quiet" }, "and more")));
  if (rows.length === 0) rows.push(el("tr", {}, el("td", { class: "quiet" }, "nobody")));
  $("inspect-referrers").tBodies[0].replaceChildren(...rows);
}

// ---- what it is ----

const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));

function fillFacts(doc) {
  const age = doc.frozen ? "frozen" : doc.generation === null ? "none: bytes are not tracked" : String(doc.generation);
  $("inspect-facts").replaceChildren(fact("class", f.oneLine(doc.class, 120) || "(none)"), fact("id", String(doc.id)), fact("generation", age), fact("references", f.count(doc.refs)),
    fact("weak", f.count(doc.weak_refs)), fact("its own bytes", f.bytes(doc.bytes)), el("div", { id: "inspect-retained" }));
  const seen = instance();
  const request = (method) => ({ method, path: `/v1/objects/${doc.id}/hold`, instance: seen });
  const hold = (method, said) => button(method === "PUT" ? "Hold it" : "Let it go", () => change(request(method), said), { id: method === "PUT" ? "inspect-hold" : "inspect-drop" });
  $("inspect-actions").replaceChildren(curlButton(() => ({ method: "GET", path: `/v1/objects/${doc.id}` }), "document"), hold("PUT", "Session 0 holds it"),
    curlButton(() => request("PUT"), "hold"), hold("DELETE", "Session 0 has let it go"), curlButton(() => request("DELETE"), "let go"));
}

async function change(request, said) {
  try {
    await send(request);
    announce(said);
  } catch (error) {
    toast(error.message, true);
  }
  reload();
}

async function countRetained(id) {
  const r = await get(`/v1/objects/${id}/retained`, { ms: 60000 });
  if (shown !== id) return;
  $("inspect-retained").replaceChildren(el("dt", {}, "keeps alive, itself included"), el("dd", {}, `${f.plural(r.objects, "object")}, ${f.bytes(r.bytes)}${r.exact ? "" : ", about"}`));
}

function fillRetained(id) {
  const count = () => countRetained(id).catch((error) => { if (error.status !== 410) toast(error.message, true); });
  if ((latest.heap?.objects ?? 0) <= RETAINED_OBJECTS_MAX) count();
  else $("inspect-retained").replaceChildren(el("dt", {}, "keeps alive"), el("dd", {}, button("count it", count)));
}

async function fillWhy(doc) {
  const path = `/v1/objects/${doc.id}/why?paths=${PATHS}`, why = await get(path, { ms: 60000 });
  if (shown !== doc.id) return;
  drawWhy($("why-picture"), why, doc, inspect, reload);
  const words = why.paths.length === 0 ? why.unreached ?? "Nothing reaches it: it is garbage, and will be collected."
    : why.paths.length === 1 && doc.refs === 1 ? "One chain: cut any of its links, and it goes." : `${f.plural(why.paths.length, "chain")}, each by another holder; ${f.plural(doc.refs, "reference")} in all.`;
  $("why-text").replaceChildren(`${words} `, curlButton(() => ({ method: "GET", path: `${path}&format=dot` }), "why, for Graphviz"));
}

// ---- one object ----

function showProblem(text) {
  $("inspect-problem").hidden = text === "";
  say($("inspect-problem"), text);
  $("inspect-body").hidden = text !== "" || shown === 0;
  if (text !== "") $("inspect-actions").replaceChildren();
}

async function idOf(text) {
  if (isId(text)) return Number(text);
  return (await get(`/v1/roots/${segment(text)}`)).$ref;
}

const isOfAnother = (text) => isId(text) && hash.get("of") !== "" && hash.get("of") !== instance();

async function show(text) {
  $("inspect-id").value = text;
  try {
    const id = await idOf(text);
    const doc = await getExact(`/v1/objects/${id}`), referrers = await get(`/v1/objects/${id}/referrers?limit=${HOLDERS}`);
    if (hash.get("id") !== text) return;
    if (isOfAnother(text)) throw new Problem({ detail: "That id was of another heap, and means nothing in this one" }, 412);
    if (shown !== id) $("why-picture").replaceChildren();
    shown = id;
    showProblem("");
    fillFacts(doc);
    fillFields(doc);
    fillReferrers(referrers, id);
    fillRetained(id);
    await fillWhy(doc);
  } catch (error) {
    if (hash.get("id") !== text) return;
    shown = 0;
    showProblem(error.status ? `${error.message}. ${error.hint ?? ""}` : "heapd does not answer.");
  }
}

function reload() {
  if (hash.get("tab") === "inspect" && hash.get("id")) show(hash.get("id"));
}

// A place to begin: the roots.
async function fillRoots() {
  const { items, next } = await get(`/v1/roots?limit=${ROOTS}`);
  const links = items.map((root) => linkTo(root.$ref, f.oneLine(root.name, 40)));
  $("inspect-roots").replaceChildren(el("p", { class: "roots" }, el("span", { class: "quiet" }, "roots:"), ...(links.length ? links : [el("span", { class: "quiet" }, "none")]), next !== null ? "…" : null));
}

function follow(view, before) {
  if (view.tab !== "inspect") return;
  if (view.tab !== before?.tab) fillRoots().catch(() => {});
  if (view.id && (view.id !== before?.id || view.tab !== before?.tab)) show(view.id);
  if (!view.id) showProblem("");
}

export function startInspector() {
  const submit = (input) => (event) => {
    event.preventDefault();
    const text = $(input).value.trim();
    if (!text) return;
    if (text === hash.get("id") && hash.get("tab") === "inspect") reload();
    else inspect(text);
  };
  $("inspect-form").addEventListener("submit", submit("inspect-id"));
  $("search-form").addEventListener("submit", submit("search"));
  hash.onChange(follow);
  wire.addEventListener("instance", (event) => {
    if (event.detail.before && isId(hash.get("id")) && hash.get("of") === "") hash.set({ of: event.detail.before });
    follow({ tab: hash.get("tab"), id: hash.get("id") });
  });
  wire.addEventListener("state", () => { if (state() === "live") reload(); });
}
