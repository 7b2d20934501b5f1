// cut.js - cutting a link: what call lets go of an object that one holder keeps, in words and as curl. Owns: asking before it.
// A field or item is cut only if it still holds what was shown: `is` in the same atomic batch says so, else nothing changes. What
// a root names is looked at just before. In another instance the same ids are other objects: it refuses the call.

import { announce, button, toast } from "./dom.js";
import { confirmed } from "./ask.js";
import { segment } from "./curl.js";
import { oneLine } from "./format.js";
import { Problem, get, instance, send } from "./wire.js";

// A holder, as heapd shows one, in one line.
export function holderText(holder) {
  if (holder.root !== undefined) return `root “${oneLine(holder.root, 60)}”`;
  if (holder.session !== undefined) return holder.label ? `session ${holder.session}, ${oneLine(holder.label, 60)}` : `session ${holder.session}`;
  if (holder.batch) return "an open batch";
  if (holder.garbage) return "the garbage list";
  return `${oneLine(holder.class, 60) || "?"} ${holder.id}`;
}

export function linkText(holder) {
  if (holder.field !== undefined) return `.${oneLine(holder.field, 40)}`;
  return holder.item !== undefined ? `[${holder.item}]` : "";
}

function cutOfPart(holder, id) {
  if (holder.field !== undefined) {
    return { kind: "field", yes: "Unset it", text: `The field ${linkText(holder)} of ${holderText(holder)} is unset.`,
      request: { lines: [["is", holder.id, holder.field, { $ref: id }], ["unset", holder.id, holder.field]] } };
  }
  return { kind: "item", yes: "Set it to null", text: `Item ${holder.item} of ${holderText(holder)} becomes null; those behind it keep their places.`,
    request: { lines: [["is", holder.id, holder.item, { $ref: id }], ["set", holder.id, holder.item, null]] } };
}

function cutOfSession(holder, id) {
  if (holder.session === 0) {
    return { kind: "hold", yes: "End the hold", text: `Session 0, which is everybody's at curl, lets ${id} go.`,
      request: { method: "DELETE", path: `/v1/objects/${id}/hold` } };
  }
  return { kind: "session", yes: "End the session", text: `Only its client can end one hold. This ends ${holderText(holder)} with all that it holds, and its client will be told that it has ended.`,
    request: { method: "DELETE", path: `/v1/sessions/${holder.session}` } };
}

// A browser takes the segments "." and ".." for a way up, however they are written: those two go as an op.
function cutOfRoot(holder, id) {
  const isDots = /^\.\.?$/.test(holder.root), path = `/v1/roots/${segment(holder.root)}`;
  return { kind: "root", yes: "Delete the root", text: `The name “${oneLine(holder.root)}” of object ${id} is deleted.`,
    stillHolds: async () => isDots || (await get(path)).$ref === id,
    request: isDots ? { lines: [["unroot", holder.root]] } : { method: "DELETE", path } };
}

function cutOfHolder(holder, id) {
  if (holder.root !== undefined) return cutOfRoot(holder, id);
  if (holder.session !== undefined) return cutOfSession(holder, id);
  if (holder.garbage) return { kind: "garbage", yes: "Let it go", text: "All that save-all has kept is let go.", request: { method: "DELETE", path: "/v1/gc/garbage" } };
  return holder.batch ? null : cutOfPart(holder, id);
}

// What cuts the link from `holder` to the object `id`, as both were when they were shown; null: nobody can.
export function cutOf(holder, id) {
  const cut = cutOfHolder(holder, id);
  return cut && { ...cut, request: { ...cut.request, instance: instance() } };
}

const REFUSED = new Map([
  ["changed", "Nothing was cut: something else stands there by now."],
  ["other-instance", "Nothing was cut: another heap answers now, and the same ids are other objects in it."],
]);

export async function sayCut(cut, done) {
  const text = `${cut.text} What nothing else reaches dies by it.`;
  if (!(await confirmed({ title: `${cut.yes}?`, text, request: cut.request, yes: cut.yes }))) return;
  try {
    if (cut.stillHolds && !(await cut.stillHolds())) throw new Problem({ type: "/problems/changed" }, 412);
    await send(cut.request);
    announce(`Done. ${cut.text}`);
    toast(cut.text);
  } catch (error) {
    toast(REFUSED.get(error.name) ?? error.message, true);
  }
  done();
}

export function cutButton(holder, id, done) {
  const cut = cutOf(holder, id);
  if (cut === null) return null;
  return button("cut", () => sayCut(cut, done), { class: "danger small", data: { cut: cut.kind }, "aria-label": `Cut this link: ${cut.yes.toLowerCase()}, ${holderText(holder)} ${linkText(holder)}`, title: cut.text });
}

