// Presence: the menu, the heartbeat, and away after a quarter of an hour without a hand on the machine.

import { act, memory, whisper } from "./desk-net.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const HEARTBEAT_MS = 30_000;
const IDLE_LIMIT_MS = 15 * 60_000;

export function installPresence(root, refreshSoon) {
  if (root.dataset.works !== "yes") return;
  const place = document.getElementById("desk-presence");

  async function change(presence, reason = "") {
    try {
      const html = await act("/desk/presence", { presence, reason });
      place.innerHTML = html;
    } catch {
      return false;
    }
    refreshSoon(0);
    return true;
  }

  place.addEventListener("submit", (event) => {
    event.preventDefault();
    place.querySelector("details").open = false;
    change(event.submitter.value);
  });

  const beat = () => whisper("/desk/heartbeat");
  beat();
  setInterval(beat, HEARTBEAT_MS);

  // Any tab counts as a hand on the machine: they share the moment of the last movement.
  let noted = 0;
  const active = () => {
    if (Date.now() - noted < 5000) return;
    noted = Date.now();
    memory.set("active", noted);
  };
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    addEventListener(kind, active, { passive: true, capture: true });
  }
  active();
  setInterval(async () => {
    const idle = Date.now() - memory.get("active", Date.now());
    const shown = place.querySelector("[data-presence]")?.dataset.presence;
    if (idle < IDLE_LIMIT_MS || (shown !== "ready" && shown !== "busy")) return;
    if (await change("away", "idle")) toast(t("js.desk.idle.title"), t("js.desk.idle.text"), "warn");
  }, 20_000);
}
