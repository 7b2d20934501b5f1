/* units.js - numbers as people read them. Whatever is not a number is an em dash. */
'use strict';

const NOTHING = '\u2014';
const isNumber = (x) => typeof x === 'number' && Number.isFinite(x);

/* Three digits that count, and no zeros behind them: 1.5, 24, 3,400. */
function short(x) {
  if (!isNumber(x)) return NOTHING;
  const size = Math.abs(x);
  return x.toLocaleString('en', { maximumFractionDigits: size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2 });
}

const numbers = (values) => (values || []).filter(isNumber);
const most = (values) => numbers(values).reduce((a, b) => Math.max(a, b), 0);
const last = (values) => numbers(values).slice(-1)[0];

const whole = (x) => isNumber(x) ? Math.round(x).toLocaleString('en') : NOTHING;

function scaled(x, base, names) {
  if (!isNumber(x)) return NOTHING;
  let value = x, i = 0;
  while (Math.abs(value) >= base && i < names.length - 1) {
    value /= base;
    i++;
  }
  return `${short(value)}\u00a0${names[i]}`;
}

const bytes = (x) => scaled(x, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
const signedBytes = (x) => (x > 0 ? '+' : '') + bytes(x).replace('-', '\u2212');
const micros = (x) => scaled(x, 1000, ['\u00b5s', 'ms', 's']);
const perSecond = (x) => isNumber(x) ? `${short(x)}\u00a0/s` : NOTHING;
const percent = (part, of) => of > 0 ? `${short(100 * part / of)}\u00a0%` : NOTHING;

/* A length of time: 45 s, 2 min 30 s, 1 h 5 min. */
function span(seconds) {
  if (!isNumber(seconds)) return NOTHING;
  const s = Math.round(seconds), parts = [[Math.floor(s / 3600), 'h'], [Math.floor(s / 60) % 60, 'min'], [s % 60, 's']];
  if (seconds < 60) return `${short(seconds)}\u00a0s`;
  return parts.filter(([n]) => n > 0).slice(0, 2).map(([n, unit]) => `${n}\u00a0${unit}`).join(' ');
}

/* A moment of a run of `lasts` seconds: 45 s, or 2:30, or 1:05:00. */
function moment(t, lasts) {
  if (lasts <= 120) return `${short(t)}\u00a0s`;
  const s = Math.round(t), two = (n) => String(n).padStart(2, '0');
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return lasts < 3600 ? `${m}:${two(s % 60)}` : `${h}:${two(m)}:${two(s % 60)}`;
}

/* The same on an axis with a line each `step` seconds: 45 s, 2:30, 5 min, 1:30 h. */
function momentMark(t, lasts, step) {
  if (lasts <= 120 || step < 60) return moment(t, lasts);
  if (lasts <= 7200) return `${Math.round(t / 60)}\u00a0min`;
  return `${moment(t, lasts).slice(0, -3)}\u00a0h`;
}

/* ---- where the lines of a grid stand ---- */

const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

const timeStep = (range, lines) => TIME_STEPS.find((step) => range / step <= lines) || Math.ceil(range / lines / 86400) * 86400;

/* Bytes stand at powers of two: 4 MiB, not 3.81. */
const bytesStep = (range, lines) => 2 ** Math.ceil(Math.log2(Math.max(range, 1) / lines));

function decimalStep(range, lines) {
  const rough = Math.max(range, 1e-9) / lines, ten = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((n) => n * ten >= rough) * ten;
}

function gridLines(from, to, step) {
  const lines = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) lines.push({ value: i * step + 0 });    // no -0
  return lines;
}
