"""What the pages of administration share: the menu, forms whose fields are not known beforehand, saving."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse

from adapters.db import admin
from adapters.db.engine import Transaction
from api.access import may_configure
from api.deps import Administrator, SignedIn
from api.errors import Conflict, Forbidden
from domain.text import clean_text

SECTIONS = (
    ("team", (("people", "users"), ("skills", "tags"), ("queues", "list-details"), ("plans", "route"))),
    ("service", (("hours", "calendar-time"), ("timing", "clock"), ("priorities", "arrow-up"))),
    ("words", (("articles", "book"), ("canned", "bolt"), ("texts", "message-2"), ("bot", "robot"))),
    ("shop", (("line", "building-store"), ("widget", "code"), ("changes", "history"))),
)
"""The menu: groups of (page, icon)."""

KEY = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
LONGEST_NAME = 80


@dataclass
class Filled:
    """A posted form: its values, and what is wrong with them by field (keys of texts)."""

    values: Mapping[str, list[str]]
    problems: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    """What fills the texts of problems."""

    def raw(self, name: str) -> str:
        """The first value, cleaned; empty when it was not sent."""
        return clean_text((self.values.get(name) or [""])[0]).strip()

    def all(self, name: str) -> list[str]:
        """Every value of a field that may occur more than once."""
        return [clean_text(value).strip() for value in self.values.get(name, [])]

    def text(self, name: str, *, longest: int = LONGEST_NAME, needed: bool = True) -> str:
        """A text within its length."""
        value = self.raw(name)
        if needed and not value:
            self.problems[name] = "error.field.missing"
        elif len(value) > longest:
            self.problems[name] = "error.field.too_long"
        return value

    def number(self, name: str, least: int, most: int) -> int:
        """A whole number between two bounds; `least` when it is none."""
        value = self.raw(name)
        if re.fullmatch(r"-?\d{1,9}", value) and least <= int(value) <= most:
            return int(value)
        self.problems[name] = "admin.field.number"
        self.details |= {"least": least, "most": most}
        return least

    def choice(self, name: str, known: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
        """One of the known values."""
        value = self.raw(name)
        if value not in known:
            self.problems[name] = "error.field.wrong"
        return value

    def key(self, name: str = "key") -> str:
        """A key: small Latin letters, digits and underscores."""
        value = self.raw(name)
        if not KEY.match(value):
            self.problems[name] = "admin.field.key"
        return value


async def _filled(request: Request) -> Filled:
    form = await request.form()
    return Filled({name: [each for each in form.getlist(name) if isinstance(each, str)] for name in form})


FilledForm = Annotated[Filled, Depends(_filled)]


async def _configurer(user: Administrator) -> SignedIn:
    if not may_configure(user.viewer, user.line_id):
        raise Forbidden
    return user


Configurer = Annotated[SignedIn, Depends(_configurer)]
"""The administrator of the line."""


async def save(tx: Transaction, user: SignedIn, subject: str, value: dict[str, Any] | None) -> bool:
    """Write and record a change. Raises Conflict when nobody would be left to administer."""
    try:
        return await admin.change(tx, user.line_id, user.id, subject, value)
    except admin.LastAdministratorError:
        raise Conflict("last_administrator") from None


def back(path: str, *, saved: bool = True) -> RedirectResponse:
    """To a page after a form, which then says that it was saved."""
    return RedirectResponse(f"{path}?saved=1" if saved else path, 303)


def menu(current: str, **more: Any) -> dict[str, Any]:
    """What every page of administration gives its template."""
    return {"sections": SECTIONS, "current": current, "problems": {}, "details": {}} | more


def subject(table: str, *key: str | UUID) -> str:
    """The subject of a change."""
    return admin.subject_of(table, *key)


def path_part(text: str) -> str:
    """A key within an address."""
    return quote(text, safe="")
