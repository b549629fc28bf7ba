// A SharedWorker: the one event stream of this browser, shared by all its tabs.
// Tabs tell whether they are visible; with none visible for a while the stream is let go.

const RELEASE_AFTER_MS = 60_000;
const SILENCE_LIMIT_MS = 45_000; // the server breathes every 15 s
const LONGEST_WAIT_MS = 15_000;

const tabs = new Map(); // port → {visible, seen}
let source = null;
let lastId = null;
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

function open() {
  clearTimeout(retryTimer);
  if (source) return;
  setState("connecting");
  source = new EventSource(lastId === null ? "/live" : `/live?after=${lastId}`);
  source.addEventListener("hello", (event) => {
    const { last_id: id } = JSON.parse(event.data);
    if (lastId === null) lastId = id;
    waitMs = 500;
    setState("open");
  });
  source.addEventListener("message", (event) => {
    lastId = Number(event.lastEventId) || lastId;
    tell({ type: "event", event: JSON.parse(event.data) });
  });
  source.addEventListener("resync", (event) => {
    lastId = JSON.parse(event.data).last_id;
    tell({ type: "resync" });
  });
  source.addEventListener("whisper", (event) => tell({ type: "whisper", event: JSON.parse(event.data) }));
  source.addEventListener("bus", (event) => setState(JSON.parse(event.data).connected ? "open" : "connecting"));
  source.addEventListener("signed_out", () => {
    close();
    tell({ type: "signed_out" });
  });
  source.addEventListener("error", () => {
    // Reopened by ourselves: a browser gives up for good after an answer that is no stream (503).
    close();
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
        // The page was rendered at some event; what came since then it has not seen.
        if (lastId !== null && data.after !== null && data.after < lastId) tell({ type: "resync" }, [port]);
        else if (lastId === null && data.after !== null) lastId = data.after;
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
