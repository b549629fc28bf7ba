"""The timeline: every kind of event has words in both languages, and a broken chain is seen."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.db import desk_timeline
from adapters.db.desk_words import LineWords
from adapters.db.engine import Database
from tests.web.desk_world import make_world
from web.i18n import LANGUAGES, Texts
from web.timeline import Narrator

ROOT = Path(__file__).parents[2]
PACKAGES = ("adapters", "activities", "workflows", "api", "web", "ops")
KINDS_BY_VARIABLE = frozenset({"taken_over", "assigned", "claimed", "place_kept", "matter_left", "reopened"})
"""Kinds that the code names through a variable."""


def _event_kinds() -> Iterator[str]:
    """Every literal kind given to `tx.event(...)` or `.event(...)` in the code base."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if node.func.attr == "event" and len(node.args) >= 4:
                    kinds = [node.args[2]]
                    if isinstance(node.args[2], ast.IfExp):
                        kinds = [node.args[2].body, node.args[2].orelse]
                    for kind in kinds:
                        if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                            yield kind.value


def _texts(language: str) -> Texts:
    return Texts(language, ZoneInfo("Asia/Shanghai"), strict=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_in_the_code_base_has_a_sentence(language: str) -> None:
    kinds = set(_event_kinds()) | KINDS_BY_VARIABLE
    assert {"offer_made", "handed_over", "closed", "message"} <= kinds  # the search itself works
    missing = {kind for kind in kinds if not _texts(language).has(f"timeline.event.{kind}")}
    assert not missing


def _narrator(language: str) -> Narrator:
    words = LineWords(
        {
            "decline": {"meal": {"zh": "用餐", "en": "at a meal"}},
            "queue": {"care": {"zh": "贵宾", "en": "VIP"}},
        },
        {},
    )
    return Narrator(_texts(language), words, {"0" * 36: ("王敏", "Wang Min"), "1" * 36: ("李航", "Li Hang")})


def _event(kind: str, **attrs: Any) -> Any:
    at = datetime(2026, 2, 27, 6, 2, tzinfo=UTC)
    return SimpleNamespace(id=1, seq=1, kind=kind, actor="system", attrs=attrs, at=at)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh", "派给 <b>王敏</b> 20 秒未应答 · <b>李航</b> 拒接（用餐）"),
        ("en", "offered to <b>Wang Min</b>, no answer in 20 s · <b>Li Hang</b> declined (at a meal)"),
    ],
)
def test_offers_are_told_by_their_outcome(language: str, expected: str) -> None:
    lines = _narrator(language).quiet_lines(
        [
            _event("offer_made", offer_id="a", agent="0" * 36),
            _event("offer_expired", offer_id="a", agent="0" * 36, seconds=20.2),
            _event("offer_made", offer_id="b", agent="1" * 36),
            _event("offer_declined", offer_id="b", agent="1" * 36, reason="meal"),
        ]
    )
    assert " · ".join(part for line in lines for part in line.parts) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_kind_is_shown_and_says_that_it_is_unknown(language: str) -> None:
    told = _narrator(language).tell(_event("teleported", where="mars"))
    assert not told.known
    assert "teleported" in told.text
    assert told.inputs == [("where", "mars")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"agent": None},
        {"agent": 5, "seconds": "x"},
        {"trace": "broken"},
        {"skills": {"refunds": 3}},
        {"step": 0},
    ],
)
def test_no_attributes_break_a_sentence(language: str, attrs: dict[str, Any]) -> None:
    narrator = _narrator(language)
    for kind in sorted(set(_event_kinds()) | KINDS_BY_VARIABLE):
        assert narrator.tell(_event(kind, **attrs)).text
        assert narrator.quiet_lines([_event(kind, **attrs)])


def test_why_this_agent_with_those_passed_over() -> None:
    told = _narrator("zh").tell(
        _event(
            "offer_made",
            agent="0" * 36,
            how="skills",
            level=3,
            load=2,
            capacity=6,
            queue="care",
            alternatives=[{"agent": "1" * 36, "load": 4, "level": 2}],
        )
    )
    assert told.text == "派给王敏"
    assert told.reason == "技能相符，技能合计 3 级，负载 2/6，其他人选：李航（负载 4，技能 2）"
    assert ("队列", "贵宾") in told.inputs


async def test_the_chain_is_proven_and_tampering_is_found(fresh_database_url: str) -> None:
    database = Database(fresh_database_url, pool_size=2)
    try:
        world = await make_world(database)
        contact = await world.talking("chenjia")
        await world.reply(contact, "chenjia", "您好")

        async def proof() -> desk_timeline.ChainProof:
            async with database.reading() as tx:
                events = await desk_timeline.events_of_case(tx, contact)
                return await desk_timeline.prove(tx, contact, events)

        whole = await proof()
        assert whole.verified
        assert whole.events >= 4
        # Who tampers is above the triggers that keep events append-only.
        for statement, broken in (
            ("""update events set attrs = '{"channel": "sms"}' where case_id = :id and seq = 1""", 1),
            ("""update events set attrs = '{"channel": "web"}' where case_id = :id and seq = 1""", None),
            ("update cases set event_seq = event_seq + 1 where id = :id", None),
        ):
            async with database.transaction() as tx:
                await tx.run("alter table events disable trigger user")
                await tx.run(statement, id=contact)
                await tx.run("alter table events enable trigger user")
            assert (await proof()).broken_at == broken
        assert not (await proof()).verified
    finally:
        await database.close()
