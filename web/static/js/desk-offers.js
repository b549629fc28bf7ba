// Offer cards: a ring with the seconds left, accept, decline with a reason.

import { act } from "./desk-net.js";
import { flash, sound, stopFlash } from "./desk-alerts.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const place = document.getElementById("desk-offers");
const dialog = document.getElementById("desk-decline");
let openContact = null;
let refreshSoon = null;
let declining = null;

export function installOffers(open, refresh) {
  openContact = open;
  refreshSoon = refresh;
  for (const card of place.querySelectorAll("[data-offer]")) start(card);
  setInterval(tick, 250);
  place.addEventListener("click", (event) => {
    const card = event.target.closest("[data-offer]");
    if (!card) return;
    if (event.target.closest("[data-accept]")) accept(card);
    if (event.target.closest("[data-decline]")) {
      declining = card.dataset.offer;
      dialog.showModal();
    }
  });
  dialog.querySelector("[data-decline-form]").addEventListener("submit", async (event) => {
    event.preventDefault();
    const reason = event.submitter?.value ?? "";
    dialog.close();
    await act(`/desk/offers/${declining}/decline`, { reason }).catch(() => null);
    refreshSoon(0);
  });
}

/** The oldest offer, for Enter. */
export function acceptFirst() {
  const card = place.querySelector("[data-offer]");
  if (card) accept(card);
  return Boolean(card);
}

async function accept(card) {
  if (card.dataset.busy) return;
  card.dataset.busy = "yes";
  for (const button of card.querySelectorAll("button")) button.disabled = true;
  try {
    const { contact_id: contact } = await act(`/desk/offers/${card.dataset.offer}/accept`);
    stopFlash();
    card.remove();
    openContact(contact, { focus: true });
  } catch (error) {
    delete card.dataset.busy;
    for (const button of card.querySelectorAll("button")) button.disabled = false;
    if (!error.offline) card.remove();
  }
  refreshSoon(0);
}

/** Put the offers as they are now; those that stay keep their focus. */
export function showOffers(fresh) {
  const known = new Map([...place.querySelectorAll("[data-offer]")].map((card) => [card.dataset.offer, card]));
  const wanted = [...fresh.children].map((card) => {
    const old = known.get(card.dataset.offer);
    if (old) {
      old.dataset.until = String(performance.now() + Number(card.dataset.left) * 1000);
      return old;
    }
    start(card);
    if (known.size === 0) offerArrived(card.dataset.who);
    return card;
  });
  for (const [id, card] of known) if (!wanted.includes(card) && id) card.remove();
  wanted.forEach((card, index) => {
    if (place.children[index] !== card) place.insertBefore(card, place.children[index] ?? null);
  });
  if (!wanted.length) stopFlash();
}

let announcedAt = 0;

export function offerArrived() {
  if (Date.now() - announcedAt < 2500) return;
  announcedAt = Date.now();
  sound();
  if (!document.hasFocus()) flash(t("js.desk.offer.title"));
}

/** The queue accepts by itself: say so, for nobody clicked. */
export function acceptedByItself(contact) {
  sound();
  if (!document.hasFocus()) flash(t("js.desk.automatic.title"));
  toast(t("js.desk.automatic.title"), t("js.desk.automatic.text"), "ok");
  const nothingOpen = !document.querySelector("#desk-contact .conv");
  if (nothingOpen) openContact(contact);
}

function start(card) {
  card.dataset.until = String(performance.now() + Number(card.dataset.left) * 1000);
  draw(card);
}

function draw(card) {
  const total = Number(card.dataset.total) || 1;
  const left = Math.max(0, (Number(card.dataset.until) - performance.now()) / 1000);
  const ring = card.querySelector(".ring-left");
  ring?.setAttribute("stroke-dashoffset", String(Math.min(100, 100 - (left / total) * 100)));
  const words = card.querySelector(".ring text");
  if (words) words.textContent = String(Math.ceil(left));
  card.classList.toggle("is-late", left < 6);
  return left;
}

function tick() {
  for (const card of place.querySelectorAll("[data-offer]")) {
    // An offer stays acceptable until its expiry is written: the card stays until the ledger says so.
    if (draw(card) === 0 && !card.dataset.asked) {
      card.dataset.asked = "yes";
      setTimeout(() => refreshSoon(0), 1500);
    }
  }
}
