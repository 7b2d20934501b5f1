// spark.js - a line of the last minute, small enough to stand beside its number. Owns: its SVG. The scale begins at 0, so that
// a level line is seen to be level.

import { svg } from "./dom.js";

const WIDTH = 120, HEIGHT = 28;

export function spark(node, values, max = Math.max(...values.filter(Number.isFinite))) {
  if (!node.firstChild) {
    node.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    node.setAttribute("preserveAspectRatio", "none");
    node.append(svg("path", { class: "area" }), svg("path", { class: "line", "vector-effect": "non-scaling-stroke" }));
  }
  const step = WIDTH / Math.max(1, values.length - 1), top = max > 0 ? max : 1;
  const y = (v) => (HEIGHT - 2 - (HEIGHT - 4) * v / top).toFixed(1);
  let line = "", open = false;
  values.forEach((v, i) => {
    const x = (i * step).toFixed(1);
    if (!Number.isFinite(v)) {
      open = false;
      return;
    }
    line += `${open ? "L" : "M"}${x} ${y(v)}`;
    open = true;
  });
  const known = values.findIndex(Number.isFinite);
  node.firstChild.setAttribute("d", line.includes("L") ? `M${(known * step).toFixed(1)} ${HEIGHT}${line.replaceAll("M", "L")}V${HEIGHT}Z` : "");
  node.lastChild.setAttribute("d", line);
}
