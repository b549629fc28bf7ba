// The session, requests and live events of the chat. No cookie: the token lies in this origin's own storage.

import { language } from "./texts.js";

export const config = JSON.parse(document.getElementById("hf-chat").textContent);

/** What localStorage does, or a page's memory where a browser keeps storage from frames. */
export const store = (() => {
  const memory = new Map();
  const key = (name) => `hf-chat:${config.line}:${name}`;
  return {
    get(name) {
      try {
        const text = localStorage.getItem(key(name)) ?? memory.get(name);
        return text ? JSON.parse(text) : null;
      } catch {
        return memory.has(name) ? JSON.parse(memory.get(name)) : null;
      }
    },
    set(name, value) {
      const text = JSON.stringify(value);
      memory.set(name, text);
      try {
        if (value === null) localStorage.removeItem(key(name));
        else localStorage.setItem(key(name), text);
      } catch { /* the memory has it */ }
    },
  };
})();

export class ApiError extends Error {
  constructor(status, error, retryAfter) {
    super(error?.message ?? "");
    this.status = status;
    this.code = error?.code ?? "";
    this.retryAfter = retryAfter;
  }

  /** Nothing arrived, or the server is away for a moment: trying again later is right. */
  get isPassing() {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

export const session = { privacyAccepted: false, verified: false, onChange: () => {} };
let memberToken = null;
let starting = null;

export function hasSession() {
  return store.get("session") !== null;
}

/** The host page says who is signed in there (or that nobody is); true when a member's session was dropped. */
export async function useMemberToken(token) {
  const known = store.get("session");
  if (!token) {
    memberToken = null;
    if (!known?.member) return false;
    // Signed out at the host: what the member saw here is not for the next person.
    forget();
    return true;
  }
  if (token === memberToken) return false;
  memberToken = token;
  starting = null;
  await start();
  return false;
}

function forget() {
  store.set("session", null);
  starting = null;
  session.privacyAccepted = false;
  session.verified = false;
}

async function begin() {
  const known = store.get("session");
  const wish = { line: config.line, language };
  const ask = (member) => raw("POST", "/session", member ? { ...wish, member_token: member } : wish, known?.token);
  let answer;
  let isMember = Boolean(memberToken);
  try {
    answer = await ask(memberToken);
  } catch (error) {
    if (!memberToken || error.isPassing) throw error;
    console.warn(`Holdfast: the member token was refused (${error.code}); the chat goes on without it.`);
    memberToken = null;
    isMember = false;
    if (known?.member) forget();
    answer = await raw("POST", "/session", wish, known?.member ? null : known?.token);
  }
  const wasMember = Boolean(known?.member) && answer.resumed && answer.customer.verified;
  store.set("session", { token: answer.token, member: isMember || wasMember });
  session.privacyAccepted = answer.privacy.accepted;
  session.verified = answer.customer.verified;
  session.onChange(answer);
  return answer.token;
}

/** The token of this visitor; begins or resumes a session once a page. */
export function start() {
  starting ??= begin().catch((error) => {
    starting = null;
    throw error;
  });
  return starting;
}

/** Proof or consent changed: ask the server again who we are. */
export function restart() {
  starting = null;
  return start();
}

async function raw(method, path, body, token) {
  const mark = path.includes("?") ? "&" : "?";
  let response;
  try {
    response = await fetch(`/api/chat${path}${mark}lang=${language}`, {
      method,
      credentials: "omit",
      headers: {
        Accept: "application/json",
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0);
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const answer = await response.json().catch(() => null);
  throw new ApiError(response.status, answer?.error, Number(response.headers.get("Retry-After")) || null);
}

/** JSON in, JSON out, as this visitor; rejects with ApiError. */
export async function call(method, path, body) {
  const token = await start();
  try {
    return await raw(method, path, body, token);
  } catch (error) {
    if (error.status !== 401 || error.code !== "session_unknown") throw error;
    forget();
    return raw(method, path, body, await start());
  }
}

/** The bytes of a file, as an object URL. */
export async function fileUrl(id) {
  const response = await fetch(`/api/files/${id}`, {
    credentials: "omit",
    headers: { Authorization: `Bearer ${await start()}` },
  });
  if (!response.ok) throw new ApiError(response.status);
  return URL.createObjectURL(await response.blob());
}

/** Upload with progress (0 to 1); resolves with the file's view. */
export async function upload(file, onProgress, signal) {
  const token = await start();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/chat/files?lang=${language}`);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300 && request.response) resolve(request.response);
      else reject(new ApiError(request.status, request.response?.error));
    };
    request.onerror = () => reject(new ApiError(0));
    request.onabort = () => reject(new ApiError(0));
    signal.addEventListener("abort", () => request.abort());
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

// Live events, read with fetch because EventSource sends no header.

const SILENCE_MS = 45_000;
let controller = null;
let lastEventId = "";
let attempt = 0;
let retryTimer = 0;

/** Follow until `unfollow`; `on` hears {event, data}, and `lost` or `found` as the connection goes. */
export function follow(on) {
  if (controller) return;
  controller = new AbortController();
  listen(on, controller).catch(() => {});
}

export function unfollow() {
  clearTimeout(retryTimer);
  controller?.abort();
  controller = null;
}

/** After a change of who we are, or when the network is back: now rather than later. */
export function refollow(on, { anew = false } = {}) {
  if (anew) lastEventId = "";
  attempt = 0;
  unfollow();
  follow(on);
}

export const isFollowing = () => controller !== null;

async function listen(on, mine) {
  let silence = 0;
  try {
    const token = await start();
    const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
    if (lastEventId) headers["Last-Event-ID"] = lastEventId;
    const watch = () => {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENCE_MS);
    };
    watch();
    const response = await fetch("/api/chat/events", { credentials: "omit", headers, signal: mine.signal });
    if (response.status === 401) forget();
    if (!response.ok) throw new ApiError(response.status);
    attempt = 0;
    on({ event: "found" });
    await read(response.body.getReader(), on, watch);
  } catch { /* told below */ }
  clearTimeout(silence);
  if (controller !== mine) return;
  on({ event: "lost" });
  controller = null;
  attempt += 1;
  const wait = Math.min(15_000, 500 * 2 ** Math.min(attempt, 5)) * (0.7 + Math.random() * 0.6);
  retryTimer = setTimeout(() => follow(on), attempt === 1 ? 300 : wait);
}

async function read(reader, on, watch) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    watch();
    const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) tell(block, on);
  }
}

function tell(block, on) {
  const said = { event: "message", data: "" };
  for (const line of block.split(/\r?\n/)) {
    const [, name, text] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "event") said.event = text;
    else if (name === "data") said.data += text;
    else if (name === "id") lastEventId = text;
  }
  if (!said.data && said.event === "message") return;
  const data = said.data ? JSON.parse(said.data) : null;
  if (said.event === "hello" && data) lastEventId = lastEventId || String(data.last_id);
  on({ event: said.event, data });
}
