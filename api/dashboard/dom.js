// dom.js - making elements. Owns: the one way by which text gets into the page: as text nodes and plain attributes, never as
// markup. Names in the heap are chosen by whoever writes to it, so they are taken for hostile everywhere.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "vars") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

// el("td", {class: "number", data: {id: 7}, on: {click}}, "text", child, ...)
export function el(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

export function button(text, onclick, props = {}) {
  return el("button", { type: "button", ...props, on: { click: onclick } }, text);
}

// Text that changes often: touch the page only if it does.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function sayValue(node, text, value) {
  say(node, text);
  node.dataset.value = String(value);
}

// Rows by key: those that stay are kept, so that focus and selection do too. make(item) gives a row with update(item).
export function rows(parent, items, keyOf, make) {
  const old = parent.rowsByKey ?? new Map(), stay = new Set(items.map(keyOf));
  const next = new Map();
  for (const [key, row] of old) if (!stay.has(key)) row.remove(); // first: then those behind it need not move, and keep the focus
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    if (next.has(key)) continue;
    const row = old.get(key) ?? make(item);
    next.set(key, row);
    row.update?.(item);
    if (row === at) at = at.nextElementSibling;
    else parent.insertBefore(row, at);
  }
  parent.rowsByKey = next;
}

// The one thing that screen readers are told, politely.
export function announce(text) {
  say($("announce"), text);
}

let toastTimer = 0;
export function toast(text, isProblem = false) {
  const note = el("p", { class: isProblem ? "toast bad" : "toast", role: isProblem ? "alert" : null }, text);
  $("toasts").replaceChildren(note);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => note.remove(), isProblem ? 12000 : 3500);
}
