// What every staff page does: the token for htmx, dialogs, menus, fresh times.

import { csrfToken } from "./http.js";
import { ago, t } from "./texts.js";
import { toast } from "./toast.js";

// The zone people live in, so that the server writes their times.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`hf_zone=${zone}`)) {
  document.cookie = `hf_zone=${zone};path=/;max-age=31536000;samesite=lax`;
}

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = csrfToken();
});
document.addEventListener("htmx:sendError", () => {
  toast(t("js.common.offline.title"), t("js.common.offline.text"), "bad");
});

// Dialogs: data-dialog-open="id", data-dialog-close; a form of method=dialog closes by itself.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen)?.showModal();
  const closer = event.target.closest("[data-dialog-close]");
  if (closer) closer.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement) event.target.close(); // the backdrop
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form.requestSubmit();
});

/** Whether an input method is composing: then no key means a command (229 is what old browsers say). */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Whether keys go into a field right now, so that bare keys are no commands. */
export function isTyping(target = document.activeElement) {
  return Boolean(target?.closest?.("input, textarea, select, [contenteditable='true']"));
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.textContent = ago(new Date(time.dateTime));
  }
}
setInterval(refreshTimes, 20_000);
