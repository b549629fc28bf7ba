// The composer: reply or note, lists, files, drafts on the server, and sending that never happens while an
// input method composes.

import { isComposing } from "./app.js";
import { colleagues } from "./desk-conversation.js";
import { Files } from "./desk-files.js";
import { act, fragment, whisper } from "./desk-net.js";
import { Popup } from "./desk-popup.js";
import { t } from "./texts.js";

const DRAFT_AFTER_MS = 700;
const JUST_COMPOSED_MS = 40; // the Enter that ends a composition comes right after it in some browsers

let current = null;

export function openComposer(conv, hooks) {
  const form = conv.querySelector("[data-composer]");
  current = form ? new Composer(conv, form, hooks) : null;
}

/** What must survive a redraw: texts not yet saved, the focus, the caret. */
export function keepDraft() {
  if (!current) return null;
  current.saveDraft();
  const { text } = current;
  const focused = document.activeElement === text;
  return {
    contact: current.contact,
    kind: current.kind,
    texts: { ...current.texts, [current.kind]: text.value },
    focused,
    caret: text.selectionStart,
  };
}

export function restoreFocus(conv, kept) {
  if (!kept || !current || kept.contact !== current.contact) return;
  Object.assign(current.texts, kept.texts);
  current.text.value = current.texts[current.kind] ?? "";
  if (current.has(kept.kind)) current.switchTo(kept.kind, { focus: false });
  if (kept.focused) {
    current.text.focus();
    current.text.setSelectionRange(kept.caret, kept.caret);
  }
}

export function composerBusy() {
  return Boolean(current?.composing);
}

/** Resolves when nobody is composing a word. */
export async function whenComposed() {
  while (current?.composing) await new Promise((resolve) => setTimeout(resolve, 120));
}

export function focusComposer(kind) {
  if (!current?.has(kind)) return;
  current.switchTo(kind);
}

export function insertIntoComposer(body) {
  current?.insert(body);
}

class Composer {
  constructor(conv, form, hooks) {
    this.conv = conv;
    this.form = form;
    this.hooks = hooks;
    this.contact = conv.dataset.contact;
    this.text = form.querySelector("[data-text]");
    this.kind = form.dataset.kind;
    const { drafts, values } = JSON.parse(form.querySelector("[data-composer-data]").textContent);
    this.texts = { reply: drafts.reply ?? "", note: drafts.note ?? "" };
    this.saved = { ...this.texts };
    this.mentions = new Map();
    this.composing = false;
    this.composedAt = 0;
    this.files = new Files(form, conv, this.contact);
    this.popup = new Popup({
      box: form.querySelector("[data-popup]"),
      text: this.text,
      contact: this.contact,
      values,
      people: colleagues,
      kind: () => this.kind,
      changed: (person) => {
        if (person) this.mentions.set(person.name, person.id);
        this.changed();
      },
    });
    this.text.value = this.texts[this.kind];
    this.listen();
    this.showKey();
    this.grow();
    this.suggest();
  }

  listen() {
    const { text, form } = this;
    text.addEventListener("compositionstart", () => (this.composing = true));
    text.addEventListener("compositionend", () => {
      this.composing = false;
      this.composedAt = performance.now();
      this.changed();
    });
    text.addEventListener("input", () => this.changed());
    text.addEventListener("keydown", (event) => this.key(event));
    text.addEventListener("click", () => this.popup.look());
    text.addEventListener("blur", () => {
      this.popup.close();
      this.saveDraft();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    form.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("desk:lines", this.onLines);
  }

  onLines = ({ detail }) => {
    if (!this.form.isConnected) document.removeEventListener("desk:lines", this.onLines);
    else if (detail.arrived) this.suggest();
  };

  clicked(event) {
    const tab = event.target.closest("[data-kind-tab]");
    if (tab) return this.switchTo(tab.dataset.kindTab);
    const insert = event.target.closest("[data-insert]");
    if (insert) {
      if (insert.dataset.insert === "mention" && this.kind !== "note" && this.has("note")) this.switchTo("note");
      if (insert.dataset.insert === "canned" && this.kind !== "reply" && this.has("reply")) this.switchTo("reply");
      return this.popup.open(insert.dataset.insert);
    }
    const suggestion = event.target.closest(".suggestion");
    if (suggestion) {
      if (this.kind !== "reply") this.switchTo("reply");
      return this.insert(suggestion.dataset.body);
    }
    const choice = event.target.closest("[data-send-choice]");
    if (choice) {
      document.getElementById("desk").dataset.send = choice.dataset.sendChoice;
      for (const each of this.form.querySelectorAll("[data-send-choice]")) {
        if (each === choice) each.setAttribute("aria-current", "true");
        else each.removeAttribute("aria-current");
      }
      this.showKey();
      whisper("/desk/preferences", { send: choice.dataset.sendChoice });
      return;
    }
    if (event.target.closest("[data-send-end]")) {
      event.target.closest("details").open = false;
      this.sendAndEnd();
    }
  }

  has(kind) {
    return Boolean(this.form.querySelector(`[data-kind-tab="${kind}"]`));
  }

  switchTo(kind, { focus = true } = {}) {
    if (kind !== this.kind) {
      this.texts[this.kind] = this.text.value;
      this.saveDraft();
      this.kind = kind;
      this.form.dataset.kind = kind;
      this.form.classList.toggle("is-note", kind === "note");
      this.text.value = this.texts[kind];
      this.text.placeholder = kind === "note" ? this.text.dataset.noteHint : this.text.dataset.replyHint;
      for (const tab of this.form.querySelectorAll("[data-kind-tab]")) {
        tab.setAttribute("aria-selected", String(tab.dataset.kindTab === kind));
      }
      this.form.querySelector("[data-send-words]").textContent = t(kind === "note" ? "js.desk.add" : "js.desk.send");
      this.popup.close();
      this.grow();
    }
    if (focus) this.text.focus();
  }

  insert(body) {
    const { value, selectionStart: at } = this.text;
    const space = value && at > 0 && !/\s$/.test(value.slice(0, at)) ? "\n" : "";
    this.text.setRangeText(space + body, at, this.text.selectionEnd, "end");
    this.text.focus();
    this.changed();
  }

  changed() {
    this.texts[this.kind] = this.text.value;
    this.grow();
    if (!this.composing) this.popup.look();
    this.hooks.typing();
    this.showDraft("");
    clearTimeout(this.draftTimer);
    this.draftTimer = setTimeout(() => this.saveDraft(), DRAFT_AFTER_MS);
  }

  grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(220, Math.max(46, this.text.scrollHeight))}px`;
  }

  key(event) {
    // An Enter that belongs to an input method is not ours, nor the one that ended the composition.
    if (isComposing(event) || this.composing) return;
    if (performance.now() - this.composedAt < JUST_COMPOSED_MS && event.key === "Enter") return;
    if (this.popup.key(event)) return;
    if (event.key === "Escape") return this.text.blur();
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
    const withModifier = event.ctrlKey || event.metaKey;
    const byEnter = document.getElementById("desk").dataset.send === "enter";
    if (!withModifier && !byEnter) return;
    event.preventDefault();
    this.send();
  }

  showKey() {
    const mac = /Mac|iPhone|iPad/.test(navigator.platform);
    const byEnter = document.getElementById("desk").dataset.send === "enter";
    this.form.querySelector("[data-send-key]").textContent = byEnter ? "↵" : mac ? "⌘ ↵" : "Ctrl ↵";
  }

  // Drafts

  async saveDraft() {
    clearTimeout(this.draftTimer);
    const { kind } = this;
    const body = this.text.value;
    if (body === this.saved[kind]) return;
    this.saved[kind] = body;
    const answer = await whisper(`/desk/c/${this.contact}/draft`, { kind, body });
    if (!answer?.ok) this.saved[kind] = null;
    if (this.form.isConnected && kind === this.kind) this.showDraft(answer?.ok ? (body.trim() ? "saved" : "") : "lost");
  }

  showDraft(state) {
    const words = this.form.querySelector("[data-draft-state]");
    words.textContent = state ? t(`js.desk.draft.${state}`) : ""; // texts: js.desk.draft.saved js.desk.draft.lost
  }

  async suggest() {
    const place = this.form.querySelector("[data-suggested]");
    if (!place) return;
    const holder = await fragment(`/desk/c/${this.contact}/suggested`, { quiet: true }).catch(() => null);
    if (holder) place.replaceChildren(...holder.children);
  }

  // Sending

  send() {
    const body = this.text.value.trim();
    const files = this.kind === "reply" ? this.files.ready() : [];
    if (this.files.busy || (!body && !files.length)) return null;
    const kind = this.kind;
    const mentions = [...this.mentions].filter(([name]) => body.includes(`@${name}`)).map(([, id]) => id);
    const fields = kind === "note" ? { body, mentions } : { body, files: files.map((file) => file.id) };
    const bubble = this.pending(kind, body, files.length);
    clearTimeout(this.draftTimer);
    this.text.value = this.texts[kind] = this.saved[kind] = "";
    this.mentions.clear();
    this.files.clear();
    this.popup.close();
    this.grow();
    this.showDraft("");
    return this.deliver(bubble, kind, fields);
  }

  async deliver(bubble, kind, fields) {
    const state = bubble.querySelector("[data-state]");
    bubble.classList.remove("is-failed");
    state.textContent = t("js.desk.delivery.queued");
    try {
      await act(`/desk/c/${this.contact}/${kind}`, fields, { quiet: true });
      await this.hooks.sent();
      bubble.remove();
      return true;
    } catch (error) {
      bubble.classList.add("is-failed");
      state.textContent = error.offline ? t("js.desk.delivery.offline") : (error.message ?? t("js.desk.refused"));
      const again = document.createElement("button");
      again.type = "button";
      again.className = "link";
      again.textContent = error.offline ? t("js.desk.resend") : t("js.desk.take_back");
      state.append(" ", again);
      again.addEventListener("click", () => {
        if (error.offline) return this.deliver(bubble, kind, fields); // the same command: never twice
        if (this.has(kind)) this.switchTo(kind);
        this.insert(fields.body);
        bubble.remove();
      });
      return false;
    }
  }

  pending(kind, body, files) {
    const bubble = document.createElement("div");
    bubble.className = kind === "note" ? "note msg-note is-pending" : "msg msg-agent is-pending";
    const side = document.createElement("div");
    side.className = "msg-side";
    const state = document.createElement("div");
    state.className = "msg-who";
    state.dataset.state = "";
    const text = document.createElement("div");
    text.className = kind === "note" ? "msg-text" : "msg-bubble";
    text.textContent = body || t("js.desk.files", { count: files });
    side.append(state, text);
    bubble.append(side);
    this.conv.querySelector("[data-pending]").append(bubble);
    const scroll = this.conv.querySelector("[data-scroll]");
    const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);
    toEnd();
    requestAnimationFrame(toEnd); // the editor has shrunk by then
    return bubble;
  }

  async sendAndEnd() {
    const sent = await (this.send() ?? true);
    if (!sent) return;
    document.dispatchEvent(new CustomEvent("desk:end"));
  }
}


