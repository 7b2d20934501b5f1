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

const FLOOR_WINDOWS = 16;
const FLOOR_WINDOWS_MIN = 8;
const FLOOR_SPAN_MS_MIN = 55000;
const RISE_Z = 3; // standard deviations that count as a rise: one in a thousand by chance

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

// The least of each of 16 windows.
function floors(ring, first, name) {
  const begin = ring.at("t", first), width = (ring.last("t") - begin) / FLOOR_WINDOWS;
  const points = [];
  for (let i = first; i < ring.length; i++) {
    const t = ring.at("t", i), y = ring.at(name, i);
    const w = Math.min(FLOOR_WINDOWS - 1, Math.floor((t - begin) / width));
    if (Number.isFinite(y) && (points[w] === undefined || y < points[w].y)) points[w] = { t, y };
  }
  return points.filter((p) => p !== undefined);
}

// By Mann and Kendall: of all pairs, those that rise less those that fall, in standard deviations of what chance would do.
function riseZ(points) {
  const n = points.length;
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += Math.sign(points[i].y - points[j].y);
  return (sum - Math.sign(sum)) / Math.sqrt(n * (n - 1) * (2 * n + 5) / 18);
}

// A line through the floors, by Theil and Sen: the median of all slopes between two, which a few outliers do not move. null: too
// little is known.
export function floorLine(ring, first, name) {
  if (ring.length - first < FLOOR_WINDOWS_MIN || ring.last("t") - ring.at("t", first) < FLOOR_SPAN_MS_MIN) return null;
  const points = floors(ring, first, name);
  if (points.length < FLOOR_WINDOWS_MIN) return null;
  const slopes = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = 0; j < i; j++) slopes.push((points[i].y - points[j].y) / (points[i].t - points[j].t));
  }
  const slope = median(slopes), offset = median(points.map((p) => p.y - slope * p.t));
  const t0 = ring.at("t", first), t1 = ring.last("t");
  const isRise = riseZ(points) > RISE_Z && slope * (t1 - t0) > 0.01 * (offset + slope * t1);
  return { t0, t1, y0: offset + slope * t0, y1: offset + slope * t1, perHour: slope * 3600000, isRise };
}
