"""How rows of the ledger are said on the desk: names, labels, masked numbers, groups of messages."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy import Row

from adapters.db.desk_words import LineWords
from api.deps import SignedIn
from domain.pack_texts import fill_canned
from domain.roles import Role
from web.i18n import Texts
from web.timeline import Narrator, Quiet

CHANNEL_ICONS = {
    "web": "world",
    "wechat": "brand-wechat",
    "wecom": "brand-wechat",
    "douyin": "device-mobile",
    "app": "device-mobile",
    "phone": "phone",
    "sms": "message-2",
    "email": "mail",
}
LONG_WAIT_SECONDS = 300
"""A customer who has waited so long is shown in amber."""
_MENTION = re.compile(r"(@[^\s@，。,.;；：:！!？?&<]+)")
_NOTICE_BEFORE = timedelta(milliseconds=200)
"""A notice is written moments before the event that it tells the customer of."""
_GOLD_TIERS = frozenset({"vip", "gold"})


@dataclass
class Group:
    """One line of the conversation: a day, a message, or what happened between two."""

    kind: str
    at: datetime
    message: Row[Any] | None = None
    quiet: Quiet | None = None
    files: list[Row[Any]] = field(default_factory=list)
    follows: bool = False
    """The same author spoke just before: the name is not repeated."""


class DeskView:
    """The desk for one reader."""

    def __init__(self, texts: Texts, words: LineWords, user: SignedIn, now: datetime | None = None) -> None:
        self.texts = texts
        self.words = words
        self.user = user
        self.now = now or datetime.now(UTC)

    @property
    def is_supervisor(self) -> bool:
        """Whether the reader steers others' work."""
        return self.user.viewer.has(Role.SUPERVISOR)

    def word(self, area: str, key: str | None) -> str:
        """The line's own name of a key."""
        return self.words.name(area, key, self.texts.language)

    def category(self, key: str) -> str:
        """An article's category: a name of ours, of a skill, or as the editor wrote it."""
        ours = f"desk.category.{key}"
        return self.texts(ours) if self.texts.has(ours) else self.word("skill", key)

    # texts: desk.category.*

    def customer(self, name: str, customer_id: Any) -> str:
        """The customer's name; a visitor who has not said it is told apart by four characters."""
        return name or self.texts("desk.visitor", mark=str(customer_id)[-4:].upper())

    def person(self, zh: str | None, en: str | None) -> str:
        """A colleague's name in the reader's language."""
        return (en or zh or "") if self.texts.language == "en" else (zh or "")

    def channel_icon(self, channel: str) -> str:
        """The icon's name."""
        return CHANNEL_ICONS.get(channel, "message")

    def channel(self, channel: str) -> str:
        """The channel's name."""
        key = f"timeline.code.channel.{channel}"
        return self.texts(key) if self.texts.has(key) else channel

    def tier_class(self, tier: str) -> str:
        """Gold only for those who are."""
        return "tag tag-vip" if tier in _GOLD_TIERS else "tag"

    def waited_seconds(self, since: datetime | None) -> float:
        """How long since; 0 for None."""
        return max(0.0, (self.now - since).total_seconds()) if since is not None else 0.0

    def waits_long(self, since: datetime | None) -> bool:
        """Whether the wait asks for attention."""
        return self.waited_seconds(since) >= LONG_WAIT_SECONDS

    def wait(self, since: datetime | None) -> str:
        """42 s, 7 min, 2 h 5 min: short, for it stands in every row."""
        seconds = int(self.waited_seconds(since))
        if seconds < 60:
            return self.texts("desk.wait.seconds", seconds=max(1, seconds))
        minutes = seconds // 60
        if minutes < 60:
            return self.texts("desk.wait.minutes", minutes=minutes)
        hours, minutes = divmod(minutes, 60)
        if hours < 24:
            return self.texts("desk.wait.hours", hours=hours, minutes=minutes)
        return self.texts("desk.wait.days", days=hours // 24, hours=hours % 24)

    def handover_reason(self, code: str | None) -> str:
        """Why the bot handed over."""
        key = f"timeline.code.handover.{code}"
        return self.texts(key) if code and self.texts.has(key) else (code or "")

    def mask(self, phone: str) -> str:
        """138••••6621; a short number keeps only its end."""
        bare = phone.strip()
        if len(bare) < 8:
            return "••••" + bare[-2:]
        return f"{bare[:-8]}••••{bare[-4:]}"

    def summary(self, summary: dict[str, Any] | None) -> str:
        """The bot's sentences in the reader's language."""
        sentences = (summary or {}).get("sentences") or {}
        return str(sentences.get(self.texts.language) or next(iter(sentences.values()), ""))

    def facts(self, summary: dict[str, Any] | None) -> list[tuple[str, str]]:
        """What the bot found out: label and value."""
        found = []
        for fact in (summary or {}).get("facts") or []:
            label = (fact.get("label") or {}).get(self.texts.language) or fact.get("name", "")
            found.append((str(label), str(fact.get("value", ""))))
        return found

    def offer_why(
        self, why: dict[str, Any], mine: dict[str, int], required: dict[str, int], served_before: bool
    ) -> str:
        """«Refunds 3, you served her before, load 5/6»: why an offer came to this agent."""
        parts = []
        if why.get("how") in ("sticky", "directed"):
            parts.append(self.texts(f"timeline.code.how.{why['how']}"))
        # texts: timeline.code.how.*
        parts.extend(
            self.texts("desk.offer.skill", skill=self.word("skill", key), level=mine[key])
            for key in required
            if key in mine
        )
        if served_before and why.get("how") != "sticky":
            parts.append(self.texts("desk.offer.served_before"))
        if "load" in why:
            parts.append(
                self.texts("timeline.why.load", load=int(why["load"]), capacity=int(why.get("capacity", 0)))
            )
        return self.texts("timeline.comma").join(parts)

    def canned_values(self, head: Row[Any]) -> dict[str, str]:
        """What `{{…}}` stands for in this conversation, in the customer's language."""
        english = head.language == "en"
        facts = {
            fact.get("name"): str(fact.get("value", "")) for fact in (head.summary or {}).get("facts") or []
        }
        return {
            "customer_name": head.customer_name or ("there" if english else "您"),
            "agent_name": (head.owner_nickname_en if english else head.owner_nickname_zh) or "",
            "order_number": facts.get("order_number") or facts.get("number") or facts.get("order") or "",
            "shop_name": head.shop_en if english else head.shop_zh,
        }

    def fill(self, body: str, values: dict[str, str]) -> str:
        """A ready reply as it would be sent; what is unknown stays visible."""
        return fill_canned(body, values)

    def message_text(self, message: Row[Any]) -> Markup:
        """The text, escaped; mentions stand out in notes."""
        body = Markup.escape(message.body)
        if message.kind == "note" and message.attrs.get("mentions"):
            return Markup(_MENTION.sub(r'<b class="mention">\1</b>', str(body)))  # noqa: S704 # the text is escaped
        return body

    def excerpt(self, body: str, marks: Sequence[str], length: int = 160) -> Markup:
        """Where the words are, marked; the beginning where none is found as typed."""
        flat = " ".join(body.split())
        lower = flat.lower()
        at = min((lower.find(mark) for mark in marks if mark in lower), default=0)
        start = max(0, at - 24)
        piece = ("…" if start else "") + flat[start : start + length]
        shown = Markup.escape(piece)
        for mark in marks[:1]:
            place = piece.lower().find(mark)
            if place >= 0:
                shown = Markup("{}<mark>{}</mark>{}").format(
                    piece[:place], piece[place : place + len(mark)], piece[place + len(mark) :]
                )
        return shown

    def delivery(self, message: Row[Any], customer_read_seq: int) -> str:
        """queued, sent, delivered, read or failed."""
        if message.state == "delivered" and message.seq <= customer_read_seq:
            return "read"
        return str(message.state)

    def groups(
        self,
        messages: Sequence[Row[Any]],
        events: Sequence[Row[Any]],
        files: dict[Any, list[Row[Any]]],
        narrator: Narrator,
        *,
        days: bool = True,
    ) -> list[Group]:
        """Messages and quiet events in order of time, with day dividers; events in a row share a line."""
        lines = [Group("message", each.at, message=each, files=files.get(each.id, [])) for each in messages]
        for quiet in narrator.quiet_lines(events):
            lines.insert(_place(lines, quiet.at), Group("quiet", quiet.at, quiet=quiet))
        out: list[Group] = []
        day = None
        for line in lines:
            if days and (local := self.texts.local(line.at).date()) != day:
                day = local
                out.append(Group("day", line.at))
            last = out[-1] if out else None
            if line.quiet and last and last.quiet:
                last.quiet.parts.extend(line.quiet.parts)
                last.quiet = Quiet(last.quiet.at, last.quiet.parts, line.quiet.last_id)
                continue
            line.follows = bool(
                last and last.message and line.message and self._continues(last.message, line.message)
            )
            out.append(line)
        return out

    def _continues(self, before: Row[Any], after: Row[Any]) -> bool:
        same = (before.author, before.user_id) == (after.author, after.user_id)
        ordinary = "note" not in (before.kind, after.kind) and "notice" not in (before.kind, after.kind)
        return same and ordinary and (after.at - before.at).total_seconds() < 180

    def people_json(self, people: Sequence[Row[Any]]) -> Markup:
        """Colleagues for the scripts, as a block of data."""
        data = [
            {
                "id": str(each.id),
                "name": self.person(each.name, each.name_en),
                "presence": each.presence,
                "load": each.load,
                "capacity": each.capacity,
            }
            for each in people
        ]
        safe = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
        return Markup('<script type="application/json" id="desk-people">{}</script>').format(Markup(safe))  # noqa: S704 # «<» cannot occur


def _place(lines: list[Group], at: datetime) -> int:
    """Where an event stands: by its time, but before the notice that it caused; messages keep their order."""
    place = len(lines)
    while place and lines[place - 1].at > at:
        place -= 1
    while place and _is_notice_of(lines[place - 1], at):
        place -= 1
    return place


def _is_notice_of(line: Group, at: datetime) -> bool:
    is_notice = line.message is not None and line.message.kind == "notice"
    return is_notice and at - line.at < _NOTICE_BEFORE
