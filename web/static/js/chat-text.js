// Text to elements. Nothing is ever parsed as HTML: every word becomes a text node.

const LINK = /https?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/gi;
const TRAILING = /[.,;:!?)\]}*]+$/;
const INLINE = /\*\*(.+?)\*\*|\[([^\]\n]{1,200})\]\((https?:\/\/[^\s)]+)\)/g;

/** An element with properties and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const icons = document.getElementById("chat-icons");

export function icon(name) {
  const found = icons?.content.querySelector(`[data-icon-of="${name}"] svg`);
  return found ? found.cloneNode(true) : "";
}

function anchor(address, words) {
  return el("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, words);
}

/** Plain words with their addresses made into links. */
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    const address = found[0].replace(TRAILING, "");
    if (address.length < 10) continue;
    parts.push(text.slice(from, found.index), anchor(address, address));
    from = found.index + address.length;
  }
  parts.push(text.slice(from));
  return parts.filter(Boolean);
}

/** What people write: their lines and links, nothing else. */
export function plain(text) {
  return el("div", { className: "words is-plain" }, ...linked(text));
}

function inline(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(...linked(text.slice(from, found.index)));
    parts.push(found[1] !== undefined ? el("strong", {}, ...linked(found[1])) : anchor(found[3], found[2]));
    from = found.index + found[0].length;
  }
  parts.push(...linked(text.slice(from)));
  return parts;
}

/** What the assistant writes: paragraphs, lists, bold, links. */
export function formatted(text) {
  const root = el("div", { className: "words" });
  let open = null;
  const into = (tag) => {
    if (open?.localName !== tag) root.append((open = el(tag)));
    return open;
  };
  for (const line of text.split("\n")) {
    const item = /^\s*(?:[-*•]|(\d{1,3})[.)、])\s+(.*)$/.exec(line);
    if (!line.trim()) open = null;
    else if (item) {
      const list = into(item[1] ? "ol" : "ul");
      if (item[1] && !list.childElementCount && item[1] !== "1") list.start = Number(item[1]);
      list.append(el("li", {}, ...inline(item[2])));
    } else {
      const paragraph = into("p");
      if (paragraph.childNodes.length) paragraph.append(el("br"));
      const heading = /^#{1,4}\s+(.*)$/.exec(line);
      paragraph.append(...(heading ? [el("strong", {}, ...inline(heading[1]))] : inline(line)));
    }
  }
  return root;
}
