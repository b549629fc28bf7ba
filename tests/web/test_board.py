"""The board: its figures are those of the rows, and its acts are bounded by the rules."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from adapters.db.board import Slice, contacts_of, read_board
from adapters.db.engine import Database
from tests.support.line import Line, open_line
from tests.support.signed_in import app_of, person


@dataclass
class Shop:
    database: Database
    line: Line
    app: FastAPI
    anna: UUID
    boss: UUID
    waiting: UUID
    talking: UUID


async def queue_up(line: Line, contact_id: UUID, *, minutes: int) -> None:
    async with line.database.transaction() as tx:
        await tx.run(
            """update contacts set stage = 'queued', speaker = 'agent', handover_at = now(), plan_key = 'zh',
                      enqueued_at = now() - make_interval(mins => :minutes), handover_reason = 'anger'
               where id = :id""",
            minutes=minutes,
            id=contact_id,
        )
        await tx.run(
            "insert into requirements (line_id, fingerprint, queues) values ('shop', 'x', '[]') on conflict do nothing"
        )
        await tx.run(
            """insert into waiting_work (case_id, line_id, requirement_id, queue_id, order_key, since)
               select :id, 'shop', r.id, q.id, now(), now() - make_interval(mins => :minutes)
               from requirements r, queues q where q.key = 'general'""",
            id=contact_id,
            minutes=minutes,
        )


@pytest.fixture
async def shop(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    database = Database(fresh_database_url, pool_size=3)
    line = await open_line(database)
    anna = await line.agent("anna", capacity=2)
    boss = await line.agent("boss", role="supervisor", queues=(), presence=None)
    first = (await line.say(await line.customer(), "在吗")).contact_id
    second = (await line.say(await line.customer(), "退款")).contact_id
    await queue_up(line, first, minutes=7)
    await queue_up(line, second, minutes=3)
    app = app_of(database, tmp_path_factory.mktemp("data"))
    yield Shop(database, line, app, anna, boss, first, second)
    await database.close()


async def test_the_figures_are_those_of_the_rows(shop: Shop) -> None:
    await shop.line.say(await shop.line.customer(), "谢谢")
    async with shop.database.transaction() as tx:
        third = await tx.scalar("select id from contacts where stage = 'bot'")
        await tx.run(
            "update cases set folded_seq = fact_seq, signalled_seq = fact_seq, closed_at = now() where id = :id",
            id=third,
        )
        await tx.run("update contacts set stage = 'closed', closed_at = now() where id = :id", id=third)
        await tx.run(
            """insert into classifications (contact_id, line_id, intent, urgency, corrected_at)
               values (:a, 'shop', 'x', 'normal', now()), (:b, 'shop', 'x', 'normal', null)""",
            a=shop.waiting,
            b=shop.talking,
        )
        await tx.run(
            "insert into surveys (contact_id, line_id, score, answered_at) values (:id, 'shop', 4, now())",
            id=third,
        )
    async with shop.database.reading() as tx:
        seen = await read_board(tx, "shop")
        listed = await contacts_of(tx, "shop", Slice.QUEUE, "general")
    queue = next(row for row in seen.queues if row.key == "general")
    assert (queue.waiting, queue.ready) == (2, 1)
    assert seen.stages == {"queued": 2}
    figures = seen.figures
    assert (figures.contacts, figures.closed, figures.bot_solved_share) == (3, 1, 1.0)
    assert figures.handover_share == pytest.approx(2 / 3)
    assert [(row.reason, row.amount) for row in figures.reasons] == [("anger", 2)]
    assert figures.uncorrected_share == 0.5
    assert (figures.survey_count, figures.survey_mean) == (1, 4.0)
    assert [row.id for row in listed] == [shop.waiting, shop.talking]


async def test_the_page_and_its_parts_for_those_who_may(shop: Shop) -> None:
    async with person(shop.app, shop.database, shop.boss, language="zh") as boss:
        page = await boss.get("/board")
        assert page.status_code == 200
        assert re.search("7 ?分钟", page.text)
        assert "生气" not in page.text
        assert "客户不满" in page.text
        assert "退款" in (await boss.fragment("/board/contacts?part=queue&key=general")).text
        tv = await boss.get("/board?tv=1")
        assert 'data-bs-theme="dark"' in tv.text
        assert "hx-post" not in tv.text
    async with person(shop.app, shop.database, shop.anna) as anna:
        for path in ("/board", "/board/live", "/board/contacts?part=queue&key=general"):
            assert (await anna.get(path)).status_code == 403
    carl = await shop.line.agent("carl", role="administrator", presence=None)
    async with person(shop.app, shop.database, carl) as carl_page:
        page = await carl_page.get("/board")
        assert page.status_code == 200
        assert "data-board-part" not in page.text  # figures, not conversations
        assert (await carl_page.get("/board/contacts?part=queue&key=general")).status_code == 403


async def test_take_over_and_reassign_within_capacity(shop: Shop) -> None:
    async with person(shop.app, shop.database, shop.boss) as boss:

        async def assign(contact: UUID, **more: str) -> int:
            form = {"command_id": str(uuid4()), "part": "queue", "key": "general", **more}
            return (await boss.post(f"/board/contacts/{contact}/assign", form)).status_code

        assert await assign(shop.waiting, to=str(shop.anna)) == 200
        assert (await shop.line.contact(shop.waiting)).owner_id == shop.anna
        assert await assign(shop.waiting) == 200
        assert (await shop.line.contact(shop.waiting)).owner_id == shop.boss
        assert await assign(shop.talking, to=str(uuid4())) == 403  # nobody's seat
        async with shop.database.transaction() as tx:
            await tx.run(
                "update agents set capacity = greatest(load, 1), load = greatest(load, 1) where user_id = :id",
                id=shop.anna,
            )
        assert await assign(shop.talking, to=str(shop.anna)) == 409
        assert (await shop.line.contact(shop.talking)).owner_id is None
    async with person(shop.app, shop.database, shop.anna) as anna:
        refused = await anna.post(
            f"/board/contacts/{shop.talking}/assign",
            {"command_id": str(uuid4()), "part": "queue", "key": "general"},
        )
        assert refused.status_code == 403


async def test_a_supervisor_sets_an_agents_presence(shop: Shop) -> None:
    async with person(shop.app, shop.database, shop.boss) as boss:
        path = f"/board/agents/{shop.anna}/presence"
        assert (await boss.post(path, {"command_id": str(uuid4()), "presence": "offline"})).status_code == 204
        assert (await shop.line.agent_row("anna")).presence == "offline"
        page = await boss.get("/board/live")
        assert "set by a supervisor" in page.text
        unknown = await boss.post(
            f"/board/agents/{uuid4()}/presence", {"command_id": str(uuid4()), "presence": "ready"}
        )
        assert unknown.status_code == 404
