"""What a customer sends exists once, in order, in exactly one contact, whatever happens beside it."""

import asyncio
from typing import Any
from uuid import UUID

from adapters.db.chat import in_one_transaction
from adapters.db.conversation import leave_contact
from adapters.db.engine import Transaction
from adapters.db.intake import Inbound, Received, receive
from domain.contact import StepKind
from tests.ledger.acts import at_once, later, step, waiting_contact
from tests.support.line import Line

WRITERS = 50


async def send(line: Line, identity_id: UUID, external_id: str, body: str) -> Received:
    """As the chat does: in one transaction, again when another was a moment faster."""

    async def take_in(tx: Transaction) -> Received:
        inbound = Inbound(line_id=line.line_id, identity_id=identity_id, external_id=external_id, body=body)
        return await receive(tx, inbound)

    return await in_one_transaction(line.database, take_in)


async def gaps(line: Line) -> list[Any]:
    async with line.database.reading() as tx:
        return await tx.all(
            """select c.id from cases c join contacts k on k.id = c.id
               where c.fact_seq <> (select count(*) from facts f where f.case_id = c.id)
                  or c.fact_seq <> coalesce((select max(seq) from facts f where f.case_id = c.id), 0)
                  or k.message_seq <> (select count(*) from messages m where m.contact_id = c.id)
                  or k.message_seq <> coalesce((select max(seq) from messages m where m.contact_id = c.id), 0)
                  or c.event_seq <> (select count(*) from events e where e.case_id = c.id)"""
        )


async def test_two_first_messages_open_one_contact(line: Line) -> None:
    for _ in range(5):
        identity = await line.customer()
        answers = await at_once(send(line, identity, f"m{n}", f"第{n}条") for n in range(4))
        assert len({answer.contact_id for answer in answers}) == 1
        assert sorted(answer.seq for answer in answers) == [1, 2, 3, 4]
    assert await gaps(line) == []


async def test_the_same_message_twice_at_once_exists_once(line: Line) -> None:
    identity = await line.customer()
    answers = await at_once(send(line, identity, "m1", "我的订单呢？") for _ in range(8))
    assert len({answer.message_id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * 7
    assert not any(answer.conflict for answer in answers)
    assert len(await line.messages(answers[0].contact_id)) == 1
    assert await gaps(line) == []


async def test_the_same_id_with_another_body_raises_an_alert_and_changes_nothing(line: Line) -> None:
    identity = await line.customer()
    first = await send(line, identity, "m1", "退款 10 元")
    second = await send(line, identity, "m1", "退款 1000 元")
    assert (second.duplicate, second.conflict, second.message_id) == (True, True, first.message_id)
    assert [message.body for message in await line.messages(first.contact_id)] == ["退款 10 元"]
    assert (await line.event_kinds(first.contact_id)).count("inbound_conflict") == 1
    assert (await line.case(first.contact_id)).fact_seq == 1


async def test_the_same_id_of_another_customer_is_another_message(line: Line) -> None:
    one = await send(line, await line.customer(), "m1", "你好")
    other = await send(line, await line.customer(), "m1", "你好")
    assert one.message_id != other.message_id
    assert not other.duplicate


async def test_many_writers_leave_no_gap(line: Line) -> None:
    identity = await line.customer()
    answers = await at_once(send(line, identity, f"m{n}", f"第{n}条") for n in range(WRITERS))
    assert sorted(answer.seq for answer in answers) == list(range(1, WRITERS + 1))
    contact_id = answers[0].contact_id
    async with line.database.reading() as tx:
        facts = await tx.all("select seq, attrs from facts where case_id = :id order by seq", id=contact_id)
    assert [fact.seq for fact in facts] == list(range(1, WRITERS + 1))
    assert [fact.attrs["seq"] for fact in facts] == list(range(1, WRITERS + 1)), (
        "facts in the order of the messages"
    )
    assert await gaps(line) == []


async def test_a_message_that_races_with_close_is_never_lost(line: Line) -> None:
    for number in range(15):
        identity = await line.customer()
        contact_id = await waiting_contact(line, identity=identity)
        await at_survey(line, contact_id)
        received, _ = await at_once(
            [
                asyncio.create_task(
                    later(0.001 * (number % 5), send(line, identity, f"late{number}", "还有一件事"))
                ),
                asyncio.create_task(step(line, contact_id, StepKind.CLOSE)),
            ]
        )
        landed = await line.contact(received.contact_id)
        before = await line.contact(contact_id)
        if received.contact_id == contact_id:
            assert landed.stage == "survey"
            assert (await step(line, contact_id, StepKind.REQUEUE)).stage == "queued"
        else:
            assert before.stage == "closed"
            assert landed.previous_contact_id == contact_id
            assert landed.stage == "bot"
        assert [m.body for m in await line.messages(received.contact_id)].count("还有一件事") == 1
    assert await gaps(line) == []


async def at_survey(line: Line, contact_id: UUID) -> None:
    """Past its survey, by hand: only the closing step is missing."""
    async with line.database.transaction() as tx:
        await tx.run("delete from waiting_work where case_id = :id", id=contact_id)
        await tx.run(
            """update contacts set stage = 'survey', handled_seq = customer_seq,
                      survey_due_at = ledger_now() - interval '1 second' where id = :id""",
            id=contact_id,
        )


async def test_who_leaves_and_then_writes_again_is_not_closed_on(line: Line) -> None:
    """A message that arrives while closing keeps the contact open, in every stage."""
    for stage in ("bot", "queued"):
        identity = await line.customer()
        contact_id = (
            (await line.say(identity, "你好")).contact_id
            if stage == "bot"
            else await waiting_contact(line, identity=identity)
        )
        async with line.database.transaction() as tx:
            await leave_contact(tx, line.line_id, contact_id)
        again = await send(line, identity, f"again-{stage}", "等等，我还有问题")
        assert again.contact_id == contact_id
        state = await step(line, contact_id, StepKind.CLOSE_IDLE)
        assert state.stage == stage


async def test_a_contact_that_closes_in_the_moment_of_opening_another_is_no_dead_end(
    line: Line, monkeypatch: Any
) -> None:
    """Two first messages: the winner's contact is closed before the loser looks for it."""
    identity = await line.customer()
    run = Transaction.run
    winner: list[UUID] = []

    async def slow_run(self: Transaction, sql: str, **parameters: Any) -> int:
        if "insert into contacts" in sql and not winner:
            winner.append(UUID(int=0))
            winner[0] = (await send(line, identity, "first", "你好")).contact_id
        touched = await run(self, sql, **parameters)
        if sql.startswith("delete from cases"):
            async with line.database.transaction() as other:
                await other.lock_case(winner[0])
                await run(other, "update contacts set stage = 'closed' where id = :id", id=winner[0])
                await run(
                    other,
                    """update cases set closed_at = now(), signalled_seq = fact_seq, folded_seq = fact_seq
                       where id = :id""",
                    id=winner[0],
                )
        return touched

    monkeypatch.setattr(Transaction, "run", slow_run)
    received = await send(line, identity, "second", "在吗")
    monkeypatch.undo()
    assert received.contact_id != winner[0]
    assert (await line.contact(received.contact_id)).previous_contact_id == winner[0]
