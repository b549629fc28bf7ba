"""Small text templates of flows: `{order.number}`, `{order.amount|money}`, `{order.state|words.state}`.

`local` takes the field's own version in the turn's language (`title_en` for `title`) where there is one.
A path begins with a slot or the name a call's data was saved under. What is missing shows as a dash.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from domain.text import Language

MISSING = "—"
FILTERS = ("date", "time", "money", "local", "events")
_HOLE = re.compile(r"\{([^{}]*)\}")
_EXPRESSION = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*(?:\|([a-z]+(?:\.[a-z][a-z0-9_]*)?))?\Z")
_CURRENCY = {"CNY": "¥", "USD": "US$", "EUR": "€", "HKD": "HK$", "GBP": "£"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Words = Mapping[str, Mapping[str, Mapping[Language, str]]]


class TemplateError(ValueError):
    """A template cannot be read."""


def check_template(text: str) -> str:
    """Return the text if every hole can be read; raise `TemplateError` otherwise."""
    for expression in _HOLE.findall(text):
        match = _EXPRESSION.match(expression)
        if match is None:
            raise TemplateError(
                f"cannot read {{{expression}}}: write {{name.field}} or {{name.field|filter}}"
            )
        chosen = match.group(1)
        if chosen and chosen not in FILTERS and not chosen.startswith("words."):
            known = ", ".join(FILTERS)
            raise TemplateError(
                f"unknown filter {chosen!r} in {{{expression}}}; there are {known}, words.NAME"
            )
    if "{" in _HOLE.sub("", text) or "}" in _HOLE.sub("", text):
        raise TemplateError("a { or } has no partner")
    return text


def vocabulary_names(text: str) -> list[str]:
    """The vocabularies a template uses."""
    return re.findall(r"\|words\.([a-z][a-z0-9_]*)\}", text)


def lookup(path: str, values: Mapping[str, Any]) -> Any:
    """The value at a dotted path, a list's element by its number; None when anything is missing."""
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def instant(value: Any) -> datetime | None:
    """An aware instant from an ISO text (a bare date is midnight UTC), or None."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Renderer:
    """Fills templates for one turn: language, vocabularies, and the shop's offset from UTC."""

    def __init__(self, language: Language, words: Words, utc_offset_minutes: int, now: datetime) -> None:
        self.language = language
        self.words = words
        self.zone = timezone(timedelta(minutes=utc_offset_minutes))
        self.today = now.astimezone(self.zone).date()

    def render(self, text: str, values: Mapping[str, Any]) -> str:
        """The text with every hole filled."""
        return _HOLE.sub(lambda match: self._fill(match.group(1), values), text)

    def _fill(self, expression: str, values: Mapping[str, Any]) -> str:
        path, _, chosen = expression.partition("|")
        value = lookup(path, values)
        if chosen == "money":
            owner = lookup(path.rpartition(".")[0], values) if "." in path else None
            return self._money(value, owner)
        if chosen in {"date", "time"}:
            return self._moment(value, with_time=chosen == "time")
        if chosen == "events":
            return self._events(value)
        if chosen == "local":
            value = lookup(f"{path}_{self.language.value}", values) or value
        if chosen.startswith("words."):
            texts = self.words.get(chosen.removeprefix("words."), {}).get(str(value))
            return texts[self.language] if texts else MISSING
        if value is None or isinstance(value, Mapping | list):
            return MISSING
        return str(value)

    def _money(self, value: Any, owner: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return MISSING
        try:
            amount = float(value)
        except ValueError:
            return MISSING
        code = str(owner.get("currency") or "CNY") if isinstance(owner, Mapping) else "CNY"
        return f"{_CURRENCY.get(code, code + ' ')}{amount:,.2f}"

    def _moment(self, value: Any, *, with_time: bool) -> str:
        moment = instant(value)
        if moment is None:
            return MISSING
        local = moment.astimezone(self.zone)
        if isinstance(value, str) and len(value) == len("2026-01-01"):
            local = moment
        shown = self._day(local.date())
        return f"{shown} {local:%H:%M}" if with_time else shown

    def _day(self, day: date) -> str:
        if self.language is Language.ZH:
            year = "" if day.year == self.today.year else f"{day.year} 年 "
            return f"{year}{day.month} 月 {day.day} 日"
        year = "" if day.year == self.today.year else f" {day.year}"
        return f"{day.day} {_MONTHS[day.month - 1]}{year}"

    def _events(self, value: Any) -> str:
        """The last three entries of a parcel's track, newest first."""
        if not isinstance(value, list) or not value:
            return MISSING
        known = [event for event in value if isinstance(event, Mapping)]
        known.sort(key=lambda event: str(event.get("at") or ""), reverse=True)
        lines = [
            f"· {self._moment(event.get('at'), with_time=True)} {event.get(f'text_{self.language.value}') or MISSING}"
            for event in known[:3]
        ]
        return "\n".join(lines) or MISSING
