// Where people write: the box, its draft, sending, and never in the middle of an input method's word.

import { call, config, store } from "./chat-net.js";
import { hasFailed, hasFiles, isUploading, listenForFiles, takeFiles, watchFiles } from "./chat-files.js";
import { t } from "./texts.js";

const TYPING_EVERY_MS = 3000;
const $ = (id) => document.getElementById(id);
const box = $("chat-text");
let post = () => {};
let isTalking = () => false;

/** `written` takes what was written; `talking` says whether a person may want to know of typing. */
export function prepareComposer(written, talking) {
  post = written;
  isTalking = talking;
  box.value ||= store.get("draft") ?? ""; // what was typed before this script ran stays
  grow();
  listenForFiles();
}

export const focusComposer = () => box.focus();

/** What went wrong, above the box; empty takes it away. */
export function problem(words) {
  $("chat-problem").textContent = words;
  $("chat-problem").hidden = words === "";
}

function grow() {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 132)}px`;
  ready();
}

function ready() {
  $("chat-send").disabled = (box.value.trim() === "" && !hasFiles()) || isUploading();
}

function send() {
  const text = box.value.trim();
  if (isUploading()) return problem(t("js.chat.file.wait"));
  if (hasFailed()) return problem(t("js.chat.file.fix"));
  if (new TextEncoder().encode(text).length > config.limits.textBytes) {
    return problem(t("js.chat.too_long", { limit: config.limits.textBytes / 1024 }));
  }
  const files = takeFiles();
  if (!text && !files.length) return undefined;
  problem("");
  box.value = "";
  store.set("draft", null);
  grow();
  post({ text, files });
  return box.focus();
}

let isComposing = false;
box.addEventListener("compositionstart", () => { isComposing = true; });
box.addEventListener("compositionend", () => { isComposing = false; });
box.addEventListener("keydown", (event) => {
  // An input method's Enter chooses a word; it must never send.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || isComposing || event.keyCode === 229) return;
  event.preventDefault();
  send();
});
let typedAt = 0;
box.addEventListener("input", () => {
  grow();
  problem("");
  store.set("draft", box.value || null);
  if (!isTalking() || Date.now() - typedAt < TYPING_EVERY_MS) return;
  typedAt = Date.now();
  call("POST", "/typing").catch(() => {});
});
$("chat-composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!isComposing) send();
});
watchFiles(() => {
  ready();
  if (!hasFailed()) problem("");
});
