// The texts the server gave this page, in the reader's language.

const block = document.getElementById("hf-texts");
const { language, texts } = block ? JSON.parse(block.textContent) : { language: "zh", texts: {} };
const plural = new Intl.PluralRules(language);
const ORDER = ["zero", "one", "two", "few", "many", "other"];
const known = plural.resolvedOptions().pluralCategories;
const forms = ORDER.filter((category) => known.includes(category));

export { language };

/** The text of `js.<area>.<name>`, its {placeholders} filled; `count` picks the plural form. */
export function t(key, values = {}) {
  let text = texts[key];
  if (text === undefined) {
    console.error(`no text for ${key}`);
    return key;
  }
  if (Array.isArray(text)) {
    text = text[Math.min(forms.indexOf(plural.select(values.count)), text.length - 1)];
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });

/** 3 minutes ago, the way the server says it. */
export function ago(at) {
  const seconds = (at.getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return t("js.common.time.now");
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (size >= length * 0.95) return relative.format(Math.trunc(seconds / length) || Math.sign(seconds), unit);
  }
  return relative.format(Math.round(seconds), "second");
}
