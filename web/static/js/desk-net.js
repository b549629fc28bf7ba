// Requests of the desk: parts of the page in, acts out. An act carries a command id, so that a click whose
// answer was lost may be sent again and still happens once.

import { csrfToken } from "./http.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const unanswered = new Map(); // act → {id, body}: sent, not answered

/** A part of the page, as an element that holds it. Rejects with {status} after showing why. */
export async function fragment(address, { signal, quiet = false } = {}) {
  let response;
  try {
    response = await fetch(address, {
      credentials: "same-origin",
      headers: { "HX-Request": "true", Accept: "text/html" },
      signal,
    });
  } catch (error) {
    if (error.name !== "AbortError" && !quiet) {
      toast(t("js.common.offline.title"), t("js.common.offline.text"), "bad");
    }
    throw error;
  }
  const redirect = response.headers.get("HX-Redirect");
  if (redirect) location.assign(redirect);
  const html = await response.text();
  if (!response.ok) {
    if (!quiet && !redirect) document.getElementById("toasts").insertAdjacentHTML("beforeend", html);
    throw { status: response.status };
  }
  const box = document.createElement("template");
  box.innerHTML = html;
  const holder = document.createElement("div");
  holder.append(box.content);
  return holder;
}

/** The piece of a fragment marked data-part. */
export function part(holder, name) {
  return holder.querySelector(`[data-part="${name}"]`);
}

/** Do something once. Rejects with {offline} when nothing came back (the same call may be repeated), or with
 * {status, code, message} when it was refused. */
export async function act(address, fields = {}, { quiet = false } = {}) {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== null) form.append(name, each);
  }
  const body = form.toString();
  const known = unanswered.get(address);
  const id = known && known.body === body ? known.id : commandId();
  unanswered.set(address, { id, body });
  let response;
  try {
    response = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRF-Token": csrfToken(),
        "X-Command-Id": id,
        Accept: "application/json",
      },
      body,
    });
  } catch {
    if (!quiet) toast(t("js.common.offline.title"), t("js.common.offline.text"), "bad");
    throw { offline: true };
  }
  if (response.status >= 500) {
    // Nothing was decided: the same command may be sent again.
    const error = await reason(response);
    if (!quiet) toast(t("js.desk.failed"), error.message ?? "", "bad");
    throw { offline: true, status: response.status, ...error };
  }
  unanswered.delete(address);
  if (response.status === 401) location.reload();
  if (!response.ok) {
    const error = { status: response.status, ...(await reason(response)) };
    if (!quiet) toast(t("js.desk.refused"), error.message ?? "", "bad");
    throw error;
  }
  return response.status === 204 ? null : response.headers.get("Content-Type")?.includes("json") ? response.json() : response.text();
}

async function reason(response) {
  try {
    return (await response.json()).error ?? {};
  } catch {
    return {};
  }
}

/** Something that may be lost: read marks, who looks. */
export function whisper(address, fields = {}) {
  return fetch(address, {
    method: "POST",
    credentials: "same-origin",
    keepalive: true,
    headers: {
      "Content-Type": "application/x-www-form-urlencoded",
      "X-CSRF-Token": csrfToken(),
      Accept: "application/json",
    },
    body: new URLSearchParams(fields),
  }).catch(() => null);
}

/** A random UUID; `crypto.randomUUID` exists only where the page is secure. */
export function commandId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** What this browser remembers of the desk. */
export const memory = {
  get(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`hf.desk.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`hf.desk.${name}`, JSON.stringify(value));
    } catch {
      // A browser that keeps nothing works too.
    }
  },
};
