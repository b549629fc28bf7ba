// Holdfast's widget: a launcher on the host's page and the chat in a frame of our own origin.
// It lives in a shadow tree with its own style sheet, sets no cookie and adds nothing to the page but `window.Holdfast`.
(() => {
  "use strict";
  const script = document.currentScript ?? document.querySelector('script[src$="/widget.js"][data-line]');
  if (!script || window.Holdfast) return;
  const home = new URL(script.src).origin;
  const language = /^(zh|en)$/.test(script.dataset.language ?? "")
    ? script.dataset.language
    : /^zh/i.test(navigator.language) ? "zh" : "en";
  const words = {
    zh: { open: "在线客服", close: "收起在线客服", unread: "条新消息" },
    en: { open: "Chat with us", close: "Close the chat", unread: "new messages" },
  }[language];
  const hintKey = `holdfast-session:${script.dataset.line ?? ""}`;
  const css = `
    :host { all: initial !important; display: block !important; }
    * { box-sizing: border-box; }
    .launcher { position: fixed; right: 20px; bottom: 20px; z-index: 2147483000; width: 56px; height: 56px; border: 0; border-radius: 50%; background: #0f766e; color: #fff; display: grid; place-items: center; cursor: pointer; box-shadow: 0 6px 20px rgb(16 24 40 / 28%); }
    .launcher:hover { background: #0b5f58; }
    .launcher:focus-visible { outline: 3px solid #2fb3a6; outline-offset: 3px; }
    .launcher svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
    .badge { position: absolute; top: -3px; right: -3px; min-width: 21px; height: 21px; padding: 0 5px; border-radius: 11px; background: #b42318; color: #fff; font: 600 12px/21px system-ui, sans-serif; text-align: center; }
    .badge[hidden], .panel[hidden] { display: none; }
    .panel { position: fixed; right: 20px; bottom: 90px; z-index: 2147483000; width: 392px; height: min(680px, calc(100vh - 120px)); border-radius: 18px; overflow: hidden; background: #fff; box-shadow: 0 12px 44px rgb(16 24 40 / 26%); border: 1px solid rgb(16 24 40 / 10%); }
    iframe { display: block; width: 100%; height: 100%; border: 0; }
    @media (max-width: 520px) {
      .panel { inset: 0; width: 100%; height: 100%; border-radius: 0; border: 0; }
      .is-open .launcher { display: none; }
    }
    @media (prefers-color-scheme: dark) { .panel { background: #171c24; border-color: #262d37; } }
    @media print { .launcher, .panel { display: none; } }`;

  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  shadow.adoptedStyleSheets = [sheet];
  const root = shadow.appendChild(document.createElement("div"));
  const panel = root.appendChild(document.createElement("div"));
  panel.className = "panel";
  panel.hidden = true;
  const button = root.appendChild(document.createElement("button"));
  button.type = "button";
  button.className = "launcher";
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-label", words.open);
  const svgSpace = "http://www.w3.org/2000/svg";
  const drawing = button.appendChild(document.createElementNS(svgSpace, "svg"));
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = drawing.appendChild(document.createElementNS(svgSpace, "path"));
  const shapes = {
    open: "M8 9h8M8 13h5M12 20l-3-3H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3h12a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3h-3z",
    close: "M6 9l6 6l6-6",
  };
  path.setAttribute("d", shapes.open);
  const badge = button.appendChild(document.createElement("span"));
  badge.className = "badge";
  badge.hidden = true;

  let frame = null;
  let isOpen = false;
  let isReady = false;
  const say = (message) => isReady && frame.contentWindow.postMessage(message, home);
  const member = () => say({ holdfast: "member", memberToken: script.dataset.memberToken || null });

  function load() {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.title = words.open;
    frame.allow = "clipboard-write";
    const query = new URLSearchParams({ lang: language });
    if (script.dataset.line) query.set("line", script.dataset.line);
    frame.src = `${home}/chat/frame?${query}`;
    panel.append(frame);
  }

  function show(open) {
    if (open === isOpen) return;
    isOpen = open;
    load();
    panel.hidden = !open;
    root.classList.toggle("is-open", open);
    button.setAttribute("aria-expanded", String(open));
    path.setAttribute("d", open ? shapes.close : shapes.open);
    label(0);
    say({ holdfast: open ? "shown" : "hidden" });
    if (open) frame.focus();
    else button.focus();
  }

  function label(unread) {
    badge.hidden = unread === 0;
    badge.textContent = unread > 99 ? "99+" : String(unread);
    button.setAttribute("aria-label", isOpen ? words.close : unread ? `${words.open} (${unread} ${words.unread})` : words.open);
  }

  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== home) return;
    const said = event.data ?? {};
    if (said.holdfast === "ready") {
      isReady = true;
      member();
      say({ holdfast: isOpen ? "shown" : "hidden" });
    } else if (said.holdfast === "close") show(false);
    else if (said.holdfast === "unread") {
      if (!isOpen) label(Number(said.unread) || 0);
      remember(said.session === true);
    }
  });

  // Only that there is a conversation, so that its answers are announced on the host's next page.
  function remember(has) {
    try {
      if (has) localStorage.setItem(hintKey, "1");
      else localStorage.removeItem(hintKey);
    } catch { /* then it is announced once the chat is opened */ }
  }

  function remembers() {
    try {
      return localStorage.getItem(hintKey) === "1";
    } catch {
      return false;
    }
  }

  button.addEventListener("click", () => show(!isOpen));
  addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && isOpen && show(false));
  new MutationObserver(member).observe(script, { attributes: true, attributeFilter: ["data-member-token"] });
  const place = () => {
    document.body.append(host);
    if (!remembers()) return;
    const later = window.requestIdleCallback ?? ((act) => setTimeout(act, 800));
    later(load);
  };
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
  window.Holdfast = { open: () => show(true), close: () => show(false) };
})();
