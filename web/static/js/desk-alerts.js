// Sound, title flash and words for what must not be overlooked.

import { memory } from "./desk-net.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const title = document.title;
let flashing = null;
let audio = null;

/** Two short tones; browsers allow them after the first click or key on the page. */
export function sound() {
  if (!memory.get("sound", true) || navigator.userActivation?.hasBeenActive === false) return;
  try {
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume().catch(() => null);
    for (const [index, frequency] of [740, 988].entries()) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      const start = audio.currentTime + index * 0.16;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.0001, start);
      volume.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.15);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.16);
    }
  } catch {
    // No sound here; the title still flashes.
  }
}

/** Flash the title until the page is looked at, or `stop`. */
export function flash(words) {
  stopFlash();
  let on = false;
  flashing = setInterval(() => {
    on = !on;
    document.title = on ? words : title;
  }, 900);
}

export function stopFlash() {
  clearInterval(flashing);
  flashing = null;
  document.title = title;
}

addEventListener("focus", stopFlash);

export function mentioned() {
  sound();
  if (!document.hasFocus()) flash(t("js.desk.mention.title"));
  toast(t("js.desk.mention.title"), t("js.desk.mention.text"), "ok");
}
