// One list above the composer: `/` ready replies, `@` colleagues, `:` emoji, `{{` variables.

import { matchingEmoji } from "./desk-emoji.js";
import { fragment, whisper } from "./desk-net.js";
import { t } from "./texts.js";

const TRIGGERS = [
  { name: "variable", pattern: /\{\{\s*(\w*)$/ },
  { name: "canned", pattern: /(?:^|[\s，。！？；：、,;!?])\/([^\s/]{0,30})$/ },
  { name: "mention", pattern: /(?:^|\s|[^\w])@([^\s@]{0,30})$/ },
  { name: "emoji", pattern: /(?:^|\s|[^\w:])[:：]([\p{L}\w]{1,20})$/u },
];

export class Popup {
  constructor({ box, text, contact, values, people, kind, changed }) {
    Object.assign(this, { box, text, contact, values, people, kind, changed });
    this.trigger = null;
    this.asked = 0;
    box.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[data-option]");
      if (!option) return;
      event.preventDefault(); // the field keeps the focus
      this.take(option);
    });
  }

  get isOpen() {
    return !this.box.hidden;
  }

  /** Look at what stands before the caret. */
  look() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    for (const { name, pattern } of TRIGGERS) {
      if (name === "mention" && this.kind() !== "note") continue;
      if (name === "canned" && this.kind() !== "reply") continue;
      const found = before.match(pattern);
      if (!found) continue;
      const typed = found[1];
      const length = { variable: found[0].length, canned: typed.length + 1, mention: typed.length + 1, emoji: typed.length + 1 }[name];
      this.trigger = { name, from: before.length - length };
      return this.fill(name, typed);
    }
    this.close();
  }

  /** Open it by a button: as if the sign had been typed. */
  open(name) {
    const sign = { canned: "/", mention: "@", emoji: ":" }[name];
    const { value, selectionStart: at } = this.text;
    const space = at > 0 && !/\s/.test(value[at - 1]) ? " " : "";
    this.text.setRangeText(space + sign, at, this.text.selectionEnd, "end");
    this.text.focus();
    this.trigger = { name, from: at + space.length };
    this.fill(name, "");
  }

  async fill(name, typed) {
    const turn = ++this.asked;
    if (name === "canned") {
      const holder = await fragment(`/desk/c/${this.contact}/canned?q=${encodeURIComponent(typed)}`, { quiet: true }).catch(() => null);
      if (turn !== this.asked || !holder) return;
      this.show([...holder.children]);
      return;
    }
    if (name === "emoji") return this.show(matchingEmoji(typed).map(([sign, words]) => option(sign, words, sign)));
    if (name === "variable") {
      const known = Object.entries(this.values).filter(([key]) => key.includes(typed.toLowerCase()));
      return this.show(known.map(([key, value]) => option(`{{${key}}}`, value || t("js.desk.variable.unknown"), value || `{{${key}}}`)));
    }
    const wanted = typed.toLowerCase();
    const people = this.people().filter((each) => each.name.toLowerCase().includes(wanted)).slice(0, 8);
    this.show(people.map((each) => Object.assign(option(`@${each.name}`, "", `@${each.name} `), { mention: each })));
  }

  show(options) {
    this.box.replaceChildren(...options);
    const first = this.box.querySelector("[data-option]");
    this.box.hidden = options.length === 0;
    if (first) this.select(first);
  }

  select(chosen) {
    for (const each of this.box.querySelectorAll("[data-option]")) each.setAttribute("aria-selected", String(each === chosen));
    chosen?.scrollIntoView({ block: "nearest" });
  }

  /** A key while the list is open; true when it was the list's. */
  key(event) {
    if (!this.isOpen) return false;
    const options = [...this.box.querySelectorAll("[data-option]")];
    const at = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") this.close();
    else if (!options.length) return false;
    else if (event.key === "ArrowDown") this.select(options[(at + 1) % options.length]);
    else if (event.key === "ArrowUp") this.select(options[(at - 1 + options.length) % options.length]);
    else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") this.take(options[at]);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  take(chosen) {
    if (!chosen || !this.trigger) return;
    this.text.setRangeText(chosen.dataset.body, this.trigger.from, this.text.selectionStart, "end");
    if (chosen.dataset.canned) whisper(`/desk/canned/${chosen.dataset.canned}/used`);
    const mention = chosen.mention;
    this.close();
    this.text.focus();
    this.changed(mention);
  }

  close() {
    this.asked += 1;
    this.trigger = null;
    this.box.hidden = true;
    this.box.replaceChildren();
  }
}

function option(key, words, body) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "option";
  button.setAttribute("role", "option");
  button.dataset.option = "";
  button.dataset.body = body;
  const sign = document.createElement("span");
  sign.className = "option-key";
  sign.textContent = key;
  const text = document.createElement("span");
  text.className = "option-text truncate";
  text.textContent = words;
  button.append(sign, text);
  return button;
}
