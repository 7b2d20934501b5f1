/*
 * plot.js - one chart with its legend, and its table for those who cannot see it or want the numbers.
 *
 * The legend says the values at the cursor, which stands in all charts over the same time at once; it follows the pointer, or the
 * arrow keys. A plot is
 *
 *   {title, note, wide, x: 'time' | 'percentile', unit, log, lines, marks, table: {columns, rows}}
 *
 * and a line {name, colour, points: [{x, y}], at(x) -> text for the legend, look: 'line' | 'area' | 'dots' | 'dashed' | 'band',
 * shape}; a band has `points` above and `below`.
 */
'use strict';

const POINTS_MAX = 1200;        // of a line: more than a screen shows
const ROWS_MAX = 400;           // of a table
const CROWDED = 300;            // points that are too many for dashes and large dots
const MARKS_MAX = 60;           // full collections that go through the chart: more would paint it
const plots = [];

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const faded = (colour, alpha) => colour + Math.round(alpha * 255).toString(16).padStart(2, '0');

/* At most POINTS_MAX of them; of each stretch the lowest and the highest stay, so that no peak is lost. */
function thinned(points) {
  if (points.length <= POINTS_MAX) return points;
  const kept = [], stretch = Math.ceil(points.length / (POINTS_MAX / 2));
  for (let i = 0; i < points.length; i += stretch) {
    const some = points.slice(i, i + stretch).filter((p) => p.y !== null);
    if (some.length === 0) { kept.push(points[i]); continue; }
    const low = some.reduce((a, b) => b.y < a.y ? b : a), high = some.reduce((a, b) => b.y > a.y ? b : a);
    kept.push(...(low === high ? [low] : low.x < high.x ? [low, high] : [high, low]));
  }
  return kept;
}

/* Every n-th row of a table that is too long, and what to say about it. */
function thinnedRows(count) {
  const step = Math.max(1, Math.ceil(count / ROWS_MAX));
  return { rows: Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step), note: step === 1 ? '' : `one row of ${step}` };
}

/* ---- what Chart.js is told ---- */

function dataset(line) {
  const dots = line.look === 'dots', crowded = line.points.length >= CROWDED;
  return { data: thinned(line.points), of: line, showLine: !dots, pointRadius: !dots ? 0 : crowded ? 1.25 : line.radius || 3, pointStyle: line.shape || 'circle',
           borderWidth: line.look === 'band' ? 0 : crowded ? 1.25 : line.width || 1.75, borderDash: line.look === 'dashed' && !crowded ? [6, 4] : [], borderJoinStyle: 'round', stepped: line.stepped || false,
           fill: line.look === 'area' ? 'origin' : false, order: line.order || 0 };
}

function datasets(lines) {
  return lines.flatMap((line) => {
    if (line.look !== 'band') return [dataset(line)];
    return [dataset(line), { ...dataset({ ...line, points: line.below }), of: line, fill: '-1' }];
  });
}

function paint(set) {
  const colour = colourOf(set.of.colour);
  set.borderColor = colour;
  set.backgroundColor = set.of.look === 'dots' ? colour : faded(colour, set.of.look === 'band' ? 0.16 : 0.13);
  if (set.of.look === 'dots') set.pointBackgroundColor = faded(colour, 0.75);
}

function scaleOf(title, format, step, range) {
  return { type: 'linear', title: { display: Boolean(title), text: title, font: { size: 11 } }, grid: { drawTicks: false }, ...range,
           ticks: { padding: 6, maxRotation: 0, font: { size: 11 }, callback: format },
           afterBuildTicks: (axis) => { axis.ticks = gridLines(axis.min, axis.max, step(axis)); } };
}

function linesThatFit(axis) {
  return axis.isHorizontal() ? Math.max(2, Math.floor(axis.width / 75)) : Math.max(2, Math.floor(axis.height / 45));
}

function timeScale(lasts) {
  const step = (axis) => timeStep(axis.max - axis.min, linesThatFit(axis));
  return scaleOf('', function mark(t) { return momentMark(t, lasts, step(this)); }, step, { min: 0, max: lasts });
}

/* x is the number of nines: 0 is the fastest of all, 1 is 90 %, 2 is 99 %. */
function percentileScale(most) {
  return { ...scaleOf('percentile', (x) => percentile(x), () => 1, { min: 0, max: Math.max(2, most) }),
           afterBuildTicks: (axis) => { axis.ticks = [Math.log10(2), 1, 2, 3, 4, 5, 6, 7].filter((x) => x <= axis.max).map((value) => ({ value })); } };
}

const percentile = (x) => `${(100 * (1 - 10 ** -x)).toFixed(Math.max(0, Math.ceil(x - 1e-6) - 2))}\u00a0%`;

function valueScale(plot) {
  const format = plot.unit;
  if (plot.log) {
    return { ...scaleOf('', format, () => 1, {}), type: 'logarithmic',
             afterBuildTicks: (axis) => { axis.ticks = format === bytes ? powersOfTwo(axis) : powersOfTen(axis.min, axis.max); } };
  }
  const step = plot.unit === bytes ? bytesStep : decimalStep;
  return scaleOf('', format, (axis) => step(axis.max - axis.min, linesThatFit(axis)), { beginAtZero: !plot.close, grace: '6%' });
}

function powersOfTen(from, to) {
  const few = Math.log10(to / from) < 2.3, ticks = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to) + 1e-9; power++)
    for (const n of few ? [1, 2, 5] : [1]) if (n * 10 ** power >= from * 0.999 && n * 10 ** power <= to * 1.001) ticks.push({ value: n * 10 ** power });
  return ticks;
}

function powersOfTwo(axis) {
  const [low, high] = [Math.ceil(Math.log2(axis.min)), Math.floor(Math.log2(axis.max))], step = Math.max(1, Math.ceil((high - low) / linesThatFit(axis)));
  return gridLines(low, high, step).map(({ value }) => ({ value: 2 ** value }));
}

/* Collections as ticks at the foot, full ones as lines through the chart; and the cursor. */
const extras = (plot) => ({
  id: 'extras',
  beforeDatasetsDraw(chart) {
    const { ctx, chartArea: area, scales } = chart;
    const marks = plot.marks || [], through = marks.filter((m) => m.generation === 2).length <= MARKS_MAX;
    const [full, young] = [colourOf('full'), colourOf('young')];
    ctx.save();
    for (const mark of marks) {
      const x = Math.round(scales.x.getPixelForValue(mark.t)) + 0.5, isFull = mark.generation === 2;
      ctx.strokeStyle = faded(isFull ? full : young, isFull ? 0.85 : 0.6);
      ctx.setLineDash(isFull && through ? [2, 3] : []);
      ctx.beginPath();
      ctx.moveTo(x, isFull && through ? area.top : area.bottom - (isFull ? 14 : 6));
      ctx.lineTo(x, area.bottom);
      ctx.stroke();
    }
    ctx.restore();
  },
  afterDatasetsDraw(chart) {
    const { ctx, chartArea: area, scales } = chart;
    if (plot.at === null) return;
    const x = Math.round(scales.x.getPixelForValue(plot.at)) + 0.5;
    ctx.save();
    ctx.strokeStyle = colourOf('soft');
    ctx.beginPath();
    ctx.moveTo(x, area.top);
    ctx.lineTo(x, area.bottom);
    ctx.stroke();
    ctx.restore();
  },
});

function paintAll(chart) {
  chart.data.datasets.forEach(paint);
  for (const scale of Object.values(chart.options.scales)) {
    scale.grid.color = colourOf('grid');
    scale.grid.borderColor = colourOf('line');
    scale.ticks.color = scale.title.color = colourOf('soft');
  }
}

/* ---- the legend ---- */

function swatch(line) {
  const style = { stroke: `var(--${line.colour})`, 'stroke-width': '2.5', fill: 'none' };
  const bar = { x: 0, y: 0, width: 18, height: 10, rx: 3, fill: `var(--${line.colour})` };
  const shapes = { circle: 'M9 1a4 4 0 1 0 .01 0z', triangle: 'M9 0l5 9.5H4z', rectRot: 'M9 0l5 5-5 5-5-5z', rect: 'M5 1h8v8H5z' };
  if (line.look === 'dots') return svg('svg', {}, svg('path', { d: shapes[line.shape || 'circle'], fill: `var(--${line.colour})` }));
  if (line.look === 'band') return svg('svg', {}, svg('rect', { ...bar, opacity: 0.28 }));
  return svg('svg', {}, line.look === 'area' ? svg('rect', { ...bar, y: 2, rx: 0, opacity: 0.2 }) : null,
    svg('path', { ...style, d: line.look === 'area' ? 'M0 2h18' : 'M0 5h18', ...(line.look === 'dashed' ? { 'stroke-dasharray': '6 3' } : {}) }));
}

function legendItem(plot, line) {
  const value = el('b', {});
  const button = el('button', { type: 'button', 'aria-pressed': 'true' }, swatch(line), line.name, value);
  line.tell = (x) => { value.textContent = line.at ? line.at(x) : ''; };
  button.addEventListener('click', () => {
    const shown = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(shown));
    plot.chart.data.datasets.forEach((set, i) => set.of === line && plot.chart.setDatasetVisibility(i, shown));
    plot.chart.update('none');
  });
  return el('li', {}, button);
}

/* `x` is null when nobody points: then the last values are told. */
function tell(plot, x) {
  plot.at = x;
  plot.lines.forEach((line) => line.tell(x));
  plot.when.textContent = x === null ? '' : plot.x === 'time' ? `at ${moment(x, plot.lasts)}` : percentile(x);
  plot.chart.draw();
}

function tellAll(plot, x) {
  plots.filter((other) => other === plot || (plot.x === 'time' && other.x === 'time')).forEach((other) => tell(other, x));
}

function follow(plot, canvas) {
  const scale = () => plot.chart.scales.x;
  canvas.addEventListener('pointermove', (event) => {
    const x = scale().getValueForPixel(event.offsetX);
    tellAll(plot, Math.min(Math.max(x, scale().min), scale().max));
  });
  canvas.addEventListener('pointerleave', () => tellAll(plot, null));
  canvas.addEventListener('keydown', (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Escape') tellAll(plot, null);
    if (!way) return;
    const { min, max } = scale(), step = (max - min) / (event.shiftKey ? 10 : 100);
    const from = plot.at === null ? (way > 0 ? min - step : max + step) : plot.at;
    tellAll(plot, Math.min(Math.max(from + way * step, min), max));
    plot.spoken.textContent = `${plot.when.textContent}: ${plot.lines.filter((l) => l.at).map((l) => `${l.name} ${l.at(plot.at)}`).join(', ')}`;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => tellAll(plot, null));
}

/* ---- all of it ---- */

function draw(plot) {
  plot.at = null;
  const canvas = el('canvas', { tabindex: '0', role: 'img', 'aria-label': `${plot.title}. ${plot.note} Arrow keys move a cursor; the table below has the numbers.` });
  plot.when = el('span', { class: 'at' });
  plot.spoken = el('p', { class: 'hidden', 'aria-live': 'polite' });
  const most = Math.max(...plot.lines.flatMap((line) => line.points.map((p) => p.x)), 0);
  plot.make = () => {
    const sets = datasets(plot.lines);
    sets.forEach(paint);
    plot.chart = new Chart(canvas, {
      type: 'line', data: { datasets: sets }, plugins: [extras(plot)],
      options: { animation: false, parsing: false, normalized: false, maintainAspectRatio: false, events: [], layout: { padding: { top: 6, right: 8 } },
                 plugins: { legend: { display: false }, tooltip: { enabled: false } },
                 scales: { x: plot.x === 'time' ? timeScale(plot.lasts) : percentileScale(most), y: valueScale(plot) } },
    });
    paintAll(plot.chart);
    plot.chart.update('none');
    follow(plot, canvas);
    tell(plot, null);
    plots.push(plot);
  };
  return [el('ul', { class: 'legend' }, plot.lines.map((line) => legendItem(plot, line)), el('li', {}, plot.when)),
    el('div', { class: 'canvas' }, canvas), plot.spoken];
}

function plotFigure(plot) {
  const there = plot.lines.some((line) => line.points.some((p) => isNumber(p.y)));
  const drawn = !there ? [el('p', { class: 'none' }, 'Nothing was measured')]
    : !window.Chart ? [el('p', { class: 'none' }, 'This heapctl was built without Chart.js: open the table')] : draw(plot);
  const figure = el('figure', { class: `card plot${plot.wide ? ' wide' : ''}` },
    el('figcaption', {}, el('h2', {}, plot.title), el('p', {}, plot.note)), drawn,
    folded('As a table', () => plot.table()));
  return { figure, start: there && window.Chart ? plot.make : () => {} };
}

function repaint() {
  for (const plot of plots) {
    paintAll(plot.chart);
    plot.chart.update();        // not 'none', which leaves points as they are
  }
}

window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
window.addEventListener('beforeprint', () => { document.documentElement.dataset.print = ''; repaint(); });
window.addEventListener('afterprint', () => { delete document.documentElement.dataset.print; repaint(); });
