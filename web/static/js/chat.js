// The customer's chat: brings the session, the thread, the box of what is on its way, and the host page together.

import { call, config, follow, hasSession, isFollowing, refollow, restart, session, store, unfollow, useMemberToken } from "./chat-net.js";
import { preparePrivacy, showPrivacy, watchCards } from "./chat-cards.js";
import { focusComposer, prepareComposer, problem } from "./chat-composer.js";
import * as outbox from "./chat-outbox.js";
import { placeWords, subtitle } from "./chat-status.js";
import { formatted } from "./chat-text.js";
import * as thread from "./chat-thread.js";
import { language, t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const scroll = $("chat-scroll");
const TYPING_SHOWN_MS = 6000;
const STATE_EVERY_MS = 15_000;
const HIDDEN_CLOSE_MS = 120_000;
const KEPT_OPEN = new Set(["queued", "offered", "talking", "wrap_up", "survey"]);

let state = null;
let threadKey = null;
let isShown = !config.embedded;
let isAtEnd = true;
let hasLoaded = false;
let botWaitUntil = 0;
let agentTypingUntil = 0;

// Reading the thread

let syncing = null;
let isAskedAgain = false;

/** Bring the screen up to date; calls during a run are served by one more run. */
function sync() {
  if (!hasSession()) return Promise.resolve();
  if (syncing) {
    isAskedAgain = true;
    return syncing;
  }
  syncing = readNew().catch((error) => {
    if (!error.isPassing) console.error("Holdfast:", error);
    else setTimeout(sync, 3000);
  }).finally(() => {
    syncing = null;
    if (isAskedAgain) {
      isAskedAgain = false;
      sync();
    }
  });
  return syncing;
}

async function readNew() {
  for (;;) {
    const isFirst = threadKey === null;
    const path = isFirst ? "/messages?limit=100" : `/messages?after=${thread.lastSeq()}&limit=200`;
    const answer = await call("GET", path);
    if (!isFirst && answer.thread !== threadKey) {
      threadKey = null;
      thread.clearThread();
      continue;
    }
    threadKey = answer.thread;
    if (isFirst) $("chat-earlier").hidden = !answer.more;
    take(answer, isFirst);
    if (isFirst || !answer.more) return;
  }
}

function take(answer, isFirst) {
  state = answer.state;
  thread.setState(state);
  const isNew = thread.merge(answer.messages);
  if (answer.messages.some((message) => message.author === "agent")) agentTypingUntil = 0;
  outbox.arrived(thread.sentIds());
  show();
  if (isFirst || isNew) toEnd(isFirst);
  // What is there already is no news to a screen reader; what comes from now on is.
  if (isFirst) setTimeout(() => $("chat-thread").setAttribute("aria-live", "polite"), 500);
}

async function readEarlier() {
  const height = scroll.scrollHeight;
  const answer = await call("GET", `/messages?before=${thread.firstSeq()}&limit=100`);
  $("chat-earlier").hidden = !answer.more;
  thread.merge(answer.messages);
  show();
  scroll.scrollTop += scroll.scrollHeight - height;
}

// Showing it

function show() {
  thread.draw();
  const empty = thread.isEmpty();
  $("chat-welcome").hidden = !empty;
  const open = state?.stage && state.stage !== "closed";
  $("chat-end").hidden = !open;
  const stage = state?.stage;
  $("chat-human").disabled = ["queued", "offered", "talking", "wrap_up"].includes(stage);
  $("chat-sub").textContent = subtitle(state);
  place();
  typing();
  tellHost();
}

function place() {
  const line = $("chat-place");
  const words = placeWords(state);
  line.hidden = words === "";
  if (line.textContent !== words) line.textContent = words;
}

function typing() {
  const now = Date.now();
  const isBot = state?.stage !== undefined && (state?.typing === "bot" || (now < botWaitUntil && thread.hasUnanswered() && [null, "bot", "closed"].includes(state?.stage)));
  const isAgent = now < agentTypingUntil && state?.stage === "talking";
  const words = isAgent ? t("js.chat.typing", { name: state.agent ?? t("js.chat.agent") }) : isBot ? t("js.chat.typing", { name: config.botLabel || t("js.chat.bot") }) : "";
  const wasHidden = $("chat-typing").hidden;
  $("chat-typing").hidden = words === "";
  if ($("chat-typing-text").textContent !== words) $("chat-typing-text").textContent = words;
  if (wasHidden && words && isAtEnd) toEnd();
}

function toEnd(always = false) {
  if (always || isAtEnd) {
    scroll.scrollTop = scroll.scrollHeight;
    isAtEnd = true;
    markRead();
  } else $("chat-newer").hidden = false;
}

scroll.addEventListener("scroll", () => {
  isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  if (!isAtEnd) return;
  $("chat-newer").hidden = true;
  markRead();
}, { passive: true });
new ResizeObserver(() => isAtEnd && toEnd()).observe(scroll);
new ResizeObserver(() => isAtEnd && toEnd()).observe($("chat-thread"));
$("chat-newer").addEventListener("click", () => {
  toEnd(true);
  focusComposer();
});
$("chat-earlier").addEventListener("click", () => readEarlier().catch(() => problem(t("js.chat.no_connection"))));

let readTimer = 0;
function markRead() {
  const seq = thread.lastSeq();
  if (!isShown || document.hidden || !state || seq <= state.read_seq || seq > state.last_seq) return;
  clearTimeout(readTimer);
  readTimer = setTimeout(() => {
    state.read_seq = Math.max(state.read_seq, seq);
    tellHost();
    call("POST", "/read", { seq }).catch(() => {});
  }, 400);
}

// Live

let syncTimer = 0;
function soon() {
  clearTimeout(syncTimer);
  syncTimer = setTimeout(sync, 25);
}

function heard({ event, data }) {
  if (event === "lost") setTimeout(() => { $("chat-banner").hidden = isFollowing() && hasLoaded; }, 1500);
  else if (event === "found") $("chat-banner").hidden = true;
  if (event === "whisper") {
    if (data.kind !== "typing" || data.actor === "customer") return;
    agentTypingUntil = Date.now() + TYPING_SHOWN_MS;
    typing();
    setTimeout(typing, TYPING_SHOWN_MS + 50);
  } else if (event === "signed_out") restart().then(() => refollow(heard, { anew: true }));
  else if (["hello", "resync", "message", "bus"].includes(event)) {
    if (event === "hello") outbox.flush();
    soon();
  }
}

function listen() {
  if (hasSession() && navigator.onLine !== false) follow(heard);
}

addEventListener("online", () => {
  if (hasSession()) refollow(heard);
});
addEventListener("offline", () => {
  $("chat-banner").hidden = false;
});
let hiddenTimer = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(() => KEPT_OPEN.has(state?.stage) || unfollow(), HIDDEN_CLOSE_MS);
    return;
  }
  document.title = document.title.replace(/^\(\d+\) /, "");
  listen();
  soon();
  markRead();
});
setInterval(() => {
  if (["queued", "offered"].includes(state?.stage)) soon();
  else typing();
}, STATE_EVERY_MS);

function post(message) {
  botWaitUntil = Date.now() + 15_000;
  outbox.add(message);
  show();
  toEnd(true);
}

// Acts

async function act(doing) {
  problem("");
  try {
    await doing();
    listen();
    await sync();
  } catch (error) {
    problem(error.status === 0 ? t("js.chat.no_connection") : error.message);
  }
}

$("chat-human").addEventListener("click", () => {
  $("chat-human").disabled = true;
  act(() => call("POST", "/human", {})).then(show);
});
thread.onChoice((choice) => {
  const waiting = /^waiting:(keep_place|leave_matter)$/.exec(choice.id);
  if (waiting) act(() => call("POST", "/choice-while-waiting", { leave: waiting[1] === "leave_matter" }));
  else post({ text: choice.label, choice: choice.id });
});
$("chat-privacy-open").addEventListener("click", () => act(showPrivacy));
$("chat-privacy-link").addEventListener("click", () => act(showPrivacy));
$("chat-end").addEventListener("click", () => $("chat-ending").showModal());
$("chat-ending").addEventListener("close", () => {
  if ($("chat-ending").returnValue === "end") act(() => call("POST", "/leave", {}));
});
for (const item of document.querySelectorAll(".chat-menu-item")) {
  item.addEventListener("click", () => { $("chat-menu").open = false; });
}
document.addEventListener("click", (event) => {
  if (!$("chat-menu").contains(event.target)) $("chat-menu").open = false;
});
$("chat-language").addEventListener("click", (event) => {
  event.preventDefault();
  const other = language === "zh" ? "en" : "zh";
  store.set("language", other);
  document.cookie = `hf_language=${other};path=/;max-age=31536000;samesite=lax`;
  const address = new URL(location.href);
  address.searchParams.set("lang", other);
  location.replace(address);
});
$("chat-picture").addEventListener("click", () => $("chat-picture").close());

// The host page of the widget

function tellHost() {
  const unread = state && !isShown ? thread.unreadAfter(state.read_seq) : 0;
  if (config.embedded && parent !== window) parent.postMessage({ holdfast: "unread", unread, session: hasSession() }, "*");
  else if (document.hidden && state) {
    const missed = thread.unreadAfter(state.read_seq);
    document.title = `${missed ? `(${missed}) ` : ""}${document.title.replace(/^\(\d+\) /, "")}`;
  }
}

function obeyHost(event) {
  if (event.source !== parent || !event.data || typeof event.data.holdfast !== "string") return;
  const { holdfast, memberToken } = event.data;
  if (holdfast === "shown") {
    isShown = true;
    toEnd(isAtEnd);
    focusComposer();
    tellHost();
  } else if (holdfast === "hidden") {
    isShown = false;
    tellHost();
  } else if (holdfast === "member") become(typeof memberToken === "string" && memberToken ? memberToken : null);
}

async function become(memberToken) {
  try {
    const isDropped = await useMemberToken(memberToken);
    if (isDropped) {
      outbox.clear();
      thread.clearThread();
      state = null;
    }
    if (isDropped || memberToken) {
      threadKey = null;
      refollow(heard, { anew: true });
    }
  } catch (error) {
    if (!error.isPassing) console.error("Holdfast:", error);
  }
  begin();
}

function begin() {
  if (hasLoaded) return sync().then(show);
  hasLoaded = true;
  listen();
  outbox.flush();
  return sync().then(show);
}

// Start

function boot() {
  const wish = store.get("language");
  const asked = new URLSearchParams(location.search);
  if (config.embedded && wish && wish !== language && asked.get("lang") !== wish) {
    asked.set("lang", wish);
    location.replace(`?${asked}`);
    return;
  }
  preparePrivacy();
  $("chat-welcome").replaceChildren(formatted(config.greeting || t("js.chat.welcome")));
  prepareComposer(post, () => state?.stage === "talking");
  outbox.watch(show, () => {
    listen();
    soon();
  });
  watchCards(() => {
    refollow(heard, { anew: true });
    act(sync);
  }, () => act(sync));
  session.onChange = () => listen();
  show();
  if (!config.embedded || parent === window) {
    begin();
    return;
  }
  addEventListener("message", obeyHost);
  $("chat-close").addEventListener("click", () => parent.postMessage({ holdfast: "close" }, "*"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) parent.postMessage({ holdfast: "close" }, "*");
  });
  parent.postMessage({ holdfast: "ready" }, "*");
  // A host page that says nothing (an old script) has nobody signed in.
  setTimeout(() => hasLoaded || become(null), 3000);
}

boot();
