// The list follows the events that concern tasks; the offer to undo goes away by itself.

const list = document.getElementById("tasks-list");
let timer = null;

function refresh() {
  timer = null;
  // Not while somebody may still take a settlement back: the button must not jump away.
  if (list.querySelector("[data-vanish]")) return ask();
  const address = list.querySelector("[data-address]")?.dataset.address;
  if (address && !new URLSearchParams(location.search).has("after")) htmx.ajax("GET", address, { target: list });
}

function ask() {
  timer ??= setTimeout(refresh, 1500);
}

for (const kind of ["task_added", "task_settled", "task_reopened", "resync"]) document.addEventListener(`hf:${kind}`, ask);

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-task-kind]")) location.assign(event.target.value);
});

document.addEventListener("htmx:afterSwap", () => {
  const undo = list.querySelector("[data-vanish]");
  if (undo) setTimeout(() => undo.remove(), Number(undo.dataset.vanish) * 1000);
});
