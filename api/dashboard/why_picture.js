// why_picture.js - the picture of why an object is alive: chains of holders from outside on the left to the object on the right.
// Owns: where each is drawn. Holders that several chains share are drawn once; of a chain too long to be seen its middle is left out.

import { svg } from "./dom.js";
import { cutOf, holderText, linkText, sayCut } from "./cut.js";
import { oneLine } from "./format.js";

const SHOWN_MAX = 8; // holders of one chain
const BOX = { width: 150, height: 44, right: 92, down: 20 }; // and the room between
const TEXT_MAX = 20, LINK_MAX = 11;
const SCALE_MIN = 0.7; // smaller than that it is scrolled

const keyOf = (holder) => (holder.id !== undefined ? `o${holder.id}` : holder.root !== undefined ? `r${holder.root}` : holder.session !== undefined ? `s${holder.session}` : holder.batch ? "b" : "g");

// [{key, holder | left out}, ...] with the object itself at the end
function chainOf(path, doc, number) {
  const target = { key: `o${doc.id}`, target: true, title: doc.class, sub: String(doc.id), id: doc.id };
  const holders = path.map((holder) => ({ key: keyOf(holder), holder, id: holder.id, title: holder.id !== undefined ? holder.class : holderText(holder), sub: holder.id !== undefined ? String(holder.id) : "from outside" }));
  if (holders.length <= SHOWN_MAX) return [...holders, target];
  const head = Math.floor(SHOWN_MAX / 2), tail = SHOWN_MAX - head;
  const gap = { key: `gap${number}`, title: `… ${holders.length - SHOWN_MAX} more …`, sub: "", gap: true };
  return [...holders.slice(0, head), gap, ...holders.slice(-tail), target];
}

// A box stands as far from the right as its longest way to the object; in its column, in the order of chains.
function place(chains) {
  const nodes = new Map(), edges = new Map();
  for (const chain of chains) {
    chain.forEach((node, i) => {
      const from = chain.length - 1 - i, known = nodes.get(node.key) ?? { ...node, from: 0 };
      known.from = Math.max(known.from, from);
      nodes.set(node.key, known);
      const next = chain[i + 1];
      if (next === undefined) return;
      const part = node.holder ? linkText(node.holder) : "";
      edges.set(`${node.key} ${part} ${next.key}`, { from: node.key, to: next.key, part, holder: node.holder, target: next.id, fades: node.gap || next.gap });
    });
  }
  const columns = Math.max(...[...nodes.values()].map((n) => n.from));
  const filled = new Map();
  for (const node of nodes.values()) {
    const row = filled.get(node.from) ?? 0;
    filled.set(node.from, row + 1);
    node.x = (columns - node.from) * (BOX.width + BOX.right) + 1;
    node.y = row * (BOX.height + BOX.down) + 1;
  }
  const rows = Math.max(...filled.values());
  for (const node of nodes.values()) node.y += (rows - filled.get(node.from)) * (BOX.height + BOX.down) / 2; // columns are centred
  return { nodes, edges: [...edges.values()], width: (columns + 1) * (BOX.width + BOX.right) - BOX.right + 2, height: rows * (BOX.height + BOX.down) - BOX.down + 2 };
}

// As a button is: by click, Enter and the blank.
function pressable(node, act) {
  node.addEventListener("click", act);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  });
  return node;
}

function drawBox(node, inspect) {
  const isObject = node.id !== undefined, kind = node.target ? "target" : node.gap ? "gap" : isObject ? "object" : "outside";
  const box = svg("g", { class: `box ${kind}`, transform: `translate(${node.x} ${node.y})` },
    node.title.length > TEXT_MAX && svg("title", {}, oneLine(node.title, 300)),
    svg("rect", { width: BOX.width, height: BOX.height, rx: kind === "outside" ? 22 : 8 }),
    svg("text", { x: BOX.width / 2, y: node.sub ? 19 : 27 }, oneLine(node.title || "(no class)", TEXT_MAX)), " ",
    svg("text", { x: BOX.width / 2, y: 35, class: "sub" }, node.sub));
  if (!isObject || node.target) return box;
  box.setAttribute("role", "link");
  box.setAttribute("tabindex", "0");
  return pressable(box, () => inspect(node.id));
}

function drawCut(edge, x, y, done) {
  const cut = edge.holder ? cutOf(edge.holder, edge.target) : null;
  if (cut === null || edge.target === undefined) return null;
  const g = svg("g", { class: "cut", role: "button", tabindex: 0, transform: `translate(${x} ${y})`, data: { cut: cut.kind },
    "aria-label": `Cut this link: ${cut.yes.toLowerCase()}, ${holderText(edge.holder)} ${edge.part}` },
    svg("title", {}, `Cut: ${cut.text}`), svg("circle", { r: 12, class: "reach" }), svg("circle", { r: 9 }), svg("path", { d: "M-3.5 -3.5L3.5 3.5M-3.5 3.5L3.5 -3.5" }));
  return pressable(g, () => sayCut(cut, done));
}

function drawEdge(edge, nodes, done) {
  const a = nodes.get(edge.from), b = nodes.get(edge.to);
  const x1 = a.x + BOX.width, y1 = a.y + BOX.height / 2, x2 = b.x - 6, y2 = b.y + BOX.height / 2, bend = (x2 - x1) / 2;
  const x = x1 + 36, y = y1 + (y2 - y1) * 0.28; // near its holder, where those that come together are still apart
  const text = svg("text", { x, y: y - 13, class: "part" }, oneLine(edge.part, LINK_MAX), svg("title", {}, oneLine(edge.part, 300)));
  return svg("g", { class: edge.fades ? "edge fades" : "edge" },
    svg("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, class: "way" }),
    svg("path", { d: `M${x2 - 1} ${y2 - 5}L${x2 + 5} ${y2}L${x2 - 1} ${y2 + 5}Z`, class: "tip" }), text, drawCut(edge, x, y, done));
}

// Letters are not equally wide: what does not fit loses its end. What it is in full is in the box's title.
function fit(text, width) {
  const letters = Array.from(text.firstChild?.data ?? ""), length = text.getComputedTextLength();
  if (length > width) text.firstChild.data = `${letters.slice(0, Math.max(1, Math.floor(letters.length * width / length) - 1)).join("")}…`;
}

function fitAll(picture) {
  for (const text of picture.querySelectorAll(".box text")) fit(text, BOX.width - 12);
  for (const text of picture.querySelectorAll("text.part")) fit(text, BOX.right - 8);
}

// Draw the chains of `why` into `picture`; inspect(id) when a holder is chosen, done() after a cut.
export function drawWhy(picture, why, doc, inspect, done) {
  const chains = why.paths.map((path, i) => chainOf(path, doc, i));
  if (chains.length === 0) chains.push(chainOf([], doc, 0));
  const { nodes, edges, width, height } = place(chains);
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const scale = Math.min(1, Math.max(SCALE_MIN, picture.parentElement.clientWidth / width));
  picture.setAttribute("width", width * scale);
  picture.setAttribute("height", height * scale);
  picture.replaceChildren(...edges.map((edge) => drawEdge(edge, nodes, done)), ...[...nodes.values()].map((node) => drawBox(node, inspect)));
  fitAll(picture);
  picture.parentElement.scrollLeft = width; // the object is on the right
}
