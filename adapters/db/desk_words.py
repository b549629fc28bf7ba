"""What a line's keys are called: queues, skills, plans, reasons, intents, tiers — in both languages."""

from dataclasses import dataclass
from typing import Any

from adapters.db.config import LineConfig, line_config
from adapters.db.engine import Transaction

Names = dict[str, str]
"""A name by language."""


@dataclass(frozen=True)
class LineWords:
    """Names by area and key, and the choices that people pick from in the settings' order."""

    areas: dict[str, dict[str, Names]]
    choices: dict[str, list[dict[str, Any]]]
    """The reasons of settings: decline, transfer, wrap_up (with children), survey."""

    def name(self, area: str, key: str | None, language: str) -> str:
        """What a key is called; the key itself where the line names none any more."""
        names = self.areas.get(area, {}).get(key or "", {})
        return names.get(language) or next(iter(names.values()), "") or (key or "")

    def known(self, area: str, key: str) -> bool:
        """Whether the line has such a key."""
        return key in self.areas.get(area, {})


_cache: dict[str, tuple[LineConfig, LineWords]] = {}


async def line_words(tx: Transaction, line_id: str) -> LineWords:
    """The names that this transaction sees; read again when the configuration changes."""
    config = await line_config(tx, line_id)
    cached = _cache.get(line_id)
    if cached is not None and cached[0] is config:
        return cached[1]
    words = await _load(tx, config)
    _cache[line_id] = (config, words)
    return words


async def _load(tx: Transaction, config: LineConfig) -> LineWords:
    areas: dict[str, dict[str, Names]] = {}
    for area, table in (("queue", "queues"), ("skill", "skills"), ("plan", "routing_plans")):
        rows = await tx.all(
            f"select key, name_zh, name_en from {table} where line_id = :line order by key",  # noqa: S608 # one of three constants
            line=config.line_id,
        )
        areas[area] = {row.key: {"zh": row.name_zh, "en": row.name_en} for row in rows}
    areas["intent"] = {
        key: {language.value: title for language, title in intent.title.items()}
        for key, intent in config.book.intents.items()
    }
    areas["tier"] = _named(await _tiers(tx, config))
    choices = {area: list(items) for area, items in config.reasons.items() if isinstance(items, list)}
    for area, items in choices.items():
        areas[area] = _named(items)
    areas["wrap_up_child"] = {
        f"{parent['key']}.{child['key']}": dict(child["name"])
        for parent in choices.get("wrap_up", [])
        for child in parent.get("children", [])
    }
    return LineWords(areas, choices)


async def _tiers(tx: Transaction, config: LineConfig) -> list[dict[str, Any]]:
    value = await tx.scalar(
        "select value from settings where line_id = :line and key = 'tiers'", line=config.line_id
    )
    items = value.get("tiers", []) if isinstance(value, dict) else value
    if isinstance(items, list) and items:
        return items
    keys = list(config.priorities.tier_minutes) or ["ordinary"]
    return [{"key": key, "name": {}} for key in keys]


def _named(items: list[dict[str, Any]]) -> dict[str, Names]:
    return {item["key"]: dict(item.get("name") or {}) for item in items if "key" in item}
