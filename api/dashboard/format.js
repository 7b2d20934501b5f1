// format.js - numbers as people read them. Owns: units, rounding, times of day. Knows not: the page.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(n) {
  return Number.isFinite(n) ? whole.format(n) : "–";
}

function scaled(n, step, units) {
  let i = 0;
  const sign = n < 0 ? "−" : "";
  n = Math.abs(n);
  while (n >= step * 0.9995 && i < units.length - 1) {
    n /= step;
    i++;
  }
  const digits = i === 0 ? 0 : n < 9.995 ? 2 : n < 99.95 ? 1 : 0;
  return `${sign}${n.toFixed(digits)}${units[i]}`;
}

export function bytes(n) {
  return Number.isFinite(n) ? scaled(n, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]) : "–";
}

// What a scale says: without digits that say nothing.
export function short(text) {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

// 1,234 up to 99,999, then 1.23 M
export function compact(n) {
  if (!Number.isFinite(n)) return "–";
  return Math.abs(n) < 99999.5 ? whole.format(n) : scaled(n, 1000, ["", " k", " M", " G"]);
}

export function signed(n, format) {
  if (!Number.isFinite(n)) return "–";
  return n === 0 ? "0" : n > 0 ? `+${format(n)}` : format(n).replace(/^-/, "−");
}

export function rate(n) {
  if (!Number.isFinite(n)) return "–";
  return n > 0 && n < 9.95 ? n.toFixed(1) : compact(n);
}

export function micros(us) {
  if (!Number.isFinite(us)) return "–";
  if (us < 999.5) return `${Math.round(us)} µs`;
  return us < 999500 ? `${trim(us / 1e3)} ms` : `${trim(us / 1e6)} s`;
}

function trim(n) {
  return n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : n.toFixed(0);
}

export function seconds(s) {
  if (!Number.isFinite(s)) return "–";
  if (s !== 0 && s < 0.9995) return micros(s * 1e6);
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${(s / 3600).toFixed(1)} h` : `${(s / 86400).toFixed(1)} d`;
}

export function percent(part, all) {
  return all > 0 ? `${(100 * part / all).toFixed(part / all < 0.0995 ? 1 : 0)} %` : "–";
}

export function clock(ms, withSeconds = true) {
  const d = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? `:${two(d.getSeconds())}` : ""}`;
}

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// What may be long or strange, for one line: control characters and those that turn text around are shown as what they are.
export function oneLine(text, max = 120) {
  const shown = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown;
}
