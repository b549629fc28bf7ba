// The page's end of the live stream: events become DOM events, the banner tells the truth.
//
// On document: `hf:event` and `hf:<kind>` (detail: the event), `hf:resync` (fetch everything anew),
// `hf:whisper` (typing, looking), `hf:state` (open | connecting | closed).

const address = new URL("./live-worker.js", import.meta.url);
const port = connect();
let lostTimer = null;

function connect() {
  if ("SharedWorker" in window) {
    const worker = new SharedWorker(address, { name: "holdfast-live" });
    worker.port.onmessage = receive;
    worker.port.start();
    return worker.port;
  }
  const worker = new Worker(address); // one stream a tab where tabs cannot share
  worker.onmessage = receive;
  return worker;
}

function dispatch(name, detail) {
  document.dispatchEvent(new CustomEvent(`hf:${name}`, { detail }));
}

function receive({ data }) {
  if (data.type === "event") {
    dispatch("event", data.event);
    dispatch(data.event.kind, data.event);
  } else if (data.type === "whisper") dispatch("whisper", data.event);
  else if (data.type === "resync") dispatch("resync", {});
  else if (data.type === "signed_out") location.assign(`/signin?next=${encodeURIComponent(location.pathname)}`);
  else if (data.type === "state") showState(data.state);
}

function showState(state) {
  dispatch("state", { state });
  const banner = document.getElementById("live-banner");
  if (!banner) return;
  if (state === "open" || document.hidden) {
    clearTimeout(lostTimer);
    lostTimer = null;
    banner.hidden = true;
  } else lostTimer ??= setTimeout(() => (banner.hidden = false), 2500); // a hiccup needs no alarm
}

const renderedAt = Number(document.querySelector('meta[name="live-after"]')?.content);

function report() {
  port.postMessage({
    type: "tab",
    visible: !document.hidden,
    after: Number.isFinite(renderedAt) && renderedAt > 0 ? renderedAt : null,
  });
}

document.addEventListener("visibilitychange", report);
addEventListener("pagehide", () => port.postMessage({ type: "bye" }));
addEventListener("pageshow", report);
setInterval(report, 20_000);
report();

/** Call `act` with each event of these kinds. */
export function onEvent(kinds, act) {
  const wanted = new Set(kinds);
  document.addEventListener("hf:event", ({ detail }) => wanted.has(detail.kind) && act(detail));
}

/** Call `act` when everything must be fetched anew. */
export function onResync(act) {
  document.addEventListener("hf:resync", () => act());
}
