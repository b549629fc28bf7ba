"""An industry pack as data: the shapes of its files.

`adapters.packs.load_pack` reads a folder into a `Pack`; the company's part is in `domain.pack_company`, rules that
span files are in `domain.pack_checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator, model_validator

from domain.bot.book import Book
from domain.bot.retrieval import first_paragraph
from domain.pack_base import Bilingual, Key, Name, Named, Part, Words, slip
from domain.pack_company import CalendarSpec, Company
from domain.pack_texts import TextKey
from domain.text import Language

Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Manifest(Part):
    """pack.yaml: what the pack is."""

    key: Key
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    name: Bilingual
    description: Bilingual
    languages: tuple[Language, ...]

    @field_validator("languages")
    @classmethod
    def _both_languages(cls, languages: tuple[Language, ...]) -> tuple[Language, ...]:
        if set(languages) != set(Language):
            raise slip("a pack speaks zh and en, both", "内容包必须同时提供 zh 和 en")
        return languages


class PrivacyNotice(Part):
    """What is accepted before personal data; a new version is asked for again."""

    version: Name
    title: Bilingual
    body: Bilingual


class Texts(Part):
    """texts.yaml."""

    texts: dict[TextKey, Bilingual]
    privacy_notice: PrivacyNotice


class CannedSpec(Part):
    shortcut: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,20}$")]
    category: Key
    title: Bilingual
    body: Bilingual


class Canned(Part):
    """canned.yaml."""

    canned: tuple[CannedSpec, ...]


class Tone(StrEnum):
    GOOD = "good"
    BAD = "bad"


class SurveyReason(Named):
    tone: Tone
    """Offered with high scores, or with low ones."""


class WrapUpCategory(Named):
    children: tuple[Named, ...] = Field(min_length=1)


class Reasons(Part):
    """reasons.yaml."""

    decline: tuple[Named, ...] = Field(min_length=1)
    transfer: tuple[Named, ...] = Field(min_length=1)
    wrap_up: tuple[WrapUpCategory, ...] = Field(min_length=1)
    survey: tuple[SurveyReason, ...] = Field(min_length=1)


class CustomerSpec(Part):
    member_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    language: Language
    name: Name
    tier: Key
    phone: Annotated[str, StringConstraints(pattern=r"^\+?\d{6,15}$")]
    city: str = ""
    tags: tuple[Name, ...] = ()
    notes: tuple[Words, ...] = ()


class Customers(Part):
    """customers.yaml."""

    customers: tuple[CustomerSpec, ...] = ()


class ArticleHead(Part):
    """The front matter of an article."""

    key: Key
    title: Name
    questions: tuple[Question, ...] = Field(min_length=6, max_length=30)
    category: Key
    skill: Key
    valid_from: date
    valid_until: date | None = None
    """The last day on which it is true."""
    owner: Key
    review_at: date

    @model_validator(mode="after")
    def _days_in_order(self) -> "ArticleHead":
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise slip("valid_until is before valid_from", "valid_until 早于 valid_from")
        return self


class ArticleSpec(ArticleHead):
    """One article in one language."""

    language: Language
    body: Words

    @property
    def answer(self) -> str:
        """The first paragraph: what the chat says at once."""
        return first_paragraph(self.body)

    def is_valid_on(self, day: date) -> bool:
        """Whether the article is true on that local day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class BotSource:
    """What the pack brings for the bot, as read (the ledger keeps it so) and compiled."""

    flows: Mapping[str, Mapping[str, Any]]
    """By file name without its ending."""
    intents: Mapping[str, Any]
    synonyms: Mapping[str, Any]
    book: Book
    """The same, checked and compiled."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A whole pack that passed every check."""

    manifest: Manifest
    company: Company
    calendars: tuple[CalendarSpec, ...]
    texts: Texts
    canned: tuple[CannedSpec, ...]
    reasons: Reasons
    customers: tuple[CustomerSpec, ...]
    articles: tuple[ArticleSpec, ...]
    bot: BotSource
    directory: PurePath
