"""`holdfast check` names every kind of damage, and finds none where there is none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.db.checking import Violation, check_connection, check_ledger, wait_for_rest
from adapters.db.conversation import answer_survey, end, reply, wrap_up
from adapters.db.engine import Database
from adapters.db.offers import accept_offer, assign, decline_offer, transfer
from domain.contact import StepKind
from ops.commands.check import Finding, Title
from tests.ledger.acts import expire_now, leave, step, talking_contact, waiting_contact
from tests.support.line import Line, open_line


@dataclass
class Town:
    """One contact in every stage, and one with every kind of past."""

    line: Line
    bot: UUID
    queued: UUID
    offered: UUID
    talking: UUID
    wrap_up: UUID
    survey: UUID
    closed: UUID


async def _build(line: Line) -> Town:
    await line.agent("wang", capacity=4)
    talking = await talking_contact(line, "wang")
    await _converse(line, talking, "wang")
    wrapping = await talking_contact(line, "wang")
    await _end(line, wrapping, "wang")
    survey = await talking_contact(line, "wang")
    await _finish(line, survey, "wang")
    closed = await talking_contact(line, "wang")
    await _finish(line, closed, "wang")
    async with line.database.transaction() as tx:
        await answer_survey(tx, "shop", closed, score=1, solved=False, reasons=[], comment="")
    await step(line, closed, StepKind.CLOSE)
    await _eventful(line)
    offered = await waiting_contact(line)
    await line.agent("away", presence="away")
    await line.presence("wang", "busy")
    queued = await waiting_contact(line)
    bot = (await line.say(await line.customer(), "你好")).contact_id
    await step(line, bot, StepKind.BOT_TURN)
    town = Town(line, bot, queued, offered, talking, wrapping, survey, closed)
    async with line.database.reading() as tx:
        cases = await tx.all("select id from cases where folded_seq < fact_seq")
    for case in cases:
        await step(line, case.id, StepKind.SETTLE)
    return town


async def _converse(line: Line, contact_id: UUID, name: str) -> None:
    identity = (await line.contact(contact_id)).identity_id
    await line.say(identity, "E20260223-0457")
    async with line.database.transaction() as tx:
        await reply(tx, "shop", contact_id, line.agents[name], "请稍等")


async def _end(line: Line, contact_id: UUID, name: str) -> None:
    async with line.database.transaction() as tx:
        await end(tx, "shop", contact_id, line.agents[name], seen_seq=99)


async def _finish(line: Line, contact_id: UUID, name: str) -> None:
    await _end(line, contact_id, name)
    async with line.database.transaction() as tx:
        await wrap_up(
            tx,
            "shop",
            contact_id,
            line.agents[name],
            category="orders",
            subcategory="",
            solved=True,
            next_step="",
        )


async def _eventful(line: Line) -> None:
    """Declined, expired, transferred, taken over, assigned, given up while offered; all over at the end."""
    boss = await line.agent("boss", role="supervisor", queues=(), capacity=2, presence=None)
    contact_id = await waiting_contact(line)
    offer = await line.pending_offer(contact_id)
    async with line.database.transaction() as tx:
        await decline_offer(tx, "shop", offer.id, line.agents["wang"], "meal")
    await line.agent("li", capacity=1)
    await expire_now(line, contact_id)
    await step(line, contact_id, StepKind.EXPIRE_OFFER)
    await line.presence("li", "ready")
    async with line.database.transaction() as tx:
        await assign(tx, "shop", contact_id, line.agents["li"], by=boss, how="assigned")
    async with line.database.transaction() as tx:
        await transfer(tx, "shop", contact_id, by=line.agents["li"], to_queue="general")
    async with line.database.transaction() as tx:
        await assign(tx, "shop", contact_id, boss, by=boss, how="taken_over")
    await _finish(line, contact_id, "boss")
    other = await waiting_contact(line)
    await leave(line, other)
    again = await waiting_contact(line)
    offer = await line.pending_offer(again)
    name = next(key for key, value in line.agents.items() if value == offer.agent_id)
    await line.presence(name, "offline")
    await line.presence(name, "ready")
    offer = await line.pending_offer(again)
    async with line.database.transaction() as tx:
        await accept_offer(tx, "shop", offer.id, offer.agent_id)
    async with line.database.transaction() as tx:
        await assign(tx, "shop", again, boss, by=boss, how="taken_over")
    await _finish(line, again, "boss")
    await line.presence("li", "offline")


@pytest.fixture(scope="module")
async def town(module_database_url: str) -> AsyncIterator[Town]:
    database = Database(module_database_url, pool_size=5)
    yield await _build(await open_line(database))
    await database.close()


async def damaged(town: Town, statement: str) -> list[Violation]:
    """What the check says in a transaction in which this was done; then it is undone."""
    async with town.line.database.engine.connect() as connection:
        for table in ("events", "facts"):
            await connection.execute(text(f"alter table {table} disable trigger append_only"))
        for each in statement.split(";"):
            assert (await connection.execute(text(each), vars(town) | {"line": None})).rowcount != 0, (
                "no damage done"
            )
        found = await check_connection(connection)
        await connection.rollback()
    return found


async def test_a_sound_ledger_has_no_violations(town: Town) -> None:
    assert await check_ledger(town.line.database) == []
    assert await wait_for_rest(town.line.database, 0)


DROP = "alter table contacts drop constraint one_owner;"
UNIQUE = "alter table messages drop constraint messages_line_id_channel_external_id_key;"
MESSAGE_COPY = """insert into messages (id, line_id, contact_id, seq, author, body, channel, external_id, at)
    select gen_random_uuid(), line_id, contact_id, 900, author, body, channel, external_id, at
    from messages where contact_id = :talking and seq = 1"""
UNCHECKED = "alter table cases drop constraint closed_with_nothing_left;"

DAMAGE: list[tuple[str, str, str]] = [
    (
        "I1",
        "message_without_event",
        "delete from events where case_id = :talking and attrs ->> 'seq' = '1'",
    ),
    ("I1", "event_without_message", "delete from messages where contact_id = :talking and seq = 2"),
    ("I1", "message_twice", UNIQUE + MESSAGE_COPY),
    ("I1", "fact_without_message", "delete from messages where contact_id = :bot and author = 'customer'"),
    ("I2", "message_gap", "update contacts set message_seq = message_seq + 1 where id = :talking"),
    ("I2", "message_gap", "update messages set seq = 99 where contact_id = :talking and seq = 2"),
    ("I2", "fact_gap", "delete from facts where case_id = :talking and seq = 2"),
    ("I2", "fact_gap", "update cases set fact_seq = fact_seq + 1 where id = :talking"),
    (
        "I2",
        "message_out_of_order",
        """update messages set seq = -seq where contact_id = :talking and seq in (1, 2);
           update messages set seq = case seq when -1 then 2 else 1 end where contact_id = :talking and seq < 0""",
    ),
    ("I3", "owner_against_stage", DROP + "update contacts set owner_id = null where id = :talking"),
    (
        "I3",
        "owner_without_offer",
        "update contacts set owner_id = (select user_id from agents where nickname_zh = 'li') where id = :talking",
    ),
    (
        "I3",
        "offer_against_stage",
        "update offers set state = 'expired' where case_id = :offered and state = 'pending'",
    ),
    ("I3", "offer_against_stage", "update offers set state = 'pending' where case_id = :talking"),
    (
        "I3",
        "two_open_contacts",
        """drop index one_open_contact;
           update contacts set customer_id = (select customer_id from contacts where id = :bot) where id = :queued""",
    ),
    (
        "I4",
        "load_over_capacity",
        "alter table agents drop constraint capacity; update agents set load = 9 where nickname_zh = 'wang'",
    ),
    ("I4", "load_differs", "update agents set load = load - 1 where nickname_zh = 'wang'"),
    (
        "I4",
        "over_capacity_once",
        """update agents set capacity = 3 where nickname_zh = 'wang';
           delete from events where case_id = :survey and kind = 'wrapped_up'""",
    ),
    ("I7", "queued_without_entry", "delete from waiting_work where case_id = :queued"),
    ("I7", "entry_without_waiting", "update waiting_work set case_id = :talking where case_id = :queued"),
    ("I7", "no_alarm", "update contacts set wrap_up_due_at = null where id = :wrap_up"),
    ("I7", "no_alarm", "update contacts set widen_at = null where id = :queued"),
    ("I7", "case_against_contact", "update cases set closed_at = null where id = :closed"),
    (
        "I8",
        "fact_not_signalled",
        "update cases set signalled_seq = fact_seq - 1, folded_seq = fact_seq - 1 where id = :talking",
    ),
    ("I8", "fact_not_folded", "update cases set folded_seq = fact_seq - 1 where id = :talking"),
    (
        "I8",
        "case_quarantined",
        "update cases set quarantined_at = now(), quarantine_reason = 'x' where id = :talking",
    ),
    ("I9", "chain_broken", "update events set actor = 'bot' where case_id = :talking and seq = 2"),
    (
        "I9",
        "chain_broken",
        "update events set attrs = attrs || '{\"seq\": 7}' where case_id = :talking and seq = 1",
    ),
    (
        "I9",
        "chain_broken",
        "update events set at = at + interval '1 second' where case_id = :talking and seq = 3",
    ),
    ("I9", "event_gap", "delete from events where case_id = :talking and seq = 2"),
    (
        "I9",
        "chain_cut",
        "delete from events where case_id = :talking and seq = (select event_seq from cases where id = :talking)",
    ),
    ("I9", "chain_cut", "update cases set head_hash = '\\x00' where id = :talking"),
    ("I9", "event_of_another_case", "update events set case_id = :bot where case_id = :talking and seq = 2"),
    (
        "I9",
        "said_without_event",
        "delete from events where case_id = :talking and kind = 'message' and actor like 'user:%'",
    ),
    (
        "I9",
        "opened_or_closed_without_event",
        "delete from events where case_id = :closed and kind = 'closed'",
    ),
    ("I9", "offer_without_event", "delete from events where case_id = :offered and kind = 'offer_made'"),
    ("I9", "presence_without_event", "update agents set presence = 'ready' where nickname_zh = 'away'"),
]


@pytest.mark.parametrize(("invariant", "code", "statement"), DAMAGE)
async def test_seeded_damage_is_found_by_name(town: Town, invariant: str, code: str, statement: str) -> None:
    found = await damaged(town, statement)
    assert (invariant, code) in {(each.invariant.value, each.code) for each in found}
    assert await check_ledger(town.line.database) == [], "the damage was undone"


def test_every_finding_and_invariant_has_its_sentences() -> None:
    for english, chinese in [*(each.value for each in Finding), *(each.value for each in Title)]:
        assert english
        assert any("一" <= letter <= "鿿" for letter in chinese)
