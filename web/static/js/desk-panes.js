// The dividers drag (or move by arrow keys) and are remembered in this browser.

import { memory } from "./desk-net.js";

const LIMITS = { list: [240, 520, 328], panel: [240, 520, 320] };

export function installPanes(root) {
  const widths = memory.get("panes", {});

  function apply(name, width) {
    const [least, most] = LIMITS[name];
    widths[name] = Math.round(Math.min(most, Math.max(least, width)));
    root.style.setProperty(`--${name}-width`, `${widths[name]}px`);
    root.querySelector(`[data-divider="${name}"]`)?.setAttribute("aria-valuenow", String(widths[name]));
  }

  for (const divider of root.querySelectorAll("[data-divider]")) {
    const name = divider.dataset.divider;
    const [least, most, usual] = LIMITS[name];
    divider.setAttribute("aria-valuemin", String(least));
    divider.setAttribute("aria-valuemax", String(most));
    divider.setAttribute("aria-valuenow", String(widths[name] ?? usual));
    if (widths[name]) apply(name, widths[name]);
    const sign = name === "list" ? 1 : -1;
    const now = () => widths[name] ?? usual;
    divider.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      divider.setPointerCapture(event.pointerId);
      const from = event.clientX;
      const before = now();
      const move = ({ clientX }) => apply(name, before + sign * (clientX - from));
      divider.addEventListener("pointermove", move);
      divider.addEventListener(
        "pointerup",
        () => {
          divider.removeEventListener("pointermove", move);
          memory.set("panes", widths);
        },
        { once: true },
      );
    });
    divider.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
      if (!step) return;
      event.preventDefault();
      apply(name, now() + sign * step);
      memory.set("panes", widths);
    });
    divider.addEventListener("dblclick", () => {
      apply(name, usual);
      memory.set("panes", widths);
    });
  }
  root.classList.toggle("no-panel", !memory.get("panel", true));
}

export function togglePanel() {
  const root = document.getElementById("desk");
  const hidden = root.classList.toggle("no-panel");
  memory.set("panel", !hidden);
}
