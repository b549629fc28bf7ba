// Files on their way: chosen, pasted or dropped, shown with their progress, then carried by the next message.

import { config, upload } from "./chat-net.js";
import { el, icon } from "./chat-text.js";
import { t } from "./texts.js";

const tray = document.getElementById("chat-tray");
const previews = new Map();
let files = [];
let onChange = () => {};

export function watchFiles(changed) {
  onChange = changed;
}

/** The local picture of a file that was just uploaded, so that it need not be fetched. */
export const previewOf = (id) => previews.get(id);

export const hasFiles = () => files.length > 0;
export const isUploading = () => files.some((file) => file.state === "uploading");
export const hasFailed = () => files.some((file) => file.state === "failed");

/** What the next message carries; the tray is empty afterwards. */
export function takeFiles() {
  const ready = files.filter((file) => file.state === "ready").map((file) => file.view);
  files = files.filter((file) => file.state !== "ready");
  draw();
  return ready;
}

export function addFiles(list) {
  for (const file of list) {
    if (files.length >= config.limits.files) break;
    const added = { file, progress: 0, state: "uploading", abort: new AbortController() };
    if (file.type.startsWith("image/") && file.type !== "image/svg+xml") added.preview = URL.createObjectURL(file);
    files.push(added);
    if (file.size > config.limits.fileBytes) {
      added.state = "failed";
      added.isFinal = true;
      added.problem = t("js.chat.file.too_large", { limit: config.limits.fileBytes / 1024 / 1024 });
    } else send(added);
  }
  draw();
}

async function send(added) {
  added.state = "uploading";
  added.problem = undefined;
  draw();
  try {
    added.view = await upload(added.file, (share) => {
      added.progress = share;
      const bar = added.element?.querySelector("progress");
      if (bar) bar.value = share;
    }, added.abort.signal);
    if (added.preview) previews.set(added.view.id, added.preview);
    added.state = "ready";
  } catch (error) {
    added.state = "failed";
    added.isFinal = error.status > 0 && !error.isPassing;
    added.problem = error.message || t("js.chat.file.failed");
  }
  draw();
}

function remove(gone) {
  gone.abort.abort();
  files = files.filter((file) => file !== gone);
  draw();
}

function draw() {
  tray.replaceChildren(...files.map(entry));
  tray.hidden = files.length === 0;
  onChange();
}

function entry(file) {
  const name = file.file.name || t("js.chat.file.picture");
  file.element = el(
    "li",
    { className: `tray-file is-${file.state}` },
    file.preview
      ? el("img", { className: "tray-picture", src: file.preview, alt: "" })
      : el("span", { className: "tray-icon" }, icon("file-text")),
    el(
      "span",
      { className: "tray-name" },
      el("span", { className: "tray-title", title: name }, name),
      file.state === "uploading" && el("progress", { max: 1, value: file.progress, "aria-label": t("js.chat.file.uploading", { name }) }),
      file.problem && el("span", { className: "tray-problem", role: "alert" }, file.problem),
    ),
    file.state === "failed" && !file.isFinal &&
      el("button", { type: "button", className: "icon-btn", "aria-label": t("js.chat.retry"), onclick: () => send(file) }, icon("refresh")),
    el("button", { type: "button", className: "icon-btn", "aria-label": t("js.chat.file.remove", { name }), onclick: () => remove(file) }, icon("x")),
  );
  return file.element;
}

/** Choosing, pasting and dropping, all over the page. */
export function listenForFiles() {
  const input = document.getElementById("chat-file");
  const drop = document.getElementById("chat-drop");
  document.getElementById("chat-attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    addFiles(input.files);
    input.value = "";
  });
  document.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length) return;
    event.preventDefault();
    addFiles(pasted);
  });
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    drop.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    drop.hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    addFiles(event.dataTransfer.files);
  });
}
