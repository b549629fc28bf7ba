// Ending, wrap-up, transfer, the timeline and the small forms of the head.

import { currentContact, currentConversation, endConversation } from "./desk-conversation.js";
import { act, fragment, memory } from "./desk-net.js";
import { togglePanel } from "./desk-panes.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const dialog = document.getElementById("desk-dialog");
const body = dialog.querySelector("[data-dialog-body]");
const title = document.getElementById("desk-dialog-title");
let hooks = null;
let thenNext = false;

export async function showDialog(words, address, kind = "") {
  const holder = await fragment(address).catch(() => null);
  if (!holder) return;
  title.textContent = words;
  dialog.dataset.kind = kind;
  body.replaceChildren(...holder.childNodes);
  for (const select of body.querySelectorAll("[data-cascade]")) cascade(select);
  if (!dialog.open) dialog.showModal();
}

/** Only the children of the chosen parent can be chosen. */
function cascade(select) {
  const child = document.getElementById(select.dataset.cascade);
  const all = [...child.querySelectorAll("option[data-parent]")];
  const narrow = () => {
    const chosen = child.value;
    for (const option of all) option.remove();
    const mine = all.filter((option) => option.dataset.parent === select.value);
    child.append(...mine);
    if (!mine.some((option) => option.value === chosen)) child.value = "";
  };
  select.addEventListener("change", narrow);
  narrow();
}

export async function end({ next = false } = {}) {
  const conv = currentConversation();
  if (!conv || conv.dataset.mine !== "yes") return;
  thenNext = next;
  if (conv.dataset.stage === "wrap_up") return wrapUp();
  if (conv.dataset.stage !== "talking") return;
  try {
    await endConversation();
  } catch {
    return;
  }
  await hooks.open(conv.dataset.contact, { push: false, redraw: true });
  hooks.refreshSoon(0);
  wrapUp();
}

export function wrapUp() {
  const id = currentContact();
  if (id) showDialog(t("js.desk.wrap.title"), `/desk/c/${id}/wrap-up`, "wrap");
}

export function transfer() {
  const id = currentContact();
  if (id && document.querySelector(".conv [data-transfer]")) {
    showDialog(t("js.desk.transfer.title"), `/desk/c/${id}/transfer`, "transfer");
  }
}

export function timeline(everything = false) {
  const conv = currentConversation();
  if (!conv) return;
  const words = t("js.desk.timeline.title", { number: conv.dataset.number });
  showDialog(words, `/desk/c/${conv.dataset.contact}/timeline?everything=${everything}`, "timeline");
}

async function afterAct() {
  const id = currentContact();
  hooks.refreshSoon(0);
  if (id) await hooks.open(id, { push: false, redraw: true });
}

async function submitted(event) {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  const fields = Object.fromEntries(data.entries());
  const id = currentContact();
  const assigning = event.submitter?.hasAttribute("data-assign-now");
  let address = form.dataset.act;
  if (assigning || (form.matches("[data-transfer-form]") && !fields.to)) {
    if (!fields.to?.startsWith("agent:")) return toast(t("js.desk.transfer.choose"), "", "warn");
    if (assigning) address = `/desk/c/${id}/assign`;
  }
  try {
    await act(address, assigning ? { to: fields.to.slice(6) } : fields);
  } catch {
    return;
  }
  form.closest("details")?.removeAttribute("open");
  if (dialog.open) dialog.close();
  if (form.matches("[data-wrap-form]")) {
    toast(t("js.desk.wrap.done"));
    const next = thenNext ? [hooks.neighbour(1), hooks.neighbour(-1)].find((each) => each && each !== id) : null;
    thenNext = false;
    hooks.refreshSoon(0);
    if (next) return hooks.open(next);
  }
  afterAct();
}

export function installDialogs(given) {
  hooks = given;
  document.addEventListener("submit", submitted);
  document.addEventListener("desk:end", () => end());
  document.addEventListener("click", async (event) => {
    const has = (name) => event.target.closest(`[data-${name}]`);
    if (has("end")) end();
    else if (has("wrap-up")) wrapUp();
    else if (has("transfer")) transfer();
    else if (has("timeline-all")) timeline(true);
    else if (has("timeline")) timeline();
    else if (has("toggle-panel")) togglePanel();
    else if (has("invite")) {
      await act(`/desk/c/${currentContact()}/invite`).then(() => toast(t("js.desk.invited")), () => null);
      afterAct();
    } else if (has("take-over")) {
      const { owner } = event.target.closest("[data-take-over]").dataset;
      await act(`/desk/c/${currentContact()}/assign`, { owner }).catch(() => null);
      afterAct();
    }
  });
  const sound = document.querySelector("[data-sound]");
  sound.checked = memory.get("sound", true);
  sound.addEventListener("change", () => memory.set("sound", sound.checked));
}
