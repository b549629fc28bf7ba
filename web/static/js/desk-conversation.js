// The open conversation: lines arrive at the end, the reader's place is kept, colleagues are seen.

import { composerBusy, keepDraft, openComposer, restoreFocus, whenComposed } from "./desk-composer.js";
import { act, fragment, part, whisper } from "./desk-net.js";
import { cardsRemembered } from "./desk-panel.js";
import { t } from "./texts.js";

const place = document.getElementById("desk-contact");
const panel = document.getElementById("desk-panel");
const LOOKING_EVERY_MS = 15_000;
const LOOKING_LASTS_MS = 25_000;

let conv = null; // the .conv element
let scroll = null;
let fetching = false;
let again = false;
let open = null;
let refreshSoon = null;
let unseen = 0;
let sticking = true;

export function setOpener(opener, refresher) {
  open = opener;
  refreshSoon = refresher;
}

export function currentContact() {
  return place.querySelector(".conv")?.dataset.contact ?? null;
}

export function currentConversation() {
  return conv;
}

/** Show a conversation: from a fragment, or what the page was rendered with (null). */
export function openConversation(holder) {
  const kept = holder ? keepDraft() : null;
  if (conv) tellLooking("gone");
  if (holder) {
    place.replaceChildren(...part(holder, "conversation").childNodes);
    panel.replaceChildren(...part(holder, "panel").childNodes);
  }
  conv = place.querySelector(".conv");
  if (!conv) return;
  scroll = conv.querySelector("[data-scroll]");
  if (holder) {
    window.htmx?.process(panel);
  }
  cardsRemembered(panel);
  cardsRemembered(conv);
  scroll.scrollTop = scroll.scrollHeight;
  // Pictures may still grow; keep the end in sight until the reader moves.
  for (const picture of scroll.querySelectorAll("img")) picture.addEventListener("load", stick, { once: true });
  // Suggestions and a growing composer take room from below.
  new ResizeObserver(stick).observe(scroll);
  unseen = 0;
  sticking = true;
  scroll.addEventListener("scroll", scrolled, { passive: true });
  conv.addEventListener("click", clicked);
  openComposer(conv, { sent: catchUp, typing: () => tellLooking("typing") });
  restoreFocus(conv, kept);
  lookers.clear();
  showLookers();
  tellLooking("looking");
  markRead();
}

function atEnd() {
  return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 90;
}

function stick() {
  if (sticking && scroll) scroll.scrollTop = scroll.scrollHeight;
}

function scrolled() {
  sticking = atEnd();
  if (sticking) {
    unseen = 0;
    conv.querySelector("[data-down]").hidden = true;
    markRead();
  }
}

async function clicked(event) {
  const before = event.target.closest("[data-before]");
  if (before) return earlier(before);
  if (event.target.closest("[data-down]")) {
    sticking = true;
    scroll.scrollTo({ top: scroll.scrollHeight, behavior: "smooth" });
  }
}

async function earlier(button) {
  button.disabled = true;
  const holder = await fragment(`/desk/c/${conv.dataset.contact}/before?seq=${button.dataset.before}`).catch(() => null);
  button.disabled = false;
  if (!holder) return;
  const height = scroll.scrollHeight;
  const day = button.nextElementSibling;
  const last = [...holder.querySelectorAll(".day")].at(-1);
  if (last && day?.matches(".day") && day.textContent === last.textContent) day.remove();
  button.replaceWith(...holder.childNodes);
  scroll.scrollTop += scroll.scrollHeight - height; // the lines in sight stay where they are
}

/** Fetch what came since; calls in between are answered by one more fetch. */
export async function catchUp() {
  if (!conv) return;
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  const here = conv;
  try {
    const holder = await fragment(
      `/desk/c/${here.dataset.contact}/since?seq=${lastSeq(here)}&event=${here.dataset.event}`,
      { quiet: true },
    );
    if (here === conv) append(holder.querySelector("[data-since]"));
  } catch {
    // The banner tells; hf:state or hf:resync asks again.
  } finally {
    fetching = false;
    if (again) {
      again = false;
      catchUp();
    }
  }
}

function lastSeq(element) {
  const last = [...element.querySelectorAll("[data-lines] [data-message]")].at(-1);
  return Math.max(0, Number(last?.dataset.message ?? 0));
}

function append(since) {
  const end = atEnd();
  const lines = conv.querySelector("[data-lines]");
  const known = new Set([...lines.querySelectorAll("[data-message]")].slice(-200).map((line) => line.dataset.message));
  let arrived = 0;
  for (const line of [...part(since, "lines").children]) {
    if (line.dataset.message && known.has(line.dataset.message)) continue;
    if (!joined(lines, line)) lines.append(line);
    if (line.matches(".msg-customer")) arrived += 1;
  }
  conv.querySelector(".msg-typing")?.remove();
  conv.dataset.event = since.dataset.event;
  conv.dataset.seq = since.dataset.seq;
  readMarks(Number(since.dataset.read));
  conv.querySelector('[data-part="standing"]').replaceChildren(...part(since, "standing").childNodes);
  if (arrived) conv.querySelector("[data-typing]").hidden = true;
  if (end) {
    sticking = true;
    stick();
    markRead();
  } else if (arrived) {
    unseen += arrived;
    const down = conv.querySelector("[data-down]");
    down.hidden = false;
    down.lastChild.textContent = t("js.desk.new_messages", { count: unseen });
  }
  document.dispatchEvent(new CustomEvent("desk:lines", { detail: { arrived } }));
  const owned = since.dataset.owner === document.getElementById("desk").dataset.me;
  if (since.dataset.stage !== conv.dataset.stage || owned !== (conv.dataset.mine === "yes")) standsElsewhere();
}

/** Quiet events in a row share one line, as the server groups them. */
function joined(lines, line) {
  const last = lines.lastElementChild;
  if (!line.matches("[data-quiet]") || !last?.matches("[data-quiet]")) return false;
  last.querySelector("span").append(" · ", ...line.querySelector("span").childNodes);
  return true;
}

/** The stage or the owner changed: draw it anew, but never under the hands of somebody who is composing. */
async function standsElsewhere() {
  const id = conv.dataset.contact;
  await whenComposed();
  open(id, { push: false, redraw: true });
  refreshSoon(0);
}

function readMarks(seq) {
  for (const mark of conv.querySelectorAll('.msg-agent [data-delivery="delivered"]')) {
    if (Number(mark.closest("[data-message]").dataset.message) <= seq) {
      mark.dataset.delivery = "read";
      mark.textContent = t("js.desk.delivery.read");
    }
  }
}

let readTimer = null;
let readSeq = "";

function markRead() {
  if (!conv || conv.dataset.mine !== "yes" || document.hidden) return;
  clearTimeout(readTimer);
  readTimer = setTimeout(async () => {
    const mark = `${conv.dataset.contact}:${conv.dataset.seq}`;
    if (mark === readSeq || document.hidden) return;
    readSeq = mark;
    await whisper(`/desk/c/${conv.dataset.contact}/read`, { seq: conv.dataset.seq });
    refreshSoon(0);
  }, 300);
}

document.addEventListener("visibilitychange", markRead);

// Who else is here

const lookers = new Map(); // user → {until, doing}
let toldAt = 0;
let toldDoing = "";

function tellLooking(doing) {
  if (!conv || (document.hidden && doing !== "gone")) return;
  const soon = Date.now() - toldAt < (doing === "typing" ? 4000 : 1000);
  if (soon && doing === toldDoing) return;
  toldAt = Date.now();
  toldDoing = doing;
  whisper(`/desk/c/${conv.dataset.contact}/looking`, { doing });
}

setInterval(() => {
  tellLooking("looking");
  showLookers();
}, LOOKING_EVERY_MS);
addEventListener("pagehide", () => tellLooking("gone"));

let typingTimer = null;

document.addEventListener("hf:whisper", ({ detail: said }) => {
  if (!conv || said.case_id !== conv.dataset.contact) return;
  if (said.actor === "customer" && said.kind === "read") return readMarks(Number(said.attrs?.seq ?? 0));
  if (said.actor === "customer") {
    const words = conv.querySelector("[data-typing]");
    words.hidden = said.kind !== "typing" || said.attrs?.typing === false;
    words.textContent = t("js.desk.customer_typing", { name: conv.dataset.name });
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => (words.hidden = true), 6000);
    stick();
    return;
  }
  const user = said.actor.replace("user:", "");
  if (said.kind !== "looking" || user === document.getElementById("desk").dataset.me) return;
  if (said.attrs?.doing === "gone") lookers.delete(user);
  else {
    if (!lookers.has(user)) toldAt = 0; // a newcomer has not heard of me
    lookers.set(user, { until: Date.now() + LOOKING_LASTS_MS, doing: said.attrs?.doing });
    tellLooking("looking");
  }
  showLookers();
});

const people = new Map(JSON.parse(document.getElementById("desk-people").textContent).map((each) => [each.id, each]));

export function colleagues() {
  return [...people.values()];
}

function showLookers() {
  const words = conv?.querySelector("[data-looking]");
  if (!words) return;
  for (const [user, { until }] of lookers) if (until < Date.now()) lookers.delete(user);
  const names = (doing) =>
    [...lookers].filter(([, each]) => (each.doing === "typing") === doing).map(([user]) => people.get(user)?.name ?? "…");
  const typing = names(true);
  const looking = names(false);
  words.hidden = lookers.size === 0;
  words.classList.toggle("is-typing", typing.length > 0);
  words.textContent = typing.length
    ? t("js.desk.typing", { names: typing.join(t("js.desk.comma")) })
    : t("js.desk.looking", { names: looking.join(t("js.desk.comma")) });
}

// Acts of the open conversation that other parts ask for

/** End it; rejects when refused, for example because something unseen came in. */
export async function endConversation() {
  await catchUp();
  await act(`/desk/c/${conv.dataset.contact}/end`, { seen_seq: conv.dataset.seq });
}

export { composerBusy };
