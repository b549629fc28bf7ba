// The desk: the list, opening conversations, live refreshing. Its parts live in desk-*.js.

import { catchUp, currentContact, openConversation, setOpener } from "./desk-conversation.js";
import { installCommand } from "./desk-command.js";
import { installDialogs } from "./desk-dialogs.js";
import { installKeys } from "./desk-keys.js";
import { fragment, part, whisper } from "./desk-net.js";
import { acceptedByItself, installOffers, offerArrived, showOffers } from "./desk-offers.js";
import { installPanes } from "./desk-panes.js";
import { installPanel } from "./desk-panel.js";
import { installPresence } from "./desk-presence.js";
import { mentioned } from "./desk-alerts.js";

const root = document.getElementById("desk");
const rows = document.getElementById("desk-rows");
const me = root.dataset.me;
let opening = null;

export const desk = {
  get tab() {
    return root.dataset.tab;
  },
  get order() {
    return root.dataset.order;
  },
};

// Refreshing: at most once in 700 ms, the last call always counts.

let refreshTimer = null;
let refreshedAt = 0;
let refreshing = false;

export function refreshSoon(delay = 150) {
  if (refreshTimer) return;
  const wait = Math.max(delay, refreshedAt + 700 - Date.now());
  refreshTimer = setTimeout(async () => {
    refreshTimer = null;
    if (refreshing) return refreshSoon(300);
    await refresh();
  }, wait);
}

export async function refresh() {
  refreshing = true;
  refreshedAt = Date.now();
  const asked = `${desk.tab}|${desk.order}`;
  try {
    const holder = await fragment(`/desk/state?tab=${desk.tab}&order=${desk.order}`, { quiet: true });
    if (asked !== `${desk.tab}|${desk.order}`) return;
    showState(holder);
  } catch {
    // The banner says that the connection is lost; the next event or resync refreshes.
  } finally {
    refreshing = false;
  }
}

function showState(holder) {
  const presence = document.getElementById("desk-presence");
  if (!presence.querySelector("details[open]")) presence.replaceChildren(...part(holder, "presence").childNodes);
  const tabs = document.getElementById("desk-tabs");
  const focused = document.activeElement?.dataset?.tab;
  tabs.replaceChildren(...part(holder, "tabs").childNodes);
  if (focused) tabs.querySelector(`[data-tab="${focused}"]`)?.focus();
  showUnread();
  showOffers(part(holder, "offers"));
  reconcileRows(part(holder, "rows"));
}

function showUnread() {
  const count = Number(document.querySelector("#desk-tabs [data-unread]")?.dataset.unread ?? 0);
  const badge = document.querySelector('[data-count="desk"]');
  if (!badge) return;
  badge.hidden = count === 0;
  badge.textContent = count > 99 ? "99+" : String(count);
}

/** Rows keep their place and their focus: what is unchanged is not touched, what moved is moved. */
function reconcileRows(fresh) {
  const known = new Map([...rows.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row]));
  const arriving = new Set([...fresh.querySelectorAll("[data-row]")].map((row) => row.dataset.row));
  const further = [...rows.querySelectorAll("[data-row][data-further]")].filter((row) => !arriving.has(row.dataset.row));
  const button = further.length ? rows.querySelector("[data-more]") : null;
  const wanted = [...fresh.children].filter((child) => !(button && child.matches("[data-more]"))).map((child) => {
    const old = child.dataset.row ? known.get(child.dataset.row) : null;
    if (!old) return child;
    if (old.innerHTML !== child.innerHTML) old.innerHTML = child.innerHTML;
    old.className = child.className;
    delete old.dataset.further;
    return old;
  });
  wanted.push(...further);
  if (button) wanted.push(button);
  const keep = new Set(wanted);
  for (const child of [...rows.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (rows.children[index] !== child) rows.insertBefore(child, rows.children[index] ?? null);
  });
  markOpen();
}

function markOpen() {
  const id = currentContact();
  for (const row of rows.querySelectorAll("[data-row]")) {
    if (row.dataset.row === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// Opening a conversation

let target = null; // the contact on its way to the screen

/** `redraw` draws the open contact anew: it never holds up somebody who is on the way to another. */
export async function open(id, { push = true, focus = false, redraw = false } = {}) {
  if (redraw && (target ?? currentContact()) !== id) return;
  opening?.abort();
  target = id;
  opening = new AbortController();
  const { signal } = opening;
  const place = document.getElementById("desk-contact");
  const waiting = setTimeout(() => place.classList.add("is-loading"), 150);
  try {
    const holder = await fragment(`/desk/c/${id}`, { signal });
    if (signal.aborted) return;
    openConversation(holder);
    if (push) history.pushState({ contact: id }, "", `/desk/c/${id}`);
    root.classList.add("has-contact");
    markOpen();
    if (focus) document.querySelector("[data-text]")?.focus();
  } catch (error) {
    if (error.name !== "AbortError") refreshSoon();
  } finally {
    clearTimeout(waiting);
    if (!signal.aborted) {
      place.classList.remove("is-loading");
      target = null;
    }
  }
}

addEventListener("popstate", () => {
  const id = location.pathname.match(/^\/desk\/c\/([0-9a-f-]{36})$/)?.[1];
  if (id) open(id, { push: false });
  else location.assign("/desk");
});

/** The row after (or before) the open one; used by J, K and «end and next». */
export function neighbour(step) {
  const all = [...rows.querySelectorAll("[data-row]")];
  if (!all.length) return null;
  const at = all.findIndex((row) => row.dataset.row === currentContact());
  const next = at < 0 ? all[0] : all[Math.min(all.length - 1, Math.max(0, at + step))];
  return next.dataset.row;
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-row], [data-open]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    link.closest("dialog")?.close();
    open(link.dataset.row ?? link.dataset.open);
    return;
  }
  const tab = event.target.closest("[data-tab]");
  if (tab && tab.closest("#desk-tabs")) {
    root.dataset.tab = tab.dataset.tab;
    rows.replaceChildren();
    document.getElementById("desk-items").scrollTop = 0;
    await refresh();
    return;
  }
  const more = event.target.closest("[data-more]");
  if (more) {
    more.disabled = true;
    const after = encodeURIComponent(more.dataset.more);
    const holder = await fragment(`/desk/rows?tab=${desk.tab}&order=${desk.order}&after=${after}`).catch(() => null);
    more.disabled = false;
    if (!holder) return;
    for (const row of holder.querySelectorAll("[data-row]")) row.dataset.further = "";
    more.replaceWith(...holder.children);
    markOpen();
  }
  const copied = event.target.closest("[data-copy]");
  if (copied) copy(copied);
});

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.dataset.copy);
  } catch {
    return;
  }
  element.classList.add("copied");
  setTimeout(() => element.classList.remove("copied"), 1200);
}

export function copyNumber() {
  const element = document.querySelector(".conv [data-copy^='C-']");
  if (element) copy(element);
}

document.getElementById("desk-order").addEventListener("change", (event) => {
  root.dataset.order = event.target.value;
  rows.replaceChildren();
  refresh();
  whisper("/desk/preferences", { order: event.target.value });
});

// Live

document.addEventListener("hf:event", ({ detail: event }) => {
  if (event.case_id) {
    if (event.case_id === currentContact()) catchUp();
    if (event.kind === "offer_made" && event.attrs?.agent === me) {
      offerArrived();
      refreshSoon(0);
    } else refreshSoon();
    if (event.kind === "offer_accepted" && event.attrs?.automatic && event.attrs.agent === me) acceptedByItself(event.case_id);
    if (event.kind === "note" && event.attrs?.mentions?.includes(me) && event.actor !== `user:${me}`) mentioned(event.case_id);
  } else if (event.kind === "presence" && event.attrs?.agent === me) refreshSoon(0);
});
function everythingAnew() {
  refreshSoon(0);
  catchUp();
}
document.addEventListener("hf:resync", everythingAnew);
let wasLost = false;
document.addEventListener("hf:state", ({ detail }) => {
  if (detail.state === "open" && wasLost) everythingAnew();
  wasLost = detail.state !== "open";
});
document.addEventListener("visibilitychange", () => !document.hidden && everythingAnew());
// Waiting times grow by themselves.
setInterval(() => !document.hidden && refreshSoon(), 30_000);

installPanes(root);
installOffers(open, refreshSoon);
installPresence(root, refreshSoon);
installPanel();
installDialogs({ open, refreshSoon, neighbour });
installCommand(open);
installKeys({ open, neighbour, copyNumber });
setOpener(open, refreshSoon);
if (document.querySelector("#desk-contact .conv")) {
  root.classList.add("has-contact");
  openConversation(null);
}
showUnread();
markOpen();
