// The thread on the screen: what the server has, then what is still on its way.

import { config, fileUrl } from "./chat-net.js";
import { discard, pending, retry } from "./chat-outbox.js";
import { previewOf } from "./chat-files.js";
import { el, formatted, icon, plain } from "./chat-text.js";
import { surveyCard, verifyCard } from "./chat-cards.js";
import { ago, language, t } from "./texts.js";

const GAP_MS = 5 * 60_000;
const thread = document.getElementById("chat-thread");
const locale = language === "zh" ? "zh-CN" : "en";
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });
const dayOfYear = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", day: "numeric" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium", hourCycle: "h23" });

const messages = new Map();
let order = [];
let state = null;
let choose = () => {};

export function onChoice(chosen) {
  choose = chosen;
}

export const lastSeq = () => order.at(-1)?.seq ?? 0;
export const firstSeq = () => order[0]?.seq ?? 0;
export const isEmpty = () => order.length === 0 && pending().length === 0;
export const sentIds = () => new Set(order.map((message) => message.client_id).filter(Boolean));
export const unreadAfter = (seq) => order.filter((message) => message.seq > seq && message.author !== "customer" && message.kind !== "notice").length;
/** The last thing the other side said, for those who cannot see it. */
export const hasUnanswered = () => (order.at(-1)?.author ?? "") === "customer" || pending().some((item) => item.state === "sent");

export function clearThread() {
  messages.clear();
  order = [];
  thread.replaceChildren();
}

/** Take in messages of the server; true when there was something new. */
export function merge(list) {
  let isNew = false;
  for (const message of list) {
    if (messages.has(message.id)) continue;
    messages.set(message.id, message);
    isNew = true;
  }
  if (isNew) order = [...messages.values()].sort((a, b) => a.seq - b.seq);
  return isNew;
}

export function setState(next) {
  state = next;
}

// Drawing: an element a message, kept as long as what it shows is the same.

const drawn = new Map();
/** The one message that shows how far it came: the customer's last, unless a later one is still on its way. */
let own = null;

export function draw() {
  const wanted = [];
  let before = null;
  const lastOfOthers = order.findLast((message) => message.author !== "customer" && message.kind !== "notice");
  const awaits = order.at(-1) === lastOfOthers || order.findLast((message) => message.kind !== "notice") === lastOfOthers;
  const known = sentIds();
  const leaving = pending().filter((item) => !known.has(item.clientId));
  own = leaving.length ? null : order.findLast((message) => message.author === "customer");
  const use = (key, mark, make) => {
    const shown = drawn.get(key);
    wanted.push([key, shown?.mark === mark ? shown : { mark, element: make() }]);
  };
  for (const message of order) {
    const at = new Date(message.at);
    if (!before || at - new Date(before.at) > GAP_MS) use(`time:${message.id}`, dayMark(at), () => divider(at));
    const isLast = message === lastOfOthers && awaits && leaving.length === 0;
    // A card that is being filled in must not be drawn anew because something was said below it.
    const isActive = message.kind === "verify" ? !state?.verified : message.choices.length > 0 && isLast;
    const isFirst = !before || before.author !== message.author || before.name !== message.name || before.kind === "notice";
    const mark = JSON.stringify([isActive, isFirst, message.kind === "verify" && state?.verified, message.survey && surveyMark(message), readMark(message)]);
    use(message.id, mark, () => entry(message, isActive, isFirst));
    before = message;
  }
  for (const item of leaving) use(`out:${item.clientId}`, `${item.state}:${item.problem ?? ""}`, () => outgoing(item));
  place(wanted);
}

/** Put the elements in order, touching only what changed, so that nothing jumps and nothing is read twice. */
function place(wanted) {
  const keys = new Set(wanted.map(([key]) => key));
  for (const [key, known] of drawn) {
    if (keys.has(key)) continue;
    known.element.remove();
    drawn.delete(key);
  }
  let spot = thread.firstChild;
  for (const [key, kept] of wanted) {
    const known = drawn.get(key);
    if (known && known !== kept) {
      if (known.element === spot) spot = spot.nextSibling;
      known.element.replaceWith(kept.element);
    } else if (kept.element !== spot) thread.insertBefore(kept.element, spot);
    else spot = spot.nextSibling;
    drawn.set(key, kept);
  }
}

const surveyMark = (message) => (state?.survey_due && state.survey_contact_id === message.contact_id ? "due" : "past");
const isRead = (message) => Boolean(state && message.seq <= state.agent_read_seq && message.contact_id === state.contact_id);
const readMark = (message) => (message === own ? `own:${isRead(message)}` : "");

function dayMark(at) {
  return `${at.toDateString() === new Date().toDateString()}`;
}

function wall(at) {
  const now = new Date();
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  if (at >= midnight) return `${t("js.chat.today")} ${clock.format(at)}`;
  if (at >= midnight - 86_400_000) return `${t("js.chat.yesterday")} ${clock.format(at)}`;
  return `${(at.getFullYear() === now.getFullYear() ? day : dayOfYear).format(at)} ${clock.format(at)}`;
}

function divider(at) {
  return el("div", { className: "day" }, el("time", { dateTime: at.toISOString(), title: full.format(at) }, wall(at)));
}

function who(message) {
  if (message.author === "bot") return config.botLabel || t("js.chat.bot");
  if (message.author === "agent") return message.name || t("js.chat.agent");
  return message.author === "system" ? config.lineName : "";
}

function entry(message, isActive, isFirst) {
  if (message.kind === "notice" && !message.survey) {
    return el("div", { className: "notice", title: full.format(new Date(message.at)) }, message.body);
  }
  const isOwn = message.author === "customer";
  const bubble = el("div", { className: "bubble" });
  if (message.body) bubble.append(message.author === "bot" ? formatted(message.body) : plain(message.body));
  for (const file of message.files) bubble.append(shownFile(file));
  if (message.kind === "verify") bubble.append(verifyCard(Boolean(state?.verified)));
  if (message.choices.length && (isActive || message.kind !== "verify")) bubble.append(choices(message, isActive));
  if (message.citations.length) bubble.append(sources(message.citations));
  if (message.survey) bubble.append(surveyCard(message, surveyMark(message) === "due"));
  const time = full.format(new Date(message.at));
  return el(
    "article",
    { className: `m is-${message.author}${isOwn ? " is-own" : ""}`, title: time, "aria-label": isOwn ? t("js.chat.you") : who(message) },
    !isOwn && isFirst && el("div", { className: "who" }, icon({ bot: "robot", agent: "user" }[message.author]), who(message)),
    bubble,
    el("time", { className: "visually-hidden", dateTime: message.at }, ago(new Date(message.at))),
    message === own && el("div", { className: "delivery" }, icon(isRead(message) ? "checks" : "check"), t(isRead(message) ? "js.chat.state.read" : "js.chat.state.delivered")),
  );
}

function choices(message, isActive) {
  return el(
    "div",
    { className: "choices", role: "group", "aria-label": t("js.chat.choices") },
    ...message.choices.map((choice) => el("button", { type: "button", className: "choice", disabled: !isActive, onclick: () => choose(choice) }, choice.label)),
  );
}

function sources(citations) {
  return el(
    "p",
    { className: "sources" },
    icon("book"),
    el("span", {}, citations.map((citation) => t("js.chat.source", { title: citation.title })).join(t("js.chat.and"))),
  );
}

function outgoing(item) {
  const bubble = el("div", { className: "bubble" });
  if (item.text) bubble.append(plain(item.text));
  for (const file of item.files) bubble.append(shownFile(file));
  const failed = item.state === "failed";
  const words = { waiting: "js.chat.state.waiting", sending: "js.chat.state.sending", sent: "js.chat.state.delivered" };
  return el(
    "article",
    { className: `m is-customer is-own is-${item.state}` },
    bubble,
    failed
      ? el(
          "div",
          { className: "delivery is-bad", role: "alert" },
          icon("alert-circle"),
          item.problem,
          el("button", { type: "button", className: "link", onclick: () => retry(item.clientId) }, t("js.chat.retry")),
          el("button", { type: "button", className: "link", onclick: () => discard(item.clientId) }, t("js.chat.discard")),
        )
      : el("div", { className: "delivery" }, icon(item.state === "sent" ? "check" : "clock"), t(words[item.state])),
  );
}

// Files

const seen = new IntersectionObserver((entries) => {
  for (const each of entries) {
    if (!each.isIntersecting) continue;
    seen.unobserve(each.target);
    fileUrl(each.target.dataset.file).then(
      (url) => { each.target.src = url; },
      () => { each.target.replaceWith(el("span", { className: "file-gone" }, t("js.chat.file.gone"))); },
    );
  }
}, { rootMargin: "300px" });

function size(bytes) {
  return bytes >= 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1024))} KB`;
}

function shownFile(file) {
  if (!file.is_picture) {
    const button = el("button", { type: "button", className: "file", onclick: () => save(file) }, icon("file-text"), el("span", { className: "file-name" }, file.name), el("span", { className: "file-size" }, size(file.size_bytes)));
    button.setAttribute("aria-label", t("js.chat.file.download", { name: file.name }));
    return button;
  }
  const picture = el("img", { alt: t("js.chat.file.picture_named", { name: file.name }), width: file.width ?? 240, height: file.height ?? 160 });
  const local = previewOf(file.id);
  if (local) picture.src = local;
  else {
    picture.dataset.file = file.id;
    seen.observe(picture);
  }
  return el("button", { type: "button", className: "picture", "aria-label": t("js.chat.file.enlarge", { name: file.name }), onclick: () => enlarge(picture) }, picture);
}

async function save(file) {
  const url = await fileUrl(file.id);
  el("a", { href: url, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function enlarge(picture) {
  if (!picture.src) return;
  const image = document.getElementById("chat-picture-img");
  image.src = picture.src;
  image.alt = picture.alt;
  document.getElementById("chat-picture").showModal();
}
