// The article's form: one command id for one save, kept until the answer comes.

import { commandId } from "./desk-net.js";

let id = commandId();

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.matches("[data-once]")) event.detail.headers["X-Command-Id"] = id;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.xhr?.status) id = commandId();
});
// Mistakes come back as the form itself, with what is wrong beside each field.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422 && event.detail.xhr.responseText.includes('id="article"')) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
