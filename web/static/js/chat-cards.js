// Cards within the thread: proving a phone number, rating, and the privacy notice.

import { call, config, restart, session } from "./chat-net.js";
import { el, formatted, icon } from "./chat-text.js";
import { t } from "./texts.js";

let onProven = () => {};
let onRated = () => {};

export function watchCards(proven, rated) {
  onProven = proven;
  onRated = rated;
}

// Privacy

const notice = document.getElementById("chat-privacy");

export function preparePrivacy() {
  document.getElementById("chat-privacy-title").textContent = config.privacy.title || t("js.chat.privacy");
  document.getElementById("chat-privacy-body").replaceChildren(formatted(config.privacy.body || t("js.chat.privacy.none")));
  document.getElementById("chat-privacy-version").textContent = t("js.chat.privacy.version", { version: config.privacy.version });
}

/** Show the notice; resolves with whether it is accepted now. */
export function showPrivacy() {
  document.getElementById("chat-privacy-accept").hidden = session.privacyAccepted;
  notice.returnValue = "";
  notice.showModal();
  return new Promise((resolve) => {
    notice.addEventListener("close", () => resolve(notice.returnValue === "accept" ? accept() : session.privacyAccepted), { once: true });
  });
}

async function accept() {
  await call("POST", "/consent", { version: config.privacy.version });
  session.privacyAccepted = true;
  for (const box of document.querySelectorAll(".consent")) box.hidden = true;
  return true;
}

// Verification: phone → code → done

const verifying = { phone: "", shown: "", until: 0 };

export function verifyCard(isVerified) {
  const card = el("div", { className: "card" });
  if (isVerified) card.append(el("p", { className: "card-done" }, icon("shield-check"), t("js.chat.verify.done")));
  else if (verifying.shown) askCode(card);
  else askPhone(card);
  return card;
}

function problemLine() {
  return el("p", { className: "card-problem", role: "alert", hidden: true });
}

function tell(line, error) {
  line.hidden = false;
  line.textContent = error.status === 0 ? t("js.chat.no_connection") : error.message;
}

function askPhone(card) {
  const problem = problemLine();
  const phone = el("input", { type: "tel", className: "field", inputMode: "tel", autocomplete: "tel", maxLength: 32, required: true, value: verifying.phone });
  const consent = el("input", { type: "checkbox", required: true });
  const consentLine = el(
    "div",
    { className: "consent", hidden: session.privacyAccepted },
    el("label", {}, consent, el("span", {}, t("js.chat.verify.consent"))),
    el("button", { type: "button", className: "link", onclick: showPrivacy }, t("js.chat.verify.read")),
  );
  const form = el(
    "form",
    { noValidate: true },
    el("label", { className: "card-label" }, t("js.chat.verify.phone"), phone),
    consentLine,
    problem,
    el("button", { className: "btn btn-primary" }, t("js.chat.verify.send")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!session.privacyAccepted && !consent.checked) {
      tell(problem, { message: t("js.chat.verify.consent_first") });
      consent.focus();
      return;
    }
    await busy(form, problem, async () => {
      if (!session.privacyAccepted) await accept();
      verifying.phone = phone.value;
      await sendCode();
      askCode(card);
      card.querySelector("input")?.focus();
    });
  });
  card.replaceChildren(form);
}

async function sendCode() {
  const answer = await call("POST", "/phone", { phone: verifying.phone });
  verifying.shown = answer.phone;
  verifying.minutes = answer.valid_minutes;
  verifying.until = Date.now() + answer.again_after_seconds * 1000;
}

function askCode(card) {
  const problem = problemLine();
  const code = el("input", { type: "text", className: "field field-code", inputMode: "numeric", autocomplete: "one-time-code", maxLength: 12, required: true });
  const again = el("button", { type: "button", className: "link" });
  const form = el(
    "form",
    { noValidate: true },
    el("p", { className: "card-text" }, t("js.chat.verify.sent", { phone: verifying.shown, minutes: verifying.minutes })),
    config.development && el("p", { className: "card-text" }, el("a", { href: "/dev/outbox", target: "_blank" }, t("js.chat.verify.outbox"))),
    el("label", { className: "card-label" }, t("js.chat.verify.code"), code),
    problem,
    el(
      "div",
      { className: "card-row" },
      el("button", { className: "btn btn-primary" }, t("js.chat.verify.check")),
      again,
      el("button", { type: "button", className: "link", onclick: () => { verifying.shown = ""; askPhone(card); } }, t("js.chat.verify.other")),
    ),
  );
  again.addEventListener("click", () => busy(form, problem, async () => {
    await sendCode();
    countDown(again);
  }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form, problem, async () => {
      await call("POST", "/phone/verify", { phone: verifying.phone, code: code.value });
      verifying.shown = "";
      await restart();
      onProven();
    });
  });
  countDown(again);
  card.replaceChildren(form);
}

function countDown(button) {
  const left = Math.ceil((verifying.until - Date.now()) / 1000);
  button.disabled = left > 0;
  button.textContent = left > 0 ? t("js.chat.verify.again_in", { seconds: left }) : t("js.chat.verify.again");
  if (left > 0) setTimeout(countDown, 1000, button);
}

async function busy(form, problem, act) {
  const submit = form.querySelector("button.btn-primary");
  problem.hidden = true;
  submit.disabled = true;
  try {
    await act();
  } catch (error) {
    tell(problem, error);
  }
  submit.disabled = false;
}

// Survey

export function surveyCard(message, isDue) {
  const card = el("div", { className: "card survey" });
  if (!isDue) {
    card.append(el("p", { className: "card-done" }, icon("check"), t("js.chat.survey.over")));
    return card;
  }
  const rating = { score: 0, solved: null };
  const problem = problemLine();
  const reasons = el("fieldset", { className: "reasons", hidden: true });
  const more = el("div", { className: "survey-more", hidden: true });
  const comment = el("textarea", { className: "field", rows: 2, maxLength: 2000 });
  const name = `survey-${message.id}`;
  const stars = el("fieldset", { className: "stars" }, el("legend", {}, t("js.chat.survey.score")));
  for (let score = 1; score <= 5; score += 1) {
    const input = el("input", { type: "radio", name, value: String(score), className: "visually-hidden", "aria-label": t("js.chat.survey.stars", { count: score }) });
    input.addEventListener("change", () => {
      rating.score = score;
      stars.querySelectorAll(".star").forEach((star, index) => star.classList.toggle("is-on", index < score));
      offerReasons(reasons, score);
      more.hidden = false;
    });
    stars.append(el("label", { className: "star" }, input, icon("star-filled")));
  }
  const solved = el("fieldset", { className: "solved" }, el("legend", {}, t("js.chat.survey.solved")));
  for (const [value, key] of [[true, "js.chat.survey.yes"], [false, "js.chat.survey.no"]]) {
    const input = el("input", { type: "radio", name: `${name}-solved` });
    input.addEventListener("change", () => { rating.solved = value; });
    solved.append(el("label", { className: "chip" }, input, t(key)));
  }
  const send = el("button", { className: "btn btn-primary" }, t("js.chat.survey.send"));
  more.append(solved, reasons, el("label", { className: "card-label" }, t("js.chat.survey.comment"), comment), problem, send);
  const form = el("form", { noValidate: true }, stars, more);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form, problem, async () => {
      const chosen = [...reasons.querySelectorAll("input:checked")].map((box) => box.value);
      await call("POST", "/survey", { ...rating, reasons: chosen, comment: comment.value });
      onRated();
    });
  });
  card.append(form);
  return card;
}

function offerReasons(box, score) {
  const tone = score >= 4 ? "good" : "bad";
  if (box.dataset.tone === tone) return;
  box.dataset.tone = tone;
  const fitting = config.surveyReasons.filter((reason) => !reason.tone || reason.tone === tone);
  box.replaceChildren(
    el("legend", {}, t("js.chat.survey.reasons")),
    ...fitting.map((reason) => el("label", { className: "chip" }, el("input", { type: "checkbox", value: reason.key }), reason.label)),
  );
  box.hidden = fitting.length === 0;
}
