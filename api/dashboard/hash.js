// hash.js - what is shown, in the address: copy it, and somebody else sees the same. Owns: the part behind #, as name=value
// pairs. What equals its default is left out, and what nobody here could have written is taken for it. Never in it: the token.

const DEFAULTS = { tab: "tallies", range: "5m", unit: "bytes", tally: "classes", sort: "bytes", dir: "down", filter: "", since: "", id: "", of: "", hide: "committed" };
const oneOf = (...values) => (value) => values.includes(value);
const like = (pattern) => (value) => pattern.test(value);
const MAY_BE = {
  tab: oneOf("tallies", "inspect", "suspects", "pools", "snapshots"), range: oneOf("1m", "5m", "15m", "1h", "1d"), unit: oneOf("bytes", "objects"),
  tally: oneOf("classes", "sites"), sort: oneOf("name", "count", "count_growth", "bytes", "growth", "peak"), dir: oneOf("down", "up"),
  filter: () => true, since: like(/^\d{1,16}$/), id: () => true, of: like(/^[\w-]{1,64}$/), hide: like(/^[\w ]{0,200}$/),
};
const listeners = new Set();
let view = read();

function read() {
  const pairs = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, Object.hasOwn(pairs, key) && MAY_BE[key](pairs[key]) ? pairs[key] : DEFAULTS[key]]));
}

function write(push) {
  const pairs = Object.entries(view).filter(([key, value]) => value !== DEFAULTS[key]);
  const url = `#${new URLSearchParams(pairs)}`;
  if (url === (location.hash || "#")) return;
  if (push) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}

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
