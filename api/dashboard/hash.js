// hash.js - what is shown, in the address: copy it, and somebody else sees the same. Owns: the part behind #, as name=value
// pairs. What equals its default is left out, and what nothing here can show is taken for the default: anybody may have written it.
// Never in it: the token. Reading it only shows something: nothing is changed in heapd by following a link.

const DEFAULTS = { tab: "tallies", range: "5m", unit: "bytes", tally: "classes", sort: "bytes", dir: "down", filter: "", since: "", id: "", of: "", hide: "committed" };
const CHOICES = {
  tab: ["tallies", "inspect", "suspects", "pools", "snapshots"], range: ["1m", "5m", "15m", "1h", "1d"], unit: ["bytes", "objects"],
  tally: ["classes", "sites"], sort: ["name", "count", "count_growth", "bytes", "growth", "peak"], dir: ["down", "up"],
};
const WRITTEN = { since: /^\d{1,16}$/, of: /^[\w-]{1,64}$/, hide: /^[\w ]{0,200}$/ };
const TEXT_MAX = 300;
const listeners = new Set();
let view = read();

function read() {
  const pairs = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const looksRight = (key, value) => CHOICES[key]?.includes(value) ?? WRITTEN[key]?.test(value) ?? value.length <= TEXT_MAX;
  const may = (key) => Object.hasOwn(pairs, key) && looksRight(key, pairs[key]);
  return Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, may(key) ? pairs[key] : DEFAULTS[key]]));
}

function write(push) {
  const pairs = Object.entries(view).filter(([key, value]) => value !== DEFAULTS[key]);
  const url = `#${new URLSearchParams(pairs)}`;
  if (url === (location.hash || "#")) return;
  if (push) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}

export const choices = (key) => CHOICES[key];
export const get = (key) => view[key];

// push: a step that "back" should undo
export function set(changes, push = false) {
  const before = view;
  view = { ...view, ...changes };
  write(push);
  for (const listener of listeners) listener(view, before);
}

export function onChange(listener) {
  listeners.add(listener);
}

function reread() {
  const before = view;
  view = read();
  for (const listener of listeners) listener(view, before);
}

addEventListener("hashchange", reread);
addEventListener("popstate", reread);
