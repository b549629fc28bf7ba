"""Events in plain words, with their reasons: the timeline of a case and the quiet lines between messages.

A kind has its sentence under `timeline.event.<kind>`, codes are named under `timeline.code.<area>.<code>`;
a kind without a sentence is still shown, by its name and with all its inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from sqlalchemy import Row

from adapters.db.desk_words import LineWords
from web.i18n import Texts

# texts: timeline.event.* timeline.short.* timeline.why.* timeline.label.* timeline.code.*

_AREAS = {
    # attribute → the line's own names, or codes of our catalogue
    "queue": "queue",
    "queues": "queue",
    "plan": "plan",
    "skills": "skill",
    "intent": "intent",
    "was": "intent",
    "tier": "tier",
    "category": "wrap_up",
}
_CODES = {
    "urgency": "urgency",
    "channel": "channel",
    "how": "how",
    "from": "stage",
    "to": "presence",
    "role": "role",
    "handover": "handover",
}
_REASON_CODES = {
    "handed_over": "handover",
    "bot_failed": "handover",
    "closed": "close",
    "ended": "close",
    "given_back": "given_back",
    "offer_withdrawn": "given_back",
    "phone_revealed": "reveal",
    "presence": "presence_reason",
}
_REASON_AREAS = {"offer_declined": "decline", "transferred": "transfer"}
_PEOPLE = frozenset({"agent", "owner", "by", "from", "to", "user_id", "mentions"})
_TONES = {
    "offer_expired": "warn",
    "offer_declined": "warn",
    "exhausted": "bad",
    "inbound_conflict": "bad",
    "bot_failed": "bad",
    "quarantined": "bad",
    "given_back": "warn",
    "wrap_up_unfinished": "warn",
    "offer_accepted": "good",
    "closed": "good",
    "survey_answered": "good",
    "handed_over": "note",
    "taken_over": "note",
    "transferred": "note",
}


@dataclass(frozen=True)
class Told:
    """One event as people read it."""

    seq: int
    at: datetime
    kind: str
    who: str
    text: str
    reason: str
    tone: str
    inputs: list[tuple[str, str]]
    known: bool
    """Whether the kind has a sentence of its own."""


@dataclass(frozen=True)
class Quiet:
    """A line between messages: what happened in a row, the newest of them when."""

    at: datetime
    parts: list[str]
    last_id: int


class Narrator:
    """Tells the events of one case to one reader."""

    def __init__(self, texts: Texts, words: LineWords, people: dict[str, tuple[str, str]]) -> None:
        self._texts = texts
        self._words = words
        self._people = people

    def timeline(self, events: Sequence[Row[Any]]) -> list[Told]:
        """Every event, in order."""
        return [self.tell(event) for event in events]

    def tell(self, event: Row[Any]) -> Told:
        """One event: the sentence, why, by whom, and what it was decided from."""
        key = f"timeline.event.{event.kind}"
        known = self._texts.has(key)
        values = self._values(event)
        return Told(
            seq=event.seq,
            at=event.at,
            kind=event.kind,
            who=self.actor(event.actor),
            text=_sentence(
                self._texts(key, **values) if known else self._texts("timeline.unknown", kind=event.kind)
            ),
            reason=self._why(event),
            tone=_TONES.get(event.kind, ""),
            inputs=self._inputs(event),
            known=known,
        )

    def actor(self, actor: str) -> str:
        """Who did it."""
        if actor.startswith("user:"):
            return self.person(actor.removeprefix("user:"))
        return self._code("actor", actor)

    def person(self, user_id: str) -> str:
        """A colleague's name."""
        names = self._people.get(user_id)
        if names is None:
            return self._texts("timeline.somebody")
        return names[1] if self._texts.language == "en" else names[0]

    def quiet_lines(self, events: Sequence[Row[Any]]) -> list[Quiet]:
        """The inline form; an offer is told by its outcome, so only a pending one is told by itself."""
        settled = {
            str(event.attrs.get("offer_id"))
            for event in events
            if event.kind in ("offer_accepted", "offer_declined", "offer_expired", "offer_withdrawn")
        }
        lines: list[Quiet] = []
        for event in events:
            if event.kind == "offer_made" and str(event.attrs.get("offer_id")) in settled:
                continue
            lines.append(Quiet(event.at, [self._short(event)], event.id))
        return lines

    def _short(self, event: Row[Any]) -> str:
        values: dict[str, Any] = {
            name: Markup("<b>{}</b>").format(value) if name in _PEOPLE else value
            for name, value in self._values(event).items()
        }
        for key in (f"timeline.short.{event.kind}", f"timeline.event.{event.kind}"):
            if self._texts.has(key):
                return self._texts(key, **values)
        return self._texts("timeline.unknown", kind=event.kind)

    # What stands in the placeholders

    def _values(self, event: Row[Any]) -> dict[str, Any]:
        values: dict[str, Any] = {
            name: self._shown(event.kind, name, value) for name, value in event.attrs.items()
        }
        values.setdefault("reason", "")
        values["who"] = self.actor(event.actor)
        if "step" in event.attrs and isinstance(event.attrs["step"], int):
            values["step"] = event.attrs["step"] + 1
        if isinstance(event.attrs.get("seconds"), int | float):
            values["seconds"] = round(event.attrs["seconds"])
        if event.kind == "transferred":
            values["target"] = values["agent"] if event.attrs.get("agent") else values.get("queue", "")
        if event.kind == "task_added":
            values["task"] = self._code("task", str(event.attrs.get("kind", "")))
            values["target"] = values["owner"] if event.attrs.get("owner") else values.get("role", "")
        if event.kind == "survey_answered":
            values["solved"] = self._code("solved", str(event.attrs.get("solved")).lower())
        if event.kind == "wrapped_up":
            values["solved"] = self._code("solved", str(event.attrs.get("solved")).lower())
            child = f"{event.attrs.get('category')}.{event.attrs.get('subcategory')}"
            if self._words.known("wrap_up_child", child):
                detail = self._words.name("wrap_up_child", child, self._texts.language)
                values["category"] = f"{values.get('category', '')} / {detail}"
        if event.kind == "message" and event.attrs.get("code"):
            values["who"] = self._code("actor", "system")
        return values

    def _shown(self, kind: str, name: str, value: Any) -> str:
        """One value in the reader's words; ids of people as names, codes by the catalogue."""
        if value is None or value in ("", [], {}):
            return self._texts("timeline.none")
        if isinstance(value, bool):
            return self._texts("timeline.yes" if value else "timeline.no")
        if isinstance(value, dict):
            shown = (self._entry(kind, name, key, item) for key, item in value.items())
            return self._join(shown)
        if isinstance(value, list):
            return self._join(self._shown(kind, name, item) for item in value)
        if isinstance(value, int | float):
            return self._texts.number(value)
        text = str(value)
        if text in self._people and name in _PEOPLE | {"agent"}:
            return self.person(text)
        if name == "reason":
            return self._reason(kind, text)
        if name in _AREAS:
            return self._words.name(_AREAS[name], text, self._texts.language)
        if name.endswith("_at"):
            return self._instant(text)
        if name in _CODES:
            area = "presence" if kind == "presence" and name in ("from", "to") else _CODES[name]
            return self._code(area, text)
        return text

    def _entry(self, kind: str, name: str, key: str, value: Any) -> str:
        if name == "skills":
            return f"{self._words.name('skill', key, self._texts.language)} {value}"
        return f"{self._label(key)}{self._texts('timeline.colon')}{self._shown(kind, key, value)}"

    def _join(self, parts: Any) -> str:
        return self._texts("timeline.comma").join(parts)

    def _reason(self, kind: str, code: str) -> str:
        if kind in _REASON_AREAS:
            return self._words.name(_REASON_AREAS[kind], code, self._texts.language)
        return self._code(_REASON_CODES.get(kind, "reason"), code)

    def _code(self, area: str, code: str) -> str:
        key = f"timeline.code.{area}.{code}"
        return self._texts(key) if self._texts.has(key) else code

    def _instant(self, text: str) -> str:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return text
        return f"{self._texts.day(at)} {self._texts.clock(at)}"

    def _why(self, event: Row[Any]) -> str:
        """The decision's reason, where the event carries what it was decided from."""
        attrs = event.attrs
        if event.kind in ("offer_made", "offer_accepted") and "how" in attrs:
            return self.why_offered(attrs)
        if event.kind == "handed_over" and attrs.get("skills"):
            return self._texts(
                "timeline.why.handed_over",
                skills=self._shown(event.kind, "skills", attrs["skills"]),
                plan=self._shown(event.kind, "plan", attrs.get("plan")),
                urgency=self._shown(event.kind, "urgency", attrs.get("urgency")),
            )
        if event.kind == "bot_turn":
            return self._why_bot(attrs)
        key = f"timeline.why.{event.kind}"
        return self._texts(key, **self._values(event)) if self._texts.has(key) else ""

    def why_offered(self, attrs: dict[str, Any]) -> str:
        """Why this agent: how the match was made, the level, the load, who else was possible."""
        parts = [self._code("how", str(attrs.get("how", "skills")))]
        if attrs.get("level"):
            parts.append(self._texts("timeline.why.level", level=int(attrs["level"])))
        if "load" in attrs and "capacity" in attrs:
            parts.append(
                self._texts("timeline.why.load", load=int(attrs["load"]), capacity=int(attrs["capacity"]))
            )
        others = attrs.get("alternatives") or []
        if others:
            names = self._join(
                self._texts(
                    "timeline.why.other",
                    name=self.person(str(other.get("agent"))),
                    load=int(other.get("load", 0)),
                    level=int(other.get("level", 0)),
                )
                for other in others
            )
            parts.append(self._texts("timeline.why.others", names=names))
        return self._join(parts)

    def _why_bot(self, attrs: dict[str, Any]) -> str:
        parts = []
        if attrs.get("intent"):
            parts.append(
                self._texts("timeline.why.intent", intent=self._shown("bot_turn", "intent", attrs["intent"]))
            )
        if attrs.get("handover"):
            parts.append(
                self._texts(
                    "timeline.why.bot_handover", reason=self._code("handover", str(attrs["handover"]))
                )
            )
        if attrs.get("call"):
            parts.append(self._texts("timeline.why.call", call=str(attrs["call"])))
        return self._join(parts)

    def _inputs(self, event: Row[Any]) -> list[tuple[str, str]]:
        """What the event was decided from; the bot's trace one step a line."""
        inputs: list[tuple[str, str]] = []
        for name, value in event.attrs.items():
            if name == "trace" and isinstance(value, list):
                inputs.extend((self._label("trace"), self._trace_step(step)) for step in value)
            else:
                inputs.append((self._label(name), self._shown(event.kind, name, value)))
        return inputs

    def _trace_step(self, step: Any) -> str:
        if not isinstance(step, dict):
            return str(step)
        parts = [self._code("trace", str(step.get("code", "")))]
        parts.extend(f"{self._label(name)} {value}" for name, value in (step.get("inputs") or {}).items())
        if step.get("rejected"):
            parts.append(self._texts("timeline.rejected", what=self._join(map(str, step["rejected"]))))
        return self._join(parts)

    def _label(self, name: str) -> str:
        key = f"timeline.label.{name}"
        return self._texts(key) if self._texts.has(key) else name


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
