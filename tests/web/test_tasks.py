"""Tasks: everything awaited is said in words, settled by whom it awaits, and can be taken back."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from adapters.db.conversation import add_note, add_task
from adapters.db.engine import Database
from adapters.db.tasks import TaskKind, outcomes_of
from tests.support.line import Line, open_line
from tests.support.signed_in import app_of, person
from web.i18n import LANGUAGES, catalogue

ROOT = Path(__file__).parents[2]


@dataclass
class Shop:
    database: Database
    line: Line
    app: FastAPI
    anna: UUID
    boss: UUID
    contact: UUID


@pytest.fixture(scope="module")
async def shop(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    database = Database(module_database_url, pool_size=3)
    line = await open_line(database)
    anna = await line.agent("anna", presence=None)
    boss = await line.agent("boss", role="supervisor", queues=(), presence=None)
    contact = (await line.say(await line.customer(), "包裹丢了")).contact_id
    yield Shop(database, line, app_of(database, tmp_path_factory.mktemp("data")), anna, boss, contact)
    await database.close()


async def raise_task(shop: Shop, kind: str, key: str, *, role: str = "supervisor") -> UUID:
    async with shop.database.transaction() as tx:
        await tx.lock_case(shop.contact)
        await add_task(tx, "shop", shop.contact, key=key, kind=kind, role=role, attrs={"score": 1})
        task_id: UUID = await tx.scalar("select id from tasks where key = :key", key=key)
    return task_id


def kinds_in_code() -> set[str]:
    found: set[str] = set()
    for folder in ("adapters", "activities", "workflows", "api", "web", "ops"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text("utf-8")
            for call in re.finditer(r"add_task\((?:[^()]|\([^()]*\))*\)", text):
                found |= set(re.findall(r'kind="([a-z_]+)"', call[0]))
            for call in re.finditer(r"insert into tasks.{0,400}", text, re.DOTALL):
                found |= set(re.findall(r"values \([^)]*?'([a-z_]+)'", call[0]))
    return found


def test_every_kind_raised_in_code_is_said_in_both_languages() -> None:
    kinds = kinds_in_code()
    assert {"mention", "low_score", "left_matter", "nobody_available"} <= kinds
    assert kinds <= set(TaskKind)
    for language in LANGUAGES:
        texts = catalogue(language)
        for kind in TaskKind:
            assert texts[f"tasks.kind.{kind}"]
            assert texts[f"tasks.what.{kind}"]
            for outcome in outcomes_of(kind):
                assert texts[f"tasks.outcome.{outcome}"]


async def test_the_page_shows_every_kind_and_settles_it(shop: Shop) -> None:
    ids = {
        kind: await raise_task(shop, kind, f"page:{kind}")
        for kind in TaskKind
        if kind is not TaskKind.MENTION
    }
    async with shop.database.transaction() as tx:
        await add_note(tx, "shop", shop.contact, shop.anna, "@boss please look", [shop.boss])
    for language in LANGUAGES:
        async with person(shop.app, shop.database, shop.boss, language=language) as boss:
            page = await boss.get("/tasks?whose=everyone")
            assert page.status_code == 200
            for kind in TaskKind:
                assert str(catalogue(language)[f"tasks.kind.{kind}"]) in page.text
            assert "@boss please look" in page.text
    async with person(shop.app, shop.database, shop.boss) as boss:
        for kind, task_id in ids.items():
            done = await boss.post(
                f"/tasks/{task_id}/settle",
                {"outcome": outcomes_of(kind)[0].value, "command_id": str(uuid4()), "whose": "everyone"},
            )
            assert done.status_code == 200
            assert "data-vanish" in done.text
            assert f"/tasks/{task_id}/settle" not in done.text
        settled = await boss.get("/tasks?whose=everyone&settled=true")
        assert settled.text.count("/reopen") == len(ids)


async def test_a_settlement_is_taken_back_once(shop: Shop) -> None:
    task_id = await raise_task(shop, "left_matter", "undo")
    async with person(shop.app, shop.database, shop.boss) as boss:
        form = {"outcome": "answered", "command_id": str(uuid4())}
        for _ in range(2):  # the same click twice
            assert (await boss.post(f"/tasks/{task_id}/settle", form)).status_code == 200
        again = await boss.post(f"/tasks/{task_id}/settle", form | {"command_id": str(uuid4())})
        assert again.status_code == 409
        assert (await boss.post(f"/tasks/{task_id}/reopen", {"command_id": str(uuid4())})).status_code == 200
        twice = await boss.post(f"/tasks/{task_id}/reopen", {"command_id": str(uuid4())})
        assert twice.status_code == 409
    kinds = await shop.line.event_kinds(shop.contact)
    assert kinds.count("task_settled") - kinds.count("task_reopened") >= 0
    assert kinds[-2:] == ["task_settled", "task_reopened"]


async def test_only_those_it_awaits_may_settle(shop: Shop) -> None:
    task_id = await raise_task(shop, "low_score", "guard")
    async with person(shop.app, shop.database, shop.anna) as anna:
        refused = await anna.post(
            f"/tasks/{task_id}/settle", {"outcome": "called_back", "command_id": str(uuid4())}
        )
        assert refused.status_code == 404
        page = await anna.get("/tasks?whose=everyone")
        assert str(task_id) not in page.text
    other = await open_line(shop.database, line_id="other")
    stranger = await other.agent("stranger", role="supervisor", presence=None)
    async with person(shop.app, shop.database, stranger) as foreign:
        refused = await foreign.post(
            f"/tasks/{task_id}/settle", {"outcome": "called_back", "command_id": str(uuid4())}
        )
        assert refused.status_code == 404


async def test_an_empty_list_says_what_will_come(shop: Shop) -> None:
    carl = await shop.line.agent("carl", presence=None)
    async with person(shop.app, shop.database, carl, language="zh") as page:
        assert "没有待办" in (await page.get("/tasks?whose=mine")).text
