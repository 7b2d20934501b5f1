// ticker.js - when to ask. Owns: the clock of the page. A job runs when its panel is shown, one at a time each, again so long
// after it has ended; none runs while the page is hidden. While nobody answers, all wait longer and longer, up to 2 s.

import { state, wire } from "./wire.js";

const AWAY_MS_MAX = 2000;
const jobs = [];
let failures = 0;

// every(1000, work, shown): `shown()` says whether somebody sees what it is for
export function every(ms, work, shown = () => true) {
  const job = { ms, work, shown, running: false, due: 0 };
  jobs.push(job);
  return { now: () => { job.due = 0; turn(); } };
}

function wait(job) {
  if (state() === "live") return job.ms;
  return Math.min(AWAY_MS_MAX, 500 * 2 ** Math.min(failures, 2));
}

async function run(job) {
  job.running = true;
  try {
    await job.work();
    failures = 0;
  } catch (error) {
    if (state() === "away" || state() === "unready") failures++;
    else if (!error.status) console.error(error); // a bug of ours; what heapd refuses is told where it was asked
  }
  job.running = false;
  job.due = Date.now() + wait(job);
}

// Until it is known whether heapd answers, and whether it wants a token, one question is enough.
function runnable() {
  if (document.hidden || state() === "token") return [];
  return state() === "live" ? jobs : jobs.slice(0, 1);
}

function turn() {
  const at = Date.now();
  for (const job of runnable()) if (!job.running && at >= job.due && job.shown()) run(job);
}

export function startTicker() {
  setInterval(turn, 100);
  document.addEventListener("visibilitychange", turn);
  wire.addEventListener("state", () => {
    if (state() !== "live") return;
    for (const job of jobs) job.due = 0; // it is back: all that is shown is old
  });
  turn();
}
