// Bare keys by their physical place, off while somebody types, composes, or a dialog is open.

import { isComposing, isTyping } from "./app.js";
import { openCommand } from "./desk-command.js";
import { focusComposer } from "./desk-composer.js";
import { end, timeline, transfer } from "./desk-dialogs.js";
import { acceptFirst } from "./desk-offers.js";
import { togglePanel } from "./desk-panes.js";
import { tinykeys } from "../vendor/tinykeys.js";

function showKeys() {
  document.getElementById("desk-keys").showModal();
}

export function installKeys({ open, neighbour, copyNumber }) {
  const go = (step) => {
    const id = neighbour(step);
    if (id) open(id);
  };
  const bare = (run) => (event) => {
    if (isComposing(event) || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.repeat && event.code !== "KeyJ" && event.code !== "KeyK") return;
    if (run(event) !== false) event.preventDefault();
  };
  tinykeys(window, {
    KeyJ: bare(() => go(1)),
    KeyK: bare(() => go(-1)),
    KeyR: bare(() => focusComposer("reply")),
    KeyN: bare(() => focusComposer("note")),
    KeyE: bare(() => end()),
    "Shift+KeyE": bare(() => end({ next: true })),
    KeyA: bare(transfer),
    KeyI: bare(() => timeline()),
    Period: bare(copyNumber),
    BracketRight: bare(togglePanel),
    Slash: bare((event) => (event.key === "?" ? showKeys() : openCommand())),
    "Shift+Slash": bare(showKeys),
    // Enter on a link or a button is that link's or button's.
    Enter: bare((event) => (event.target.closest("a, button, summary, [role=button]") ? false : acceptFirst())),
    "$mod+KeyK": (event) => {
      if (isComposing(event)) return;
      event.preventDefault();
      openCommand();
    },
  });
}
