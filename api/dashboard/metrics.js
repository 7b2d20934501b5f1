// metrics.js - the few numbers that only /metrics has. Owns: reading that text, and quantiles of what a histogram gained.

// Lines of one family: "name{labels} value" -> [[labels, value], ...]
function family(text, name) {
  const found = [];
  for (let at = text.indexOf(`\n${name}`); at >= 0; at = text.indexOf(`\n${name}`, at + 1)) {
    const end = text.indexOf("\n", at + 1), line = text.slice(at + 1, end < 0 ? undefined : end);
    const m = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (m && m[1] === name) found.push([m[2] ?? "", Number(m[3])]);
  }
  return found;
}

const total = (rows) => rows.reduce((sum, [, value]) => sum + value, 0);

export function readMetrics(text) {
  return {
    t: performance.now(),
    requests: total(family(text, "heapd_http_requests_total")),
    batchOps: total(family(text, "heapd_batch_ops_total")),
    fsyncs: family(text, "heapd_log_fsync_seconds_bucket").map(([labels, value]) => [Number(/le="([^"]+)"/.exec(labels)[1].replace("+Inf", "Infinity")), value]),
  };
}

// As Prometheus' histogram_quantile: within a bucket all values are taken to be spread evenly. NaN: nothing came.
export function quantileGained(q, before, after) {
  const gained = after.map(([le, value], i) => [le, value - (before[i]?.[1] ?? 0)]);
  const all = gained.at(-1)?.[1] ?? 0;
  if (!(all > 0)) return NaN;
  const i = gained.findIndex(([, value]) => value >= q * all);
  const [le, upTo] = gained[i], [low, below] = i > 0 ? gained[i - 1] : [0, 0];
  return Number.isFinite(le) ? low + (le - low) * (q * all - below) / (upTo - below) : low;
}
