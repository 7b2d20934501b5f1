// main.js - where the page begins, and how its parts hang together:
//
//   wire (requests) <- stream (events), ticker (when to ask) <- samples (history) <- now, over_time, collector
//                                                            <- panels: tallies, inspector, suspects, pools, snapshots
//   dom, format, curl, hash (the view in the address), ask (dialogs) serve all of them.
//
// Owns: tabs, keys, theme, the connection's line in the head.

import { $, say, toast } from "./dom.js";
import { startAsking } from "./ask.js";
import { collect, startCollector } from "./collector.js";
import * as f from "./format.js";
import * as hash from "./hash.js";
import { startInspector } from "./inspector.js";
import { startNow } from "./now.js";
import { rebuild, startOverTime } from "./over_time.js";
import { startPools } from "./pools.js";
import { sampleNow, startSamples } from "./samples.js";
import { startSnapshots } from "./snapshots.js";
import * as stream from "./stream.js";
import { startSuspects } from "./suspects.js";
import { startTallies } from "./tallies.js";
import { startTicker } from "./ticker.js";
import { awaySince, instance, state, wire } from "./wire.js";

const TABS = hash.choices("tab");
const THEMES = ["system", "light", "dark"];

// ---- the connection ----

function showState() {
  const text = { connecting: "connecting", live: "live", away: `away for ${f.seconds(Math.round((Date.now() - awaySince()) / 1000))}`, unready: "not ready yet", token: "wants a token" }[state()];
  $("connection-state").dataset.state = state();
  say($("connection-state"), text);
  document.body.classList.toggle("stale", state() !== "live");
  $("token-open").hidden = state() !== "token";
}

function watchConnection() {
  wire.addEventListener("state", showState);
  setInterval(() => { if (state() === "away") showState(); }, 1000);
  wire.addEventListener("instance", (event) => {
    say($("instance"), instance());
    if (!event.detail.before) return;
    stream.forget();
    toast("Another heap answers now: ids of the one before mean nothing in it.");
  });
}

// Nobody looks: heapd has nothing to do with it.
function watchVisibility() {
  const follow = () => (document.hidden || state() !== "live" ? stream.stop() : stream.start());
  document.addEventListener("visibilitychange", follow);
  wire.addEventListener("state", follow);
}

// ---- tabs ----

// Where there is no room for all of them, the row is scrolled; the page is not.
function showChosen(name) {
  const row = $("tabs"), at = $(`tab-${name}`);
  if (at.offsetLeft < row.scrollLeft) row.scrollLeft = at.offsetLeft;
  else row.scrollLeft = Math.max(row.scrollLeft, at.offsetLeft + at.offsetWidth - row.clientWidth);
}

function showTab(view) {
  for (const name of TABS) {
    $(`tab-${name}`).setAttribute("aria-selected", String(name === view.tab));
    $(`tab-${name}`).tabIndex = name === view.tab ? 0 : -1;
    $(`panel-${name}`).hidden = name !== view.tab;
  }
  showChosen(view.tab);
}

function goTab(i) {
  const name = TABS[(i + TABS.length) % TABS.length];
  hash.set({ tab: name }, true);
  $(`tab-${name}`).focus();
}

function startTabs() {
  TABS.forEach((name, i) => {
    $(`tab-${name}`).addEventListener("click", () => hash.set({ tab: name }, true));
    $(`tab-${name}`).addEventListener("keydown", (event) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: TABS.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      goTab(to);
    });
  });
  hash.onChange(showTab);
  addEventListener("resize", () => showTab({ tab: hash.get("tab") }));
  showTab({ tab: hash.get("tab") });
}

// ---- theme ----

// Where site data is blocked, storage throws: then the theme is chosen anew each time.
function kept(use) {
  try { return use(localStorage); } catch { return null; }
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  kept((s) => s.setItem("heapd-theme", name));
  say($("theme"), `Theme: ${name}`);
  rebuild();
}

function nextTheme() {
  setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
}

function startTheme() {
  const name = kept((s) => s.getItem("heapd-theme"));
  setTheme(THEMES.includes(name) ? name : "system");
  $("theme").addEventListener("click", nextTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", rebuild);
}

// ---- keys ----

const KEYS = {
  "/": () => $("search").focus(),
  "g": () => collect(2),
  "t": nextTheme,
  "?": () => $("help").showModal(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
  if (event.target.closest("input, select, textarea, dialog[open]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const digit = TABS.findIndex((_, i) => event.key === String(i + 1));
  const act = digit >= 0 ? () => goTab(digit) : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

// ---- all of it ----

watchConnection();
startSamples();
startNow();
startOverTime();
startTheme();
startCollector();
startTallies();
startInspector();
startSuspects();
startPools();
startSnapshots();
startTabs();
startAsking(() => sampleNow().catch(() => {}));
document.addEventListener("keydown", onKey);
watchVisibility();
startTicker();
showState();
