// Short messages that do not need an answer.

import { t } from "./texts.js";

const SECONDS = { ok: 4, warn: 8, bad: 12 };

/** Show a toast; `kind` is ok, warn or bad. */
export function toast(title, text = "", kind = "ok") {
  const box = document.createElement("div");
  box.className = `toast toast-${kind}`;
  box.dataset.toast = "";
  if (kind === "bad") box.setAttribute("role", "alert");
  const words = document.createElement("div");
  words.className = "toast-text";
  const strong = document.createElement("strong");
  strong.textContent = title;
  words.append(strong);
  if (text) {
    const span = document.createElement("span");
    span.textContent = text;
    words.append(span);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn btn-icon btn-quiet";
  close.dataset.toastClose = "";
  close.setAttribute("aria-label", t("js.common.close"));
  close.textContent = "×";
  box.append(words, close);
  document.getElementById("toasts").append(box);
}

function leaveInTime(box) {
  const kind = [...box.classList].find((name) => name.startsWith("toast-"))?.slice(6);
  let timer;
  const start = () => {
    timer = setTimeout(() => box.remove(), (SECONDS[kind] ?? 6) * 1000);
  };
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", start);
  start();
}

const place = document.getElementById("toasts");
if (place) {
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.dataset?.toast !== undefined) leaveInTime(node);
    }
  }).observe(place, { childList: true });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest("[data-toast]").remove();
  });
}
