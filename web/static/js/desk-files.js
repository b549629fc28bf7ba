// Files of a reply: chosen, pasted or dropped, sent up at once, named until the message goes.

import { csrfToken } from "./http.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const MOST = 6;

export class Files {
  constructor(form, conv, contact) {
    this.place = form.querySelector("[data-files]");
    this.contact = contact;
    this.form = form;
    this.items = [];
    const input = form.querySelector("[data-file-input]");
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = "";
    });
    form.querySelector("[data-text]").addEventListener("paste", (event) => {
      const files = event.clipboardData?.files;
      if (files?.length) {
        event.preventDefault();
        this.add(files);
      }
    });
    conv.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files") || this.form.dataset.kind !== "reply") return;
      event.preventDefault();
      conv.classList.add("is-dropping");
    });
    conv.addEventListener("dragleave", (event) => !conv.contains(event.relatedTarget) && conv.classList.remove("is-dropping"));
    conv.addEventListener("drop", (event) => {
      conv.classList.remove("is-dropping");
      if (!event.dataTransfer.files.length || this.form.dataset.kind !== "reply") return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }

  get busy() {
    return this.items.some((item) => !item.id);
  }

  ready() {
    return this.items.filter((item) => item.id);
  }

  clear() {
    this.items = [];
    this.place.replaceChildren();
  }

  add(files) {
    for (const file of files) {
      if (this.items.length >= MOST) return toast(t("js.desk.files.most", { count: MOST }), "", "warn");
      this.upload(file);
    }
  }

  async upload(file) {
    const item = { name: file.name || "image.png", id: null };
    const chip = document.createElement("span");
    chip.className = "file-chip is-busy";
    const name = document.createElement("span");
    name.className = "truncate";
    name.textContent = item.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "file-remove";
    remove.textContent = "×";
    remove.setAttribute("aria-label", t("js.desk.files.remove", { name: item.name }));
    chip.append(name, remove);
    const drop = () => {
      this.items = this.items.filter((each) => each !== item);
      chip.remove();
    };
    remove.addEventListener("click", drop);
    this.items.push(item);
    this.place.append(chip);
    const form = new FormData();
    form.append("file", file, item.name);
    try {
      const response = await fetch("/desk/files", {
        method: "POST",
        credentials: "same-origin",
        headers: { "X-CSRF-Token": csrfToken(), Accept: "application/json" },
        body: form,
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer?.error?.message ?? "");
      item.id = answer.id;
      chip.classList.remove("is-busy");
    } catch (error) {
      drop();
      toast(t("js.desk.files.failed", { name: item.name }), error.message ?? "", "bad");
    }
  }
}
