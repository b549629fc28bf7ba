// A SharedWorker: the one event stream of this browser, shared by all its tabs.
// Tabs tell whether they are visible; with none visible for a while the stream is let go.

const RELEASE_AFTER_MS = 60_000;
const SILENCE_LIMIT_MS = 45_000; // the server breathes every 15 s
const RECENT_LENGTH = 300;
const LONGEST_WAIT_MS = 15_000;

const tabs = new Map(); // port → {visible, seen}
let source = null;
let lastId = null;
let recent = []; // for tabs that were rendered before an event and came to listen after it
let recentFrom = null; // every event after this id that this browser may see is in `recent`
let waitMs = 500;
let releaseTimer = null;
let retryTimer = null;
let state = "closed";

function tell(message, ports = tabs.keys()) {
  for (const port of ports) port.postMessage(message);
}

function setState(next) {
  if (next === state) return;
  state = next;
  tell({ type: "state", state });
}

function forget(from) {
  recent = [];
  recentFrom = from;
}

/** What happened between a page's rendering (at event `after`) and its listening. */
function catchUp(port, after) {
  if (after === null) return;
  if (lastId === null) {
    lastId = after;
    recentFrom = after;
  } else if (after < recentFrom) tell({ type: "resync" }, [port]);
  else for (const event of recent) if (event.id > after) tell({ type: "event", event }, [port]);
}

function open() {
  clearTimeout(retryTimer);
  if (source) return;
  setState("connecting");
  source = new EventSource(lastId === null ? "/live" : `/live?after=${lastId}`);
  source.addEventListener("hello", (event) => {
    const { last_id: id } = JSON.parse(event.data);
    if (lastId === null) lastId = id;
    recentFrom ??= lastId;
    waitMs = 500;
    setState("open");
  });
  source.addEventListener("message", (event) => {
    lastId = Number(event.lastEventId) || lastId;
    const happened = JSON.parse(event.data);
    recent.push(happened);
    if (recent.length > RECENT_LENGTH) recentFrom = recent.shift().id;
    tell({ type: "event", event: happened });
  });
  source.addEventListener("resync", (event) => {
    lastId = JSON.parse(event.data).last_id;
    forget(lastId);
    tell({ type: "resync" });
  });
  source.addEventListener("whisper", (event) => tell({ type: "whisper", event: JSON.parse(event.data) }));
  source.addEventListener("bus", (event) => setState(JSON.parse(event.data).connected ? "open" : "connecting"));
  source.addEventListener("signed_out", () => {
    close();
    lastId = null;
    forget(null); // the next person at this browser may see other things
    tell({ type: "signed_out" });
  });
  source.addEventListener("error", () => {
    // Reopened by ourselves: a browser gives up for good after an answer that is no stream (503).
    source.close();
    source = null;
    setState("connecting");
    retryTimer = setTimeout(open, waitMs * (0.75 + Math.random() / 2));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  });
}

function close() {
  source?.close();
  source = null;
  setState("closed");
}

function balance() {
  const someoneLooks = [...tabs.values()].some((tab) => tab.visible);
  clearTimeout(releaseTimer);
  if (someoneLooks) open();
  else
    releaseTimer = setTimeout(() => {
      clearTimeout(retryTimer);
      close();
    }, RELEASE_AFTER_MS);
}

// A tab that was closed cannot say so reliably: tabs report every 20 s.
setInterval(() => {
  const limit = Date.now() - SILENCE_LIMIT_MS * 2;
  for (const [port, tab] of tabs) if (tab.seen < limit) tabs.delete(port);
  balance();
}, SILENCE_LIMIT_MS);

function serve(port) {
  port.onmessage = ({ data }) => {
    if (data.type === "bye") tabs.delete(port);
    else {
      const isNew = !tabs.has(port);
      tabs.set(port, { visible: data.visible, seen: Date.now() });
      if (isNew) {
        catchUp(port, data.after);
        tell({ type: "state", state }, [port]);
      }
    }
    balance();
  };
  port.start?.();
}

if (typeof SharedWorkerGlobalScope !== "undefined" && self instanceof SharedWorkerGlobalScope) {
  self.onconnect = ({ ports: [port] }) => serve(port);
} else {
  serve({ postMessage: (message) => self.postMessage(message), set onmessage(handler) { self.onmessage = handler; } });
}
