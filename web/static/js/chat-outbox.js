// What was written but has not arrived: kept across reloads, sent in order, each under its own id.

import { ApiError, call, store } from "./chat-net.js";
import { t } from "./texts.js";

const waiting = new Set(["waiting", "sending"]);
let items = store.get("outbox") ?? [];
for (const item of items) if (item.state === "sending") item.state = "waiting";
let onChange = () => {};
let onSent = () => {};
let timer = 0;
let attempt = 0;
let isFlushing = false;

export function watch(changed, sent) {
  onChange = changed;
  onSent = sent;
}

export const pending = () => items;

function keep() {
  store.set("outbox", items.length ? items : null);
  onChange(items);
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${Date.now().toString(36)}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Write it down, then send. */
export function add(message) {
  items.push({ clientId: newId(), at: new Date().toISOString(), state: "waiting", files: [], ...message });
  keep();
  flush();
}

export function retry(clientId) {
  const item = items.find((each) => each.clientId === clientId);
  if (!item) return;
  item.state = "waiting";
  item.problem = undefined;
  keep();
  attempt = 0;
  flush();
}

export function discard(clientId) {
  items = items.filter((each) => each.clientId !== clientId);
  keep();
}

/** Somebody else uses the page from now on. */
export function clear() {
  items = [];
  keep();
}

/** The thread has it now. */
export function arrived(clientIds) {
  const left = items.filter((each) => !clientIds.has(each.clientId));
  if (left.length === items.length) return;
  items = left;
  keep();
}

/** Send what waits, one after the other; what passes by itself is tried again, the rest says why. */
export async function flush() {
  clearTimeout(timer);
  if (isFlushing) return;
  isFlushing = true;
  try {
    await onlyHere(sendAll);
  } finally {
    isFlushing = false;
  }
}

/** Several tabs share this box; only one of them sends at a time, so that the order holds. */
function onlyHere(act) {
  return navigator.locks ? navigator.locks.request("hf-chat-outbox", act) : act();
}

async function sendAll() {
  for (;;) {
    const item = items.find((each) => waiting.has(each.state));
    if (!item) return;
    item.state = "sending";
    onChange(items);
    try {
      const sent = await call("POST", "/messages", {
        client_id: item.clientId,
        text: item.text,
        choice: item.choice,
        attachments: item.files.map((file) => file.id),
      });
      attempt = 0;
      item.state = "sent";
      item.seq = sent.seq;
      keep();
      onSent();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!error.isPassing) {
        item.state = "failed";
        item.problem = error.message || t("js.chat.failed");
        keep();
        continue;
      }
      item.state = "waiting";
      keep();
      attempt += 1;
      const seconds = error.retryAfter ?? Math.min(20, 2 ** Math.min(attempt, 5) / 2);
      timer = setTimeout(flush, seconds * 1000);
      return;
    }
  }
}

addEventListener("online", () => {
  attempt = 0;
  flush();
});
