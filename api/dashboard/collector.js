// collector.js - the collector's console. Owns: its controls; each sends one call, shows what heapd then says, and has the curl
// line that does the same. A control that somebody is in the middle of changing is not overwritten by what comes in. Before
// anything is known of the collector nothing can be sent.

import { $, announce, button, el, say, sayValue, toast } from "./dom.js";
import { curlButton, refreshCurls } from "./curl.js";
import * as f from "./format.js";
import { latest, onSample, sampleNow } from "./samples.js";
import { get, send } from "./wire.js";

const DEBUG = ["stats", "collectable", "uncollectable", "saveall", "leak"];
const SLIDER_STEPS = 100;
const SLIDER_MAX = [1e6, 1000, 1000];
const PACE = [["pause-budget", "pause_budget_us", "slice, µs"], ["full-bytes", "full_bytes_pct", "full at new bytes, %"], ["full-age", "full_age_s", "full at age, s"]];

// ---- one call ----

// `request` may be a promise of one.
export async function act(request, done) {
  try {
    const said = await send(await request);
    if (done) announce(done(said));
    await sampleNow();
    return said;
  } catch (error) {
    toast(error.hint ? `${error.message}. ${error.hint}` : error.message, true);
    await sampleNow().catch(() => {});
    return null;
  }
}

const patch = (body) => ({ method: "PATCH", path: "/v1/gc", body });

// ---- thresholds ----

// A slider by powers: its left end is 0 (off), its right the most that is useful.
const fromSlider = (step, max) => (step <= 0 ? 0 : Math.round(max ** (step / SLIDER_STEPS)));
const toSlider = (n, max) => (n <= 0 ? 0 : Math.min(SLIDER_STEPS, Math.max(1, Math.round(SLIDER_STEPS * Math.log(n) / Math.log(max)))));

// The array names those before it too, at what they are.
function thresholdPatch(gc, generation, value) {
  return gc && patch({ thresholds: [...gc.thresholds.slice(0, generation), value] });
}

const EMPTY_MS = 3000; // so long a field stays empty that was left so, before it shows again what is

const isBusy = (input) => input.dataset.dirty === "1";

// A number that somebody types, and sends with Enter or by leaving the field; what is no number of the right kind is not sent.
function onNumber(input, apply) {
  const isNumber = () => input.value !== "" && input.checkValidity();
  input.addEventListener("input", () => { input.dataset.dirty = "1"; });
  input.addEventListener("change", () => { if (isNumber()) apply(); });
  input.addEventListener("blur", () => {
    if (isNumber()) input.dataset.dirty = "0";
    else setTimeout(() => { if (document.activeElement !== input) input.dataset.dirty = "0"; }, EMPTY_MS);
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && isNumber()) input.dataset.dirty = "0"; });
}

function thresholdRow(generation) {
  const max = SLIDER_MAX[generation], id = `threshold-${generation}`;
  const input = el("input", { id, type: "number", min: 0, step: 1, required: true });
  const slider = el("input", { id: `${id}-slider`, type: "range", min: 0, max: SLIDER_STEPS, "aria-label": `Threshold of generation ${generation}, roughly` });
  const fill = el("div", { class: "fill" });
  const meter = el("div", { id: `meter-${generation}`, class: "meter", role: "meter", "aria-label": `Count of generation ${generation}`, "aria-valuemin": 0 }, fill);
  const counted = el("span", { id: `count-${generation}`, class: "counted" });

  // Those before it as they are now: somebody else may have changed them since the last look.
  const wanted = async (value) => thresholdPatch(await get("/v1/gc"), generation, value);
  const apply = () => act(wanted(Number(input.value)), (gc) => `Threshold of generation ${generation} is ${f.count(gc.thresholds[generation])}`);
  onNumber(input, apply);
  slider.addEventListener("input", () => { input.value = fromSlider(Number(slider.value), max); input.dataset.dirty = "1"; });
  slider.addEventListener("change", () => { input.dataset.dirty = "0"; apply(); });
  for (const end of ["pointerup", "keyup", "blur"]) slider.addEventListener(end, () => { input.dataset.dirty = "0"; });

  const render = () => {
    const { thresholds, counts, enabled } = latest.gc, limit = thresholds[generation] ?? 0, n = counts[generation];
    const isOff = thresholds[0] === 0 || !enabled;
    if (!isBusy(input)) {
      input.value = limit;
      slider.value = toSlider(limit, max);
    }
    slider.setAttribute("aria-valuetext", f.count(Number(input.value)));
    fill.style.setProperty("--part", limit > 0 ? Math.min(1, n / limit) : 0);
    meter.classList.toggle("off", isOff);
    meter.setAttribute("aria-valuenow", n);
    meter.setAttribute("aria-valuemax", Math.max(n, limit));
    sayValue(counted, limit > 0 ? `${f.count(n)} of ${f.count(limit)}` : `${f.count(n)}, never full`, n);
  };
  const row = el("div", { class: "threshold" }, el("label", { for: id }, `gen ${generation}`), input, slider,
    curlButton(() => thresholdPatch(latest.gc, generation, Number(input.value)), `threshold of generation ${generation}`), el("div", { class: "filling" }, meter, counted));
  return { row, render };
}

// ---- collect ----

function resultText(r) {
  if (r.dry_run) return `${f.count(r.would_collect)} would go, of ${f.count(r.candidates)} looked at${r.classes.length ? `: ${r.classes.slice(0, 5).map((c) => `${f.count(c.count)} ${f.oneLine(c.class, 40)}`).join(", ")}` : ""}.`;
  const kept = r.uncollectable > 0 ? `, ${f.count(r.uncollectable)} kept as garbage` : "";
  return `Generation ${r.generation}: ${f.count(r.collected)} of ${f.count(r.candidates)} collected${kept}, in ${f.micros(r.duration_us)}, longest slice ${f.micros(r.max_slice_us)}.`;
}

const collectRequest = (generation, dry = false) => ({ method: "POST", path: "/v1/gc/collect", body: dry ? { generation, dry_run: true } : { generation } });

let collecting = false; // one at a time: a slip of a finger should not queue ten

export async function collect(generation = 2, dry = false) {
  if (collecting || latest.gc === null) return;
  collecting = true;
  say($("gc-result"), "…");
  const said = await act(collectRequest(generation, dry));
  say($("gc-result"), said === null ? "" : resultText(said));
  collecting = false;
}

function fillCollectRow() {
  const names = ["young", "middle", "all"];
  const parts = [0, 1, 2].map((g) => el("span", { class: "pair" }, button(`Collect ${g}`, () => collect(g), { id: `collect-${g}`, title: names[g], class: g === 2 ? "main" : null }),
    curlButton(() => collectRequest(g), `collect generation ${g}`)));
  parts.push(el("span", { class: "pair" }, button("What would go?", () => collect(2, true), { id: "collect-dry" }), curlButton(() => collectRequest(2, true), "dry run")));
  $("collect-row").append(...parts);
}

// ---- the rest ----

function fillFreezeRow() {
  const freeze = { method: "PUT", path: "/v1/gc/freeze" }, thaw = { method: "DELETE", path: "/v1/gc/freeze" };
  const said = (r) => `${f.count(r.frozen)} frozen`;
  $("freeze-row").append(el("span", { id: "frozen-count", class: "counted" }),
    el("span", { class: "pair" }, button("Freeze", () => act(freeze, said), { id: "freeze" }), curlButton(() => freeze, "freeze")),
    el("span", { class: "pair" }, button("Unfreeze", () => act(thaw, said), { id: "unfreeze" }), curlButton(() => thaw, "unfreeze")));
}

function debugRow() {
  const boxes = DEBUG.map((name) => el("input", { type: "checkbox", id: `debug-${name}`, value: name }));
  const wanted = () => latest.gc && patch({ debug: boxes.filter((b) => b.checked).map((b) => b.value) });
  let sending = 0;
  const apply = async () => {
    sending++;
    await act(wanted(), (gc) => `Debug flags: ${gc.debug.join(", ") || "none"}`);
    sending--;
  };
  for (const b of boxes) b.addEventListener("change", apply);
  $("debug-row").append(el("span", { class: "name" }, "debug"), ...boxes.map((b) => el("label", { class: "check" }, b, b.value)), curlButton(wanted, "debug flags"));
  return () => { if (sending === 0) for (const b of boxes) b.checked = latest.gc.debug.includes(b.value); };
}

function paceRow() {
  const inputs = PACE.map(([id, name, label]) => {
    const input = el("input", { id, type: "number", min: 0, required: true });
    const wanted = () => latest.gc && patch({ [name]: Number(input.value) });
    onNumber(input, () => act(wanted(), () => `${label} is ${input.value}`));
    $("pace-row").append(el("label", { class: "field" }, label, " ", input), curlButton(wanted, label));
    return [input, name];
  });
  return () => { for (const [input, name] of inputs) if (!isBusy(input)) input.value = latest.gc[name]; };
}

function enabledSwitch() {
  const b = $("gc-enabled");
  const wanted = () => latest.gc && patch({ enabled: !latest.gc.enabled });
  b.addEventListener("click", () => act(wanted(), (gc) => (gc.enabled ? "The collector runs by itself" : "The collector is off")));
  b.after(curlButton(wanted, "switch"));
  return () => {
    b.setAttribute("aria-checked", String(latest.gc.enabled));
    say($("gc-phase"), latest.gc.enabled ? latest.gc.phase : "off");
    say($("frozen-count"), `${f.count(latest.gc.frozen)} frozen`);
  };
}

export function startCollector() {
  const thresholds = [0, 1, 2].map(thresholdRow);
  $("thresholds").append(...thresholds.map((t) => t.row));
  fillCollectRow();
  fillFreezeRow();
  $("collector").inert = true;
  const renders = [...thresholds.map((t) => t.render), debugRow(), paceRow(), enabledSwitch()];
  onSample(() => {
    $("collector").inert = false;
    for (const render of renders) render();
    refreshCurls();
  });
}
