"""A business line's configuration as the rules need it, cached by its version.

Every change of configuration raises `business_lines.config_version` in its own transaction, so a cache
is never older than the transaction that reads it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapters.db.engine import Transaction
from domain.bot.book import Book, load_book
from domain.calendar import Calendar
from domain.contact import Timing
from domain.routing import Priorities, RoutingPlan


class PlanChoice(BaseModel):
    """What a plan is for; no topics or no tiers: for all of them."""

    model_config = ConfigDict(extra="ignore")

    key: str
    language: str
    topics: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineConfig:
    """What one version of a line's configuration says."""

    line_id: str
    version: int
    name: dict[str, str]
    default_language: str
    timing: Timing
    priorities: Priorities
    plans: dict[str, RoutingPlan]
    plan_choice: tuple[PlanChoice, ...]
    calendars: dict[str, Calendar]
    book: Book
    texts: dict[str, dict[str, str]]
    reasons: dict[str, Any]
    privacy_version: str

    def text(self, key: str, language: str, **values: object) -> str:
        """A process text in the customer's language, its {variables} filled in."""
        versions = self.texts[key]
        template = versions.get(language) or next(iter(versions.values()))
        for name, value in ({"shop": self.name.get(language, "")} | values).items():
            template = template.replace("{" + name + "}", str(value))
        return template

    def plan(
        self, key: str | None, language: str, *, topics: Iterable[str] = (), tier: str = ""
    ) -> RoutingPlan:
        """The plan of that key, else the first that serves the language, the topics and the tier."""
        wanted = set(topics)
        fitting = (
            choice.key
            for choice in self.plan_choice
            if choice.language == language
            and (not choice.topics or wanted & set(choice.topics))
            and (not choice.tiers or tier in choice.tiers)
        )
        for candidate in (key, *fitting, language):
            if candidate is not None and candidate in self.plans:
                return self.plans[candidate]
        return next(iter(self.plans.values()))


_cache: dict[tuple[str | None, str], LineConfig] = {}
"""By database and line; one process serves one database, but for tests."""


async def line_config(tx: Transaction, line_id: str, version: int | None = None) -> LineConfig:
    """The configuration that this transaction sees; `version` when it was read already."""
    if version is None:
        version = await tx.scalar(
            "select config_version from business_lines where id = :line_id", line_id=line_id
        )
        assert version is not None
    key = (tx.connection.engine.url.database, line_id)
    cached = _cache.get(key)
    if cached is not None and cached.version == version:
        return cached
    config = await _load(tx, line_id, version)
    _cache[key] = config
    return config


async def _load(tx: Transaction, line_id: str, version: int) -> LineConfig:
    line = await tx.one(
        "select name_zh, name_en, default_language from business_lines where id = :id", id=line_id
    )
    settings = {
        row.key: row.value
        for row in await tx.all("select key, value from settings where line_id = :line_id", line_id=line_id)
    }
    plans = await tx.all("select key, steps from routing_plans where line_id = :line_id", line_id=line_id)
    calendars = await tx.all("select key, definition from calendars where line_id = :id", id=line_id)
    flows = await tx.all("select key, definition from flows where line_id = :id and enabled", id=line_id)
    enabled = {row.key: row.definition for row in flows}
    book = load_book(
        flows=enabled,
        intents=_without_disabled_flows(settings.get("intents", {}), enabled),
        synonyms=settings.get("synonyms", {}),
    )
    return LineConfig(
        line_id=line_id,
        version=version,
        name={"zh": line.name_zh, "en": line.name_en},
        default_language=line.default_language,
        timing=Timing.model_validate(settings.get("timing", {})),
        priorities=Priorities.model_validate(settings.get("priorities", {})),
        plans={row.key: RoutingPlan(key=row.key, steps=row.steps) for row in plans},
        plan_choice=tuple(PlanChoice.model_validate(each) for each in settings.get("plan_choice", [])),
        calendars={row.key: Calendar.model_validate(row.definition) for row in calendars},
        book=book,
        texts=settings.get("texts", {}),
        reasons=settings.get("reasons", {}),
        privacy_version=str(settings.get("privacy", {}).get("version", "1")),
    )


def _without_disabled_flows(intents: dict[str, Any], enabled: Collection[str]) -> dict[str, Any]:
    """The intents, with nothing leading into a flow that somebody switched off."""
    kept = {
        name: {key: value for key, value in intent.items() if key != "flow" or value in enabled}
        for name, intent in intents.get("intents", {}).items()
    }
    result = intents | {"intents": kept} if kept else dict(intents)
    if result.get("bare_order_number") not in enabled:
        result.pop("bare_order_number", None)
    return result


async def touch_configuration(tx: Transaction, line_id: str) -> None:
    """Say that the line's configuration changed; every cache reads it again."""
    await tx.run(
        "update business_lines set config_version = config_version + 1 where id = :line_id", line_id=line_id
    )
