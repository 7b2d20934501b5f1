// series.js - numbers over time, in bounded memory. Owns: rings of samples, thinning them for a picture, and the floor of a
// saw-tooth: what is left when the collector has been. Knows not: what the numbers are.

// So many samples of named columns; the newest pushes out the oldest. Column "t" is the time, in ms.
export class Ring {
  constructor(size, names) {
    this.size = size;
    this.columns = Object.fromEntries(["t", ...names].map((name) => [name, new Float64Array(size)]));
    this.clear();
  }

  clear() {
    this.start = this.length = 0;
  }

  push(sample) {
    const at = (this.start + this.length) % this.size;
    for (const name in this.columns) this.columns[name][at] = sample[name] ?? NaN;
    if (this.length < this.size) this.length++;
    else this.start = (this.start + 1) % this.size;
  }

  at(name, i) {
    return this.columns[name][(this.start + i) % this.size];
  }

  last(name) {
    return this.length > 0 ? this.at(name, this.length - 1) : NaN;
  }

  // The index of the first sample not older than `t`.
  from(t) {
    let low = 0, high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at("t", middle) < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

// Indexes of at most about `max` samples from `first` on, with the highest and the lowest of each stretch, so that no tooth is lost.
export function thin(ring, first, name, max) {
  const count = ring.length - first;
  if (count <= max) return Array.from({ length: count }, (_, i) => first + i);
  const chosen = [];
  const stretches = Math.floor(max / 2);
  for (let s = 0; s < stretches; s++) {
    const from = first + Math.floor(s * count / stretches), to = first + Math.floor((s + 1) * count / stretches);
    let low = from, high = from;
    for (let i = from; i < to; i++) {
      if (!(ring.at(name, i) >= ring.at(name, low))) low = i;
      if (!(ring.at(name, i) <= ring.at(name, high))) high = i;
    }
    chosen.push(Math.min(low, high));
    if (low !== high) chosen.push(Math.max(low, high));
  }
  if (chosen.at(-1) !== ring.length - 1) chosen.push(ring.length - 1);
  return chosen;
}

const FLOORS_MIN = 3;        // to draw a line through
const FLOORS_JUDGED_MIN = 8; // to say that it rises
const FLOORS_MAX = 128;      // looked at: the least of each of so many stretches
const RISE_Z = 3;            // standard deviations that count as a rise: one in a thousand by chance

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

// What was left just after each full collection: whatever is least without one may be garbage.
function floors(ring, first, name) {
  const all = [];
  for (let i = Math.max(1, first); i < ring.length; i++) {
    const y = ring.at(name, i);
    if (ring.at("fulls", i) > ring.at("fulls", i - 1) && Number.isFinite(y)) all.push({ t: ring.at("t", i), y });
  }
  const step = Math.ceil(all.length / FLOORS_MAX) || 1, least = [];
  for (let i = 0; i + step <= all.length; i += step) least.push(all.slice(i, i + step).reduce((a, b) => (b.y < a.y ? b : a)));
  return least;
}

// By Mann and Kendall: of all pairs, those that rise less those that fall, in standard deviations of what chance would do.
function riseZ(points) {
  const n = points.length;
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += Math.sign(points[i].y - points[j].y);
  return (sum - Math.sign(sum)) / Math.sqrt(n * (n - 1) * (2 * n + 5) / 18);
}

// A line through the floors, by Theil and Sen: the median of all slopes between two, which a few outliers do not move. null: too
// few are known. `canTell`: whether there are enough to say that they rise, or do not.
export function floorLine(ring, first, name) {
  const points = floors(ring, first, name), n = points.length;
  if (n < FLOORS_MIN) return null;
  const slopes = [];
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) slopes.push((points[i].y - points[j].y) / (points[i].t - points[j].t));
  const slope = median(slopes), offset = median(points.map((p) => p.y - slope * p.t));
  const t0 = points[0].t, t1 = points[n - 1].t, canTell = n >= FLOORS_JUDGED_MIN;
  const isRise = canTell && riseZ(points) > RISE_Z && slope * (t1 - t0) > 0.01 * (offset + slope * t1);
  return { t0, t1, y0: offset + slope * t0, y1: offset + slope * t1, perHour: slope * 3600000, count: n, canTell, isRise };
}
