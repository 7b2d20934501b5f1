// ask.js - questions to whoever sits there. Owns: the dialogs: are you sure, which token, what do the keys do.

import { $, say } from "./dom.js";
import { curlLine } from "./curl.js";
import { hasToken, setToken, state, wire } from "./wire.js";

// True if it shall be done. `request` is shown as the curl line that would do the same.
export function confirmed({ title, text, request, yes }) {
  const dialog = $("confirm");
  say($("confirm-title"), title);
  say($("confirm-text"), text);
  say($("confirm-curl"), curlLine(request));
  say($("confirm-yes"), yes);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const WANTED = "One from its token file. It is kept in this tab until that is closed, and sent nowhere else.";

// Whoever closes the dialog finds it again behind a button in the head.
function askForToken() {
  say($("token-text"), hasToken() ? `heapd does not know that token. ${WANTED}` : WANTED);
  if (state() === "token" && !$("token-dialog").open) $("token-dialog").showModal();
}

// onToken() is called when there is a new one to try.
export function startAsking(onToken) {
  $("confirm-yes").addEventListener("click", () => $("confirm").close("yes"));
  $("confirm-no").addEventListener("click", () => $("confirm").close("no"));
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("token-open").addEventListener("click", askForToken);
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken($("token-input").value.trim());
    $("token-input").value = "";
    $("token-dialog").close();
    onToken();
  });
  wire.addEventListener("unauthorized", askForToken);
  wire.addEventListener("instance", () => { if ($("confirm").open) $("confirm").close("no"); }); // it was asked about another heap
}
