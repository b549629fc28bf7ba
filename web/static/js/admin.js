// Copy buttons of administration: data-copy="id of the element", data-copied="what is said then".

import { toast } from "./toast.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    toast(button.dataset.copied, "", "ok");
  } catch {
    getSelection().selectAllChildren(source); // no permission: the person presses Ctrl+C
  }
});
