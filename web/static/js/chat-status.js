// Where the conversation stands, in words.

import { language, t } from "./texts.js";

/** Who answers, under the shop's name. */
export function subtitle(state) {
  if (state?.agent && ["talking", "wrap_up"].includes(state.stage)) return t("js.chat.with", { name: state.agent });
  if (["queued", "offered"].includes(state?.stage)) return t("js.chat.connecting");
  return t("js.chat.answers");
}

/** The place in the queue and an honest wait; nothing when there is none. */
export function placeWords(state) {
  if (state?.stage === "offered") return t("js.chat.place.offered");
  if (state?.stage !== "queued" || state.left_matter) return "";
  if (state.opens_at) return t("js.chat.place.closed", { when: until(new Date(state.opens_at)) });
  if (state.position === null) return t("js.chat.connecting");
  const ahead = state.position - 1;
  const first = ahead === 0 ? t("js.chat.place.next") : t("js.chat.place.ahead", { count: ahead });
  return `${first}${wait(state.wait_seconds)}`;
}

/** In 9 hours: a length of time is the same in every zone. */
function until(at) {
  const minutes = Math.max(1, Math.round((at - Date.now()) / 60_000));
  const words = new Intl.RelativeTimeFormat(language);
  if (minutes < 90) return words.format(minutes, "minute");
  return minutes < 48 * 60 ? words.format(Math.round(minutes / 60), "hour") : words.format(Math.round(minutes / 1440), "day");
}

function wait(seconds) {
  if (seconds === null) return t("js.chat.place.unknown");
  if (seconds < 90) return t("js.chat.place.seconds", { count: Math.max(10, Math.ceil(seconds / 10) * 10) });
  return t("js.chat.place.minutes", { count: Math.ceil(seconds / 60) });
}
