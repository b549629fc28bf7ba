// The board fetches itself anew when something happens, at most every two seconds, and never under one's hand.

const PAUSE_MS = 2000;
const REFRESH_MS = 30_000; // waiting times grow without an event
const live = document.getElementById("board-live");
const dialog = document.getElementById("board-contacts");
let lastAt = 0;
let waiting = null;

function isBusy() {
  return Boolean(live.querySelector("details[open]"));
}

function refresh() {
  waiting = null;
  if (document.hidden) return;
  if (isBusy()) return ask();
  lastAt = Date.now();
  htmx.ajax("GET", live.dataset.address, { target: live, swap: "innerHTML" });
}

function ask() {
  waiting ??= setTimeout(refresh, Math.max(0, lastAt + PAUSE_MS - Date.now()) || (isBusy() ? PAUSE_MS : 0));
}

document.addEventListener("hf:event", ask);
document.addEventListener("hf:resync", ask);
document.addEventListener("visibilitychange", () => document.hidden || ask());
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.closest?.("form")) {
    for (const menu of live.querySelectorAll("details[open]")) menu.open = false;
    ask();
  }
});
setInterval(ask, REFRESH_MS);

live.addEventListener("click", async (event) => {
  const opener = event.target.closest("[data-board-part]");
  if (!opener || !dialog) return;
  const { boardPart: part, boardKey: key } = opener.dataset;
  await htmx.ajax("GET", `/board/contacts?part=${encodeURIComponent(part)}&key=${encodeURIComponent(key)}`, {
    target: "#board-contacts-body",
    swap: "innerHTML",
  });
  if (!dialog.open) dialog.showModal();
});
