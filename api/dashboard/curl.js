// curl.js - the curl line that does what a control does. Owns: how a shell and a URL read what we quote, and the small buttons
// that copy such a line. Lines are printable ASCII, whatever the names in them: they are pasted into shells.

import { $, button, say, toast } from "./dom.js";
import { base, hasToken } from "./wire.js";

function asciiJson(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// A name as one segment of a path. encodeURIComponent leaves a few that a shell or a form would mind, and "." and "..", which
// curl would take for a way up.
export function segment(name) {
  if (name === "." || name === "..") return name.replaceAll(".", "%2E");
  return encodeURIComponent(name).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function headers(request) {
  const meant = request.instance ? ` -H ${quote(`If-Heapd-Instance: ${request.instance}`)}` : "";
  return hasToken() ? `${meant} -H "Authorization: Bearer $HEAPD_TOKEN"` : meant;
}

// request: {method, path, body} or {lines: [op, ...]} for an atomic batch, with the instance that its ids are of; null: there is
// nothing to be asked yet
export function curlLine(request) {
  if (request === null) return "";
  if (request.lines) {
    const ops = request.lines.map((op) => quote(asciiJson(op))).join(" ");
    return `printf '%s\\n' ${ops} | curl${headers(request)} ${quote(`${base}/v1/batch?atomic=true`)} --data-binary @-`;
  }
  const method = request.method === "GET" || (request.method === "POST" && request.body) ? "" : ` -X ${request.method}`;
  const body = request.body === undefined ? "" : ` -d ${quote(asciiJson(request.body))}`;
  return `curl${method}${headers(request)} ${quote(base + request.path)}${body}`;
}

// Clipboards are for secure contexts; elsewhere the line is selected, to be copied by hand.
async function copy(line) {
  say($("console-curl"), line);
  try {
    await navigator.clipboard.writeText(line);
    toast("Copied: " + line);
  } catch {
    getSelection().selectAllChildren($("console-curl"));
    toast("The line is selected below the collector.");
  }
}

// A button that copies the line of what `ask()` gives at that moment; it shows it when it is looked at.
export function curlButton(ask, label) {
  const line = () => (typeof ask === "string" ? ask : curlLine(ask()));
  const b = button("curl", () => copy(show()), { class: "curl", "aria-label": `Copy the curl line: ${label}` });
  const show = () => {
    b.dataset.curl = b.title = line();
    say($("console-curl"), b.dataset.curl);
    return b.dataset.curl;
  };
  b.addEventListener("focus", show);
  b.addEventListener("pointerenter", show);
  b.refresh = () => { if (b.dataset.curl !== line()) b.dataset.curl = line(); };
  b.dataset.curl = "";
  queueMicrotask(b.refresh);
  return b;
}

// What they stand beside has changed.
export function refreshCurls() {
  for (const b of document.querySelectorAll("button.curl")) b.refresh();
}
