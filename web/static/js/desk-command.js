// The command bar: acts by name, and search across messages and customers as one types.

import { isComposing } from "./app.js";
import { fragment } from "./desk-net.js";
import { end, timeline, transfer } from "./desk-dialogs.js";
import { focusComposer } from "./desk-composer.js";
import { togglePanel } from "./desk-panes.js";
import { t } from "./texts.js";

const dialog = document.getElementById("desk-command");
const input = document.getElementById("command-input");
const results = document.getElementById("command-results");
let asked = 0;
let timer = null;

const COMMANDS = [
  ["reply", () => focusComposer("reply")],
  ["note", () => focusComposer("note")],
  ["transfer", transfer],
  ["end", () => end()],
  ["end_next", () => end({ next: true })],
  ["timeline", () => timeline()],
  ["panel", togglePanel],
  ["articles", () => location.assign("/desk/articles")],
  ["keys", () => document.getElementById("desk-keys").showModal()],
]; // texts: js.desk.command.*

export function openCommand() {
  if (dialog.open) return;
  input.value = "";
  fill("");
  dialog.showModal();
  input.focus();
}

function commands(query) {
  const wanted = query.toLowerCase();
  return COMMANDS.map(([name, run]) => [t(`js.desk.command.${name}`), run])
    .filter(([words]) => words.toLowerCase().includes(wanted))
    .map(([words, run]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "option";
      button.setAttribute("role", "option");
      button.dataset.option = "";
      button.textContent = words;
      button.addEventListener("click", () => {
        dialog.close();
        run();
      });
      return button;
    });
}

async function fill(query) {
  const turn = ++asked;
  const acts = commands(query);
  if (!query.trim()) {
    results.replaceChildren(...acts);
    select(results.querySelector("[data-option]"));
    return;
  }
  const holder = await fragment(`/desk/search?q=${encodeURIComponent(query)}`, { quiet: true }).catch(() => null);
  if (turn !== asked) return;
  results.replaceChildren(...acts, ...(holder ? holder.childNodes : []));
  select(results.querySelector("[data-option]"));
}

function select(chosen) {
  for (const each of results.querySelectorAll("[data-option]")) each.setAttribute("aria-selected", String(each === chosen));
  chosen?.scrollIntoView({ block: "nearest" });
}

export function installCommand() {
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => fill(input.value), 160);
  });
  input.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    const options = [...results.querySelectorAll("[data-option]")];
    const at = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") select(options[(at + 1) % options.length]);
    else if (event.key === "ArrowUp") select(options[(at - 1 + options.length) % options.length]);
    else if (event.key === "Escape") dialog.close(); // a search field would only empty itself
    else if (event.key === "Enter") options[Math.max(0, at)]?.click();
    else return;
    event.preventDefault();
  });
}
