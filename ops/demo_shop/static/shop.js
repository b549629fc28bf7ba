// Keeps the widget's member token fresh on a page that stays open: a token is good for an hour.
const renewEveryMs = 45 * 60 * 1000;

async function renewMemberToken() {
  const widget = document.querySelector("script[data-member-token]");
  if (!widget) return;
  const answer = await fetch("/member-token", { credentials: "same-origin" });
  if (answer.ok) widget.dataset.memberToken = (await answer.json()).token;
}

setInterval(() => renewMemberToken().catch(() => {}), renewEveryMs);
