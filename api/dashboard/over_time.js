// over_time.js - the heap over time: what lives, by bytes or by generation, with each collection marked and the floor drawn that
// the collector leaves. Owns: the chart (Chart.js, a global from assets/chart.js), its legend, its table.

import { $, el, say } from "./dom.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { marks, onSample, rangeMs, ringShown } from "./samples.js";
import { floorLine, thin } from "./series.js";

const POINTS_MAX = 600;
const YOUNG_MS = 60000; // as long as less is known than was asked for, the picture grows from this on
const GAP_MS = 5000; // no line is drawn over a time of which nothing is known
const TABLE_ROWS = 30;
const RUG_PX = [5, 9, 14]; // how long the mark of a collection is, by generation; a full one crosses the picture ...
const TALL_PX = 12; // ... where they are at least so far apart

// One layer each, stacked from the bottom. `line`: not filled, not stacked.
const LAYERS = {
  bytes: [["live", "live", "--c1"], ["doomed", "doomed", "--c2"], ["committed", "committed", "--c5", "line"]],
  objects: [["gen2", "generation 2", "--c1"], ["gen1", "generation 1", "--c3"], ["gen0", "generation 0", "--c4"], ["frozen", "frozen", "--c6"],
    ["leaves", "bytes objects", "--c5"], ["doomedObjects", "doomed", "--c2"]],
};
const FLOOR_OF = { bytes: "live", objects: "objects" };

let chart = null, floor = null;

const unit = () => hash.get("unit");
const format = (n) => (unit() === "bytes" ? f.bytes(n) : f.compact(n));
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- what is drawn over the layers ----

function drawMarks(c) {
  const { ctx, chartArea: area, scales: { x } } = c;
  for (const generation of [0, 1, 2]) {
    const seen = marks[generation].filter(({ t }) => t >= x.min && t <= x.max);
    const isTall = generation === 2 && seen.length * TALL_PX <= area.width;
    ctx.strokeStyle = css(generation === 2 ? "--mark" : "--mark-soft");
    ctx.lineWidth = 1;
    ctx.setLineDash(isTall ? [1, 3] : []);
    ctx.beginPath();
    for (const { t } of seen) {
      const at = Math.round(x.getPixelForValue(t)) + 0.5;
      ctx.moveTo(at, area.bottom);
      ctx.lineTo(at, isTall ? area.top : area.bottom - RUG_PX[generation]);
    }
    ctx.stroke();
  }
}

function drawFloor(c) {
  const { ctx, scales: { x, y } } = c;
  if (floor === null) return;
  ctx.setLineDash([7, 5]);
  ctx.lineWidth = 2;
  ctx.strokeStyle = css(floor.isRise ? "--bad" : "--floor");
  ctx.beginPath();
  ctx.moveTo(x.getPixelForValue(floor.t0), y.getPixelForValue(floor.y0));
  ctx.lineTo(x.getPixelForValue(floor.t1), y.getPixelForValue(floor.y1));
  ctx.stroke();
}

const overlay = {
  id: "overlay",
  afterDatasetsDraw(c) {
    c.ctx.save();
    c.ctx.beginPath();
    c.ctx.rect(c.chartArea.left, c.chartArea.top, c.chartArea.width, c.chartArea.height);
    c.ctx.clip();
    drawMarks(c);
    drawFloor(c);
    c.ctx.restore();
  },
};

// ---- the chart ----

function collectionsNear(t) {
  const reach = rangeMs[hash.get("range")] / 200;
  const lines = [];
  for (const g of [2, 1, 0]) {
    const near = marks[g].filter((c) => Math.abs(c.t - t) <= reach);
    if (near.length === 0) continue;
    const n = near.reduce((sum, c) => sum + c.n, 0), found = near.reduce((sum, c) => sum + c.collected, 0), longest = Math.max(...near.map((c) => c.duration_us));
    lines.push(`${f.plural(n, "collection")} of generation ${g}: ${f.count(found)} found, ${f.micros(longest)}`);
  }
  return lines;
}

const TICK_STEPS = [10e3, 30e3, 60e3, 180e3, 600e3, 1800e3, 3600e3, 3 * 3600e3];
const TICK_PX = 80; // that a label and the room behind it take
const tickStep = (span, width) => TICK_STEPS.find((step) => span / step <= Math.min(8, width / TICK_PX)) ?? TICK_STEPS.at(-1);

// Steps that are round in the unit: a power of two for bytes, 1, 2 or 5 of a power of ten else.
function roundStep(rough) {
  if (unit() === "bytes") return Math.max(1, 2 ** Math.ceil(Math.log2(rough)));
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
}

function roundTicks(axis) {
  const step = roundStep(axis.max / 6);
  axis.max = Math.max(step, Math.ceil(axis.max / step) * step);
  axis.ticks = Array.from({ length: Math.round(axis.max / step) + 1 }, (_, i) => ({ value: i * step }));
}

function options() {
  const ink = css("--quiet"), grid = css("--line");
  return {
    animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
    interaction: { mode: "index", intersect: false, axis: "x" },
    elements: { point: { radius: 0, hitRadius: 0, hoverRadius: 3 }, line: { borderWidth: 1.5, tension: 0 } },
    scales: {
      x: { type: "linear", grid: { display: false, borderColor: grid }, ticks: { color: ink, maxRotation: 0, font: { size: 11 }, callback: (t) => f.clock(t, t % 60e3 !== 0) },
        afterBuildTicks: (axis) => {
          const step = tickStep(axis.max - axis.min, axis.width || Infinity), first = Math.ceil(axis.min / step) * step;
          axis.ticks = Array.from({ length: Math.max(0, Math.floor((axis.max - first) / step) + 1) }, (_, i) => ({ value: first + i * step }));
        } },
      y: { stacked: true, beginAtZero: true, grid: { color: grid, drawBorder: false }, afterBuildTicks: roundTicks, ticks: { color: ink, font: { size: 11 }, callback: (n) => f.short(format(n)) } },
    },
    plugins: {
      legend: { display: false },
      tooltip: { filter: (item) => Number.isFinite(item.parsed.y), callbacks: {
        title: (items) => (items.length ? f.clock(items[0].parsed.x) : ""),
        label: (item) => ` ${item.dataset.label}: ${format(item.parsed.y)}`,
        afterBody: (items) => (items.length ? collectionsNear(items[0].parsed.x) : []),
      } },
    },
  };
}

function layerSet(layer) {
  const [name, label, colour, kind] = layer, tone = css(colour);
  const isLine = kind === "line";
  return { name, label, data: [], borderColor: tone, backgroundColor: `${tone}${isLine ? "00" : "55"}`, fill: isLine ? false : "stack",
    stack: isLine ? name : "heap", borderDash: isLine ? [2, 3] : [], spanGaps: false, order: isLine ? 1 : 0 };
}

function points(ring, chosen, name) {
  const data = [];
  let before = NaN;
  for (const i of chosen) {
    const t = ring.at("t", i);
    if (t - before > Math.max(GAP_MS, rangeMs[hash.get("range")] / 100)) data.push({ x: before + 1, y: NaN });
    data.push({ x: t, y: ring.at(name, i) });
    before = t;
  }
  return data;
}

// ---- words ----

function floorText() {
  if (floor === null) return "The floor is what full collections leave. It is drawn once some of them have been seen.";
  const slope = `${f.signed(floor.perHour, format)} an hour over ${f.seconds((floor.t1 - floor.t0) / 1000)} and ${f.count(floor.count)} full collections`;
  if (!floor.canTell) return `The floor: ${slope}, too few to say whether it rises.`;
  return floor.isRise ? `The floor rises: ${slope}.` : `The floor does not rise: ${slope} is no more than chance can do.`;
}

const hidden = () => new Set(hash.get("hide").split(" "));

function toggle(name) {
  const names = hidden();
  if (!names.delete(name)) names.add(name);
  hash.set({ hide: [...names].filter(Boolean).join(" ") });
}

const key = (colour, kind) => el("span", { class: `key ${kind}`, vars: { "--key": `var(${colour})` } });

function fillLegend() {
  const layers = LAYERS[unit()].map(([name, label, colour, kind]) => el("li", {},
    el("button", { type: "button", "aria-pressed": String(!hidden().has(name)), data: { layer: name }, on: { click: () => toggle(name) } }, key(colour, kind ?? "area"), label)));
  $("heap-legend").replaceChildren(...layers, el("li", {}, key("--floor", "dash"), "floor"), el("li", {}, key("--mark", "mark"), "collection"));
}

function fillTable(ring, first) {
  if (!$("heap-table").open) return;
  const layers = LAYERS[unit()], step = Math.max(1, Math.ceil((ring.length - first) / TABLE_ROWS));
  const head = el("tr", {}, el("th", { scope: "col" }, "time"), layers.map(([, label]) => el("th", { scope: "col", class: "number" }, label)));
  const body = [];
  for (let i = ring.length - 1; i >= first; i -= step) {
    body.push(el("tr", {}, el("th", { scope: "row" }, f.clock(ring.at("t", i))), layers.map(([name]) => el("td", { class: "number" }, format(ring.at(name, i))))));
  }
  $("heap-table").querySelector("thead").replaceChildren(head);
  $("heap-table").querySelector("tbody").replaceChildren(...body);
}

// ---- life ----

function draw() {
  const ring = ringShown(), span = rangeMs[hash.get("range")], to = Date.now(), first = ring.from(to - span);
  floor = floorLine(ring, first, FLOOR_OF[unit()]);
  say($("floor-text"), floorText());
  $("floor-text").dataset.rises = String(floor?.isRise ?? false);
  fillTable(ring, first);
  if (chart === null) return;
  const chosen = thin(ring, first, FLOOR_OF[unit()], POINTS_MAX);
  const unseen = hidden();
  for (const set of chart.data.datasets) {
    set.hidden = unseen.has(set.name);
    set.data = points(ring, chosen, set.name);
  }
  chart.options.scales.x.min = Math.max(to - span, Math.min(ring.length > 0 ? ring.at("t", 0) : to, to - YOUNG_MS));
  chart.options.scales.x.max = to;
  chart.update("none");
}

// Anew: another unit, or other colours.
export function rebuild() {
  chart?.destroy();
  chart = null;
  fillLegend();
  if (globalThis.Chart !== undefined) {
    globalThis.Chart.defaults.font.family = css("--sans");
    chart = new globalThis.Chart($("heap-chart"), { type: "line", data: { datasets: LAYERS[unit()].map(layerSet) }, options: options(), plugins: [overlay] });
  } else {
    $("heap-chart").parentElement.hidden = true; // built without Chart.js: the table is there
    $("heap-table").open = true;
  }
  draw();
}

function choose(name) {
  for (const input of document.querySelectorAll(`input[name=${name}]`)) {
    input.checked = input.value === hash.get(name);
    input.addEventListener("change", () => hash.set({ [name]: input.value }));
  }
}

export function startOverTime() {
  choose("range");
  choose("unit");
  hash.onChange((view, before) => {
    if (view.unit !== before.unit) rebuild();
    else if (view.range !== before.range || view.hide !== before.hide) draw();
    if (view.hide !== before.hide) fillLegend();
    for (const name of ["range", "unit"]) $(`${name}-${view[name]}`).checked = true;
  });
  $("heap-table").addEventListener("toggle", draw);
  onSample(draw);
  rebuild();
}
