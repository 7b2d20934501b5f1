/* curves.js - the charts of a run: the heap, its floor, the load, its latencies, the pauses. */
'use strict';

const zip = (t, values, map = (y) => y) => (values || []).map((y, i) => ({ x: t[i], y: isNumber(y) ? map(y) : null }));
const positive = (points) => points.map((p) => ({ x: p.x, y: p.y > 0 ? p.y : null }));    // a logarithm has no zero

/* The value that was true at x: the last one measured until then; x is null: the last of all. */
function valueAt(points, x) {
  if (points.length === 0) return undefined;
  if (x === null) return (points.findLast((p) => p.y !== null) || {}).y;
  let low = 0, high = points.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle].x <= x) low = middle; else high = middle - 1;
  }
  return points[low].y;
}

function series(name, colour, points, unit, more) {
  return { name, colour, points, look: 'line', at: (x) => unit(valueAt(points, x)), ...more };
}

/* One row for each second or so; `columns` [title, values, unit]. */
function timeTable(title, t, lasts, columns) {
  const there = columns.filter(([, values]) => Array.isArray(values)), { rows, note } = thinnedRows(t.length);
  return () => table(title, ['Time', ...there.map(([name]) => name)],
    rows.map((i) => [moment(t[i], lasts), ...there.map(([, values, unit]) => unit(values[i]))]), note);
}

const APART = 12;       // times live: then a chart from 0 up to RSS would show nothing of the heap

function heapPlot(run) {
  const { t_s: t, live, committed, rss, objects, collections } = run.series;
  const apart = most(rss) > APART * most(live), above = (points) => apart ? positive(points) : points;
  return { title: 'Heap over time', wide: true, x: 'time', lasts: run.lasts, unit: bytes, marks: run.marks, log: apart,
    note: `${apart ? 'Logarithmic. ' : ''}What objects take, what the heap has taken for them, and what the system gives the process. Marks at the foot are collections, the tall ones full.`,
    lines: [series('live', 'live', above(zip(t, live)), bytes, { look: 'area', width: 2.25 }), series('committed', 'committed', above(zip(t, committed)), bytes),
      series('RSS', 'rss', zip(t, rss), bytes, { look: 'dashed' }),
      series('floor', 'floor', above(zip(run.floor.t_s, run.floor.live)), bytes, { look: 'dots', radius: 2.5, order: -1 })],
    table: timeTable('Heap over time', t, run.lasts, [['Live', live, bytes], ['Committed', committed, bytes], ['RSS', rss, bytes],
      ['Objects', objects, whole], ['Collections', collections, whole]]) };
}

/* The line through the middle of the points, and those with the least and the largest slope there may be. */
function slopeLines(points, v, judgedFrom) {
  const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
  const { slope_bytes_per_s: slope, slope_low: low, slope_high: high } = v;
  if (points.length < 2 || ![slope, low, high].every(isNumber)) return [];
  const counted = points.filter((p) => !isNumber(judgedFrom) || p.x >= judgedFrom), used = counted.length >= 2 ? counted : points;
  const centre = middle(used.map((p) => p.x)), height = middle(used.map((p) => p.y - slope * (p.x - centre)));
  const ends = [used[0].x, centre, used[used.length - 1].x];
  const line = (which) => ends.map((x) => ({ x, y: height + which(x) * (x - centre) }));
  const above = line((x) => x < centre ? low : high), below = line((x) => x < centre ? high : low);
  const percentText = isNumber(v.confidence) ? ` (${short(100 * v.confidence)}\u00a0%)` : '';
  return [{ name: `slope${percentText}`, colour: 'slope', look: 'band', points: above, below, order: 2, at: () => '' },
    { name: 'trend', colour: 'slope', look: 'dashed', points: line(() => slope), order: 1, at: () => `${signedBytes(slope)}/s` }];
}

function floorPlot(run) {
  const points = zip(run.floor.t_s, run.floor.live).filter((p) => p.y !== null), { t_s: t, live, objects } = run.floor;
  return { title: 'The floor', wide: true, x: 'time', lasts: run.lasts, unit: bytes, close: true,
    note: 'What full collections leave alive. A leak lifts it, and nothing else does for long.',
    lines: [...slopeLines(points, run.verdict, run.floor.judged_from_s), series('floor', 'floor', points, bytes, { look: 'dots', radius: 3.5, order: -1 })],
    table: timeTable('The floor', t, run.lasts, [['Live', live, bytes], ['Objects', objects, whole]]) };
}

function loadPlot(run) {
  const { t_s: t, ops } = run.series;
  const planned = isNumber(run.rate) && t.length > 0 ? [{ x: 0, y: run.rate }, { x: run.lasts, y: run.rate }] : [];
  return { title: 'Throughput', x: 'time', lasts: run.lasts, unit: short, note: 'Operations answered in each second, and how many were to be.',
    lines: [series('answered', 'ops', zip(t, ops), perSecond, { look: 'area' }), series('planned', 'planned', planned, perSecond, { look: 'dashed' })],
    table: timeTable('Throughput', t, run.lasts, [['Answered, 1/s', ops, whole]]) };
}

function latencyPlot(run) {
  const { t_s: t, p50_us: p50, p99_us: p99, max_us: max } = run.series;
  return { title: 'Latency over time', x: 'time', lasts: run.lasts, unit: micros, log: true, note: 'From when an operation was to be sent until it was answered. Logarithmic.',
    lines: [series('p50', 'p50', positive(zip(t, p50)), micros), series('p99', 'p99', positive(zip(t, p99)), micros),
      series('longest', 'max', positive(zip(t, max)), micros, { look: 'dots', radius: 1.5 })],
    table: timeTable('Latency over time', t, run.lasts, [['p50', p50, micros], ['p99', p99, micros], ['Longest', max, micros]]) };
}

/* How far up each step of a histogram reaches, in nines (0.9 is one, 0.99 two). */
function climb(latency) {
  const steps = (latency || {}).histogram || [], total = steps.reduce((sum, [, count]) => sum + count, 0), points = [];
  let below = 0;
  for (const [upper, count] of steps) {
    if (count <= 0) continue;
    points.push({ x: -Math.log10(1 - below / total), y: upper });
    below += count;
    points.push({ x: Math.log10(total / Math.max(total - below, 0.5)), y: upper });
  }
  return positive(points);
}

const QUANTILES = [['p50', '50 %'], ['p90', '90 %'], ['p99', '99 %'], ['p999', '99.9 %'], ['max', 'longest'], ['mean', 'mean']];

function spreadPlot(run) {
  const ours = run.latency_us || {}, theirs = run.service_us || {};
  return { title: 'Latency, by percentile', x: 'percentile', unit: micros, log: true,
    note: 'Counted from when it was to be sent, as a user waits; and from when it was sent, which hides the time in the queue.',
    lines: [series('as intended', 'p99', climb(ours), micros, { look: 'area', width: 2.25 }), series('service alone', 'p50', climb(theirs), micros, { look: 'dashed' })],
    table: () => table('Latency, by percentile', ['Percentile', 'As intended', 'Service alone'],
      QUANTILES.map(([key, name]) => [name, micros(ours[key]), micros(theirs[key])])) };
}

const GENERATIONS = [['rect', 'young'], ['triangle', 'p99'], ['circle', 'full']];

function pausePlot(run) {
  const { t_s: t, pause_p99_us: p99 } = run.series;
  const found = GENERATIONS.map(([shape, colour], g) => ({ name: `generation ${g}`, colour, shape, look: 'dots', radius: g === 2 ? 4 : 2.5, order: -g,
    points: positive(run.collections.filter((c) => c.generation === g).map((c) => ({ x: c.t_s, y: c.max_slice_us }))) })).filter((line) => line.points.length > 0);
  const { rows, note } = thinnedRows(run.collections.length);
  return { title: 'Pauses', x: 'time', lasts: run.lasts, unit: micros, log: true,
    note: 'The longest slice of each collection, and the 99th percentile of all slices. Logarithmic.',
    lines: [...found, series('p99 of slices', 'rss', positive(zip(t, p99)), micros, { look: 'dashed' })],
    table: () => table('Collections', ['Time', 'Generation', 'Reason', 'Collected', 'Lasted', 'Longest slice'],
      rows.map((i) => run.collections[i]).map((c) => [moment(c.t_s, run.lasts), whole(c.generation), named(c.reason), whole(c.collected), micros(c.duration_us), micros(c.max_slice_us)]), note) };
}

function showPlots(run) {
  const figures = [heapPlot, floorPlot, loadPlot, latencyPlot, spreadPlot, pausePlot].map((make) => plotFigure(make(run)));
  byId('plots').append(...figures.map((f) => f.figure));
  figures.forEach((f) => f.start());          // a chart measures its place: it must stand in the page
}
