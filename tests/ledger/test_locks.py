"""Locks in one order, a session that hangs is ended, and what is written once stays as it is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import DBAPIError

from adapters.db.desk_timeline import events_of_case, prove
from adapters.db.engine import LockOrderError, Transaction
from adapters.db.offers import accept_offer
from tests.ledger.acts import talking_contact, waiting_contact
from tests.support.line import Line

Act = Callable[[Transaction], Awaitable[object]]


async def do(line: Line, *acts: Act) -> None:
    """These acts in one transaction."""
    async with line.database.transaction() as tx:
        for act in acts:
            await act(tx)


async def test_the_routing_lock_comes_first(line: Line) -> None:
    contact_id = (await line.say(await line.customer(), "你好")).contact_id
    with pytest.raises(LockOrderError):
        await do(line, lambda tx: tx.lock_case(contact_id), lambda tx: tx.lock_routing(line.line_id))


async def test_a_second_case_needs_the_routing_lock(line: Line) -> None:
    first = (await line.say(await line.customer(), "你好")).contact_id
    second = (await line.say(await line.customer(), "你好")).contact_id
    with pytest.raises(LockOrderError):
        await do(line, lambda tx: tx.lock_case(first), lambda tx: tx.lock_case(second))
    await do(
        line,
        lambda tx: tx.lock_routing(line.line_id),
        lambda tx: tx.lock_case(second),
        lambda tx: tx.lock_case(first),
    )


async def test_an_agents_row_is_locked_within_the_routing_lock_only(line: Line) -> None:
    agent_id = await line.agent("wang")
    with pytest.raises(LockOrderError):
        async with line.database.transaction() as tx:
            await tx.lock_agent(agent_id)


async def test_facts_and_events_need_their_cases_lock(line: Line) -> None:
    contact_id = (await line.say(await line.customer(), "你好")).contact_id
    with pytest.raises(LockOrderError):
        async with line.database.transaction() as tx:
            await tx.record_fact(contact_id, "owner_back")
    with pytest.raises(LockOrderError):
        async with line.database.transaction() as tx:
            tx.event(line.line_id, contact_id, "closed", "system")


async def test_a_closed_case_takes_no_facts(line: Line) -> None:
    contact_id = (await line.say(await line.customer(), "你好")).contact_id
    async with line.database.transaction() as tx:
        await tx.run("update contacts set stage = 'closed' where id = :id", id=contact_id)
        await tx.run(
            "update cases set closed_at = now(), signalled_seq = fact_seq, folded_seq = fact_seq where id = :id",
            id=contact_id,
        )
    with pytest.raises(LockOrderError):
        await do(
            line, lambda tx: tx.lock_case(contact_id), lambda tx: tx.record_fact(contact_id, "owner_back")
        )


async def test_accepting_does_not_wait_for_the_agents_row(line: Line) -> None:
    """The foreign key of the new owner must not close a circle with whoever holds the agent's load."""
    agent_id = await line.agent("wang", capacity=3)
    one, other = await waiting_contact(line), await waiting_contact(line)
    offer = await line.pending_offer(other)

    async def accept() -> None:
        async with line.database.transaction() as tx:
            await accept_offer(tx, line.line_id, offer.id, agent_id)

    async with line.database.transaction() as tx:
        await tx.lock_routing(line.line_id)
        await tx.lock_case(one)
        await tx.lock_agent(agent_id)
        accepting = asyncio.create_task(accept())
        await asyncio.wait([accepting], timeout=0.3)
        await tx.lock_case(other)  # what a change of presence does next
    await accepting
    assert (await line.contact(other)).owner_id == agent_id


@pytest.mark.parametrize("table", ["events", "facts"])
@pytest.mark.parametrize("change", ["update {} set kind = 'forged'", "delete from {}"])
async def test_what_was_recorded_is_never_changed(line: Line, table: str, change: str) -> None:
    await line.say(await line.customer(), "你好")
    with pytest.raises(DBAPIError) as refused:
        async with line.database.transaction() as tx:
            await tx.run(change.format(table))
    assert "append-only" in str(refused.value.orig)


async def test_the_chain_of_a_whole_conversation_verifies(line: Line) -> None:
    await line.agent("wang")
    contact_id = await talking_contact(line, "wang")
    await line.say((await line.contact(contact_id)).identity_id, "还在吗？")
    async with line.database.reading() as tx:
        events = await events_of_case(tx, contact_id)
        assert (await prove(tx, contact_id, events)).verified
        cut = await prove(tx, contact_id, events[:-1])
    assert len(events) >= 6
    assert not cut.verified


async def test_a_session_that_hangs_in_its_transaction_is_ended_and_the_pool_heals(line: Line) -> None:
    contact_id = (await line.say(await line.customer(), "你好")).contact_id
    with pytest.raises(DBAPIError):
        await do(
            line,
            lambda tx: tx.run("set local idle_in_transaction_session_timeout = 200"),
            lambda tx: tx.lock_case(contact_id),
            lambda _: asyncio.sleep(0.6),
            lambda tx: tx.run("update contacts set preview = '' where id = :id", id=contact_id),
        )
    async with asyncio.timeout(5):
        for _ in range(20):
            async with line.database.transaction() as tx:
                await tx.lock_case(contact_id)


async def test_every_session_has_the_timeout(line: Line) -> None:
    async with line.database.reading() as tx:
        assert await tx.scalar("show idle_in_transaction_session_timeout") == "5s"
        assert await tx.scalar("show timezone") == "UTC"
