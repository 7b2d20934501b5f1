// pools.js - where cells lie: one square a size of cell, of 64 dots, as many of them filled as cells are used. Owns: the panel
// "Pools". A size with many free cells in many pools is what fragmentation looks like.

import { $, el, rows, say, svg } from "./dom.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { latest } from "./samples.js";
import { every } from "./ticker.js";
import { get } from "./wire.js";

const SIDE = 8, DOTS = SIDE * SIDE, PITCH = 12;
const CELLS_A_POOL = 1024;

function dots() {
  const all = [];
  for (let i = 0; i < DOTS; i++) all.push(svg("circle", { cx: (i % SIDE) * PITCH + 6, cy: (SIDE - 1 - Math.floor(i / SIDE)) * PITCH + 6, r: 4 }));
  return all;
}

// Of the pools that a size has, how many more than its used cells would fill.
const spare = (c) => c.pools - Math.ceil(c.used / CELLS_A_POOL);

function makeTile(c) {
  const grid = svg("svg", { viewBox: `0 0 ${SIDE * PITCH} ${SIDE * PITCH}`, "aria-hidden": "true" }, dots());
  const used = el("p", {}), room = el("p", { class: "quiet" });
  const tile = el("figure", { class: `pool ${c.kind}`, data: { cell: c.cell_bytes, kind: c.kind } }, el("figcaption", {}, el("strong", {}, `${c.cell_bytes} B`), ` ${c.kind}`), grid, used, room);
  tile.update = (next) => {
    const part = next.cells > 0 ? next.used / next.cells : 0, filled = next.used === 0 ? 0 : Math.max(1, Math.round(part * DOTS));
    [...grid.children].forEach((dot, i) => dot.classList.toggle("used", i < filled));
    tile.classList.toggle("sparse", spare(next) >= 4 && part < 0.5);
    say(used, `${f.compact(next.used)} of ${f.compact(next.cells)}, ${f.percent(next.used, next.cells)}`);
    say(room, `${f.plural(next.pools, "pool")}, ${f.bytes(next.free * next.cell_bytes)} free`);
  };
  return tile;
}

async function load() {
  const { arenas, classes } = await get("/v1/heap/pools");
  const b = latest.heap?.bytes, order = classes.filter((c) => c.pools > 0).sort((x, y) => (x.kind === y.kind ? x.cell_bytes - y.cell_bytes : x.kind < y.kind ? 1 : -1));
  rows($("pools-grid"), order, (c) => `${c.kind} ${c.cell_bytes}`, makeTile);
  const sums = b ? `: ${f.bytes(b.committed)} committed = ${f.bytes(b.in_use)} used + ${f.bytes(b.pool_free)} free cells + ${f.bytes(b.dirty)} free pages; ${f.bytes(b.large)} are not in pools` : "";
  say($("pools-note"), order.length === 0 ? "No cells yet." : `${f.plural(arenas, "arena")}${sums}.`);
}

export function startPools() {
  every(1000, load, () => hash.get("tab") === "pools");
}
