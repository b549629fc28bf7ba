// The customer beside the conversation: fields edited in place, cards that remember whether they are open.

import { isComposing } from "./app.js";
import { act, fragment, memory } from "./desk-net.js";
import { t } from "./texts.js";

const place = document.getElementById("desk-panel");

export function cardsRemembered(panel) {
  const closed = memory.get("cards", {});
  for (const card of panel.querySelectorAll("details[data-card]")) card.open = !closed[card.dataset.card];
}

async function redraw() {
  const id = document.querySelector("#desk-contact .conv")?.dataset.contact;
  if (!id || place.querySelector("[data-editor]")) return;
  const holder = await fragment(`/desk/c/${id}/panel`, { quiet: true }).catch(() => null);
  if (!holder || document.querySelector("#desk-contact .conv")?.dataset.contact !== id) return;
  place.replaceChildren(...holder.childNodes);
  cardsRemembered(place);
  window.htmx?.process(place);
  nameAbove();
}

/** A new name stands above the conversation at once. */
function nameAbove() {
  const name = place.querySelector("[data-edit=name]")?.textContent.trim();
  const title = document.querySelector("#desk-contact .conv-title h2");
  if (name && title) title.textContent = name;
}

async function save(field, value) {
  const panel = place.querySelector("[data-customer]");
  await act(`/desk/customers/${panel.dataset.customer}`, { field, value, version: panel.dataset.version }).catch(() => null);
  await redraw();
}

function edit(element) {
  if (element.querySelector("[data-editor]")) return;
  const many = element.hasAttribute("data-multiline");
  const input = document.createElement(many ? "textarea" : "input");
  input.className = "form-control edit-field";
  input.dataset.editor = "";
  input.value = element.dataset.value;
  input.setAttribute("aria-label", element.title);
  if (many) input.rows = 4;
  if (element.dataset.edit === "tags") input.placeholder = t("js.desk.tags.hint");
  const before = [...element.childNodes];
  element.replaceChildren(input);
  input.focus();
  input.select();
  let done = false;
  const finish = (keep) => {
    if (done) return;
    done = true;
    element.replaceChildren(...before);
    element.focus();
    if (keep && input.value.trim() !== element.dataset.value.trim()) save(element.dataset.edit, input.value);
  };
  input.addEventListener("blur", () => finish(true));
  input.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    event.stopPropagation();
    if (event.key === "Escape") finish(false);
    else if (event.key === "Enter" && (!many || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      finish(true);
    }
  });
  input.addEventListener("click", (event) => event.stopPropagation());
}

export function installPanel() {
  place.addEventListener("click", async (event) => {
    const field = event.target.closest("[data-edit]");
    if (field) return edit(field);
    if (event.target.closest("[data-history]")) {
      const { showDialog } = await import("./desk-dialogs.js");
      const id = place.querySelector("[data-customer]").dataset.customer;
      showDialog(t("js.desk.history.title"), `/desk/customers/${id}/history`, "history");
    }
  });
  place.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target.matches("[data-edit]")) {
      event.preventDefault();
      event.stopPropagation();
      edit(event.target);
    }
  });
  place.addEventListener("change", (event) => {
    if (event.target.matches("[data-tier]")) save("tier", event.target.value);
  });
  document.getElementById("desk").addEventListener(
    "toggle",
    (event) => {
      const name = event.target.dataset?.card;
      if (name) memory.set("cards", { ...memory.get("cards", {}), [name]: !event.target.open });
    },
    true,
  );
  document.querySelector("[data-reveal-form]").addEventListener("submit", async (event) => {
    event.preventDefault();
    const id = document.querySelector("#desk-contact .conv").dataset.contact;
    document.getElementById("desk-reveal").close();
    const answer = await act(`/desk/c/${id}/phone`, { reason: event.submitter.value }).catch(() => null);
    const words = place.querySelector("[data-phone]");
    if (answer && words) words.textContent = answer.phone;
  });
  document.addEventListener("hf:customer_changed", ({ detail }) => {
    const shown = place.querySelector("[data-customer]")?.dataset.customer;
    if (detail.attrs?.customer_id === shown) redraw();
  });
}
