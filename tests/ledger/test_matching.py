"""Waiting work and free agents never miss each other, whoever comes first."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from adapters.db.conversation import end, wrap_up
from adapters.db.offers import accept_offer, assign, decline_offer, set_presence, transfer
from domain.contact import StepKind
from domain.refusals import Refusal
from tests.ledger.acts import at_once, expire_now, leave, step, talking_contact, waiting_contact
from tests.support.line import Line

MISSED = """
    select w.case_id, a.user_id from waiting_work w
    join qualifications q on q.requirement_id = w.requirement_id
    join agents a on a.user_id = q.agent_id
    join agent_heartbeats h on h.agent_id = a.user_id
    where not w.offered and (w.directed_to is null or w.directed_to = a.user_id)
      and a.presence = 'ready' and a.load < a.capacity and a.load + least(w.weight, a.capacity) <= a.capacity
      and h.seen_at > ledger_now() - interval '90 seconds'
      and not jsonb_exists(w.refused_by, a.user_id::text)
"""
"""Waiting work beside a free, qualified, fresh agent who did not refuse it: each row is a miss."""

HELD = """
    select a.user_id, a.load, a.capacity,
           coalesce((select sum(o.weight) from offers o
                     where o.agent_id = a.user_id and o.state = 'pending'), 0)
         + coalesce((select sum((select o.weight from offers o
                                 where o.case_id = k.id and o.agent_id = a.user_id and o.state = 'accepted'
                                 order by o.settled_at desc limit 1))
                     from contacts k where k.owner_id = a.user_id), 0) as held
    from agents a
"""


async def missed(line: Line) -> list[Any]:
    async with line.database.reading() as tx:
        return await tx.all(MISSED)


async def check_at_rest(line: Line) -> None:
    assert await missed(line) == []
    async with line.database.reading() as tx:
        for agent in await tx.all(HELD):
            assert agent.load == agent.held <= agent.capacity
        doubled = await tx.all(
            "select case_id from offers where state = 'pending' group by case_id having count(*) > 1"
        )
        astray = await tx.all(
            """select k.id, k.stage from contacts k left join waiting_work w on w.case_id = k.id
               left join offers o on o.case_id = k.id and o.state = 'pending'
               where (k.stage = 'offered') <> (o.id is not null)
                  or (k.stage in ('queued', 'offered')) <> (w.case_id is not null)
                  or (k.stage = 'offered') <> coalesce(w.offered, false)"""
        )
    assert (doubled, astray) == ([], [])


class Crowd:
    """Customers and agents who do whatever they can, all at once."""

    def __init__(self, line: Line, seed: int) -> None:
        self.line = line
        self.random = random.Random(seed)
        self.contacts: list[UUID] = []
        self.refused = 0

    async def customers(self, count: int) -> None:
        for _ in range(count):
            self.contacts.append(await waiting_contact(self.line))
            await asyncio.sleep(self.random.uniform(0, 0.01))

    async def act(self, agent_id: UUID, times: int) -> None:
        for _ in range(times):
            try:
                await self._one_act(agent_id)
            except Refusal:
                self.refused += 1
            await asyncio.sleep(self.random.uniform(0, 0.005))

    async def _one_act(self, agent_id: UUID) -> None:
        shop = self.line.line_id
        async with self.line.database.reading() as tx:
            offers = await tx.all(
                "select id, case_id from offers where agent_id = :a and state = 'pending'", a=agent_id
            )
            owned = await tx.all(
                "select id, stage, message_seq from contacts where owner_id = :a", a=agent_id
            )
        what = self.random.choice(
            ["presence", "accept", "accept", "decline", "finish", "finish", "transfer", "expire", "claim"]
        )
        if what == "presence" or not (offers or owned):
            presence = self.random.choice(["ready", "ready", "away", "offline"])
            async with self.line.database.transaction() as tx:
                await set_presence(tx, shop, agent_id, presence)
        elif what in {"accept", "decline"} and offers:
            offer = self.random.choice(offers)
            async with self.line.database.transaction() as tx:
                if what == "accept":
                    await accept_offer(tx, shop, offer.id, agent_id)
                else:
                    await decline_offer(tx, shop, offer.id, agent_id, "meal")
        elif what == "expire" and offers:
            offer = self.random.choice(offers)
            await expire_now(self.line, offer.case_id)
            await step(self.line, offer.case_id, StepKind.EXPIRE_OFFER)
        elif what == "claim" and self.contacts:
            async with self.line.database.transaction() as tx:
                await assign(
                    tx, shop, self.random.choice(self.contacts), agent_id, by=agent_id, how="claimed"
                )
        elif owned:
            await self._let_go(agent_id, self.random.choice(owned), what)

    async def _let_go(self, agent_id: UUID, contact: Any, what: str) -> None:
        shop = self.line.line_id
        if contact.stage == "talking" and what == "transfer":
            async with self.line.database.transaction() as tx:
                await transfer(tx, shop, contact.id, by=agent_id, to_queue="general")
        elif contact.stage == "talking":
            async with self.line.database.transaction() as tx:
                await end(tx, shop, contact.id, agent_id, seen_seq=contact.message_seq)
        else:
            async with self.line.database.transaction() as tx:
                await wrap_up(
                    tx,
                    shop,
                    contact.id,
                    agent_id,
                    category="orders",
                    subcategory="",
                    solved=True,
                    next_step="",
                )


@pytest.mark.parametrize("seed", [1, 2])
async def test_both_sides_race_and_nobody_is_missed(line: Line, seed: int) -> None:
    crowd = Crowd(line, seed)
    for number in range(6):
        await line.agent(
            f"a{number}", capacity=2, queues=("general", "spare"), presence="ready" if number % 2 else None
        )
    answers = await at_once(
        [*(crowd.customers(12) for _ in range(3)), *(crowd.act(agent, 30) for agent in line.agents.values())]
    )
    assert [answer for answer in answers if answer is not None] == [], "no deadlock, no broken constraint"
    await check_at_rest(line)
    async with line.database.reading() as tx:
        made = await tx.scalar("select count(*) from offers")
    assert made > 30, "the race took place"


async def test_work_that_comes_and_an_agent_who_comes_at_the_same_instant_meet(line: Line) -> None:
    for number in range(12):
        await line.agent(f"b{number}", capacity=1, presence=None)
    arrivals = [waiting_contact(line) for _ in range(12)]
    readiness = [line.presence(name, "ready") for name in line.agents]
    answers = await at_once([each for pair in zip(arrivals, readiness, strict=True) for each in pair])
    assert not [answer for answer in answers if isinstance(answer, BaseException)]
    async with line.database.reading() as tx:
        assert await tx.scalar("select count(*) from offers where state = 'pending'") == 12
    await check_at_rest(line)


async def test_an_agent_who_leaves_while_accepting_deadlocks_nobody(line: Line) -> None:
    for attempt in range(12):
        name = f"c{attempt}"
        await line.agent(name, capacity=3)
        contacts = [await waiting_contact(line) for _ in range(3)]
        offers = [await line.pending_offer(contact_id) for contact_id in contacts]

        async def take(offer_id: UUID, agent_id: UUID = line.agents[name]) -> None:
            async with line.database.transaction() as tx:
                await accept_offer(tx, line.line_id, offer_id, agent_id)

        answers = await at_once(
            [*(take(offer.id) for offer in reversed(offers)), line.presence(name, "offline")]
        )
        assert not [answer for answer in answers if isinstance(answer, DBAPIError)]
        await check_at_rest(line)
        for contact_id in contacts:
            await leave(line, contact_id)


async def test_who_came_back_is_asked_again_even_when_the_plan_is_exhausted(line: Line) -> None:
    """The only agent missed it and is back: the customer must not wait for ever beside a free agent."""
    await line.agent("only", capacity=1)
    contact_id = await waiting_contact(line)
    for _ in range(3):
        await expire_now(line, contact_id)
        await step(line, contact_id, StepKind.EXPIRE_OFFER)
        await _widen_until_exhausted(line, contact_id)
        await line.presence("only", "ready")
        for _ in range(4):
            if await line.pending_offer(contact_id) is not None:
                break
            await _alarm_rings(line, contact_id)
        offer = await line.pending_offer(contact_id)
        assert offer is not None
        assert offer.agent_id == line.agents["only"]


async def _widen_until_exhausted(line: Line, contact_id: UUID) -> None:
    for _ in range(4):
        if (await line.contact(contact_id)).exhausted_at is None:
            await _alarm_rings(line, contact_id)


async def _alarm_rings(line: Line, contact_id: UUID) -> None:
    async with line.database.transaction() as tx:
        await tx.run(
            "update contacts set widen_at = ledger_now() - interval '1 second' where id = :id and widen_at is not null",
            id=contact_id,
        )
    await step(line, contact_id, StepKind.WIDEN)


async def test_a_transfer_to_somebody_who_never_comes_goes_on_to_others(line: Line) -> None:
    await line.agent("giver", capacity=1)
    contact_id = await talking_contact(line, "giver")
    await line.agent("taker", capacity=1, presence="busy")
    async with line.database.transaction() as tx:
        await transfer(tx, line.line_id, contact_id, by=line.agents["giver"], to_agent=line.agents["taker"])
    assert (await line.contact(contact_id)).widen_at is not None, "somebody must look after it"
    await line.agent("third", capacity=1)
    assert await line.pending_offer(contact_id) is None
    await _alarm_rings(line, contact_id)
    offer = await line.pending_offer(contact_id)
    assert offer is not None
    assert offer.agent_id == line.agents["third"]


async def test_a_transfer_to_a_queue_does_not_come_straight_back(line: Line) -> None:
    await line.agent("giver", capacity=3, queues=("general", "spare"))
    contact_id = await talking_contact(line, "giver")
    async with line.database.transaction() as tx:
        await transfer(tx, line.line_id, contact_id, by=line.agents["giver"], to_queue="spare")
    assert await line.pending_offer(contact_id) is None
    contact = await line.contact(contact_id)
    assert (contact.stage, contact.widen_at is not None) == ("queued", True)


async def test_an_agent_without_room_gets_nothing(line: Line) -> None:
    await line.agent("none", capacity=0)
    contact_id = await waiting_contact(line)
    assert await line.pending_offer(contact_id) is None


async def test_a_supervisor_may_give_an_offered_contact_to_the_very_agent_it_is_offered_to(
    line: Line,
) -> None:
    boss = await line.agent("boss", role="supervisor", queues=(), presence=None)
    await line.agent("full", capacity=1)
    contact_id = await waiting_contact(line)
    async with line.database.transaction() as tx:
        await assign(tx, line.line_id, contact_id, line.agents["full"], by=boss, how="reassigned")
    contact = await line.contact(contact_id)
    assert contact.owner_id == line.agents["full"]
    assert (await line.agent_row("full")).load == 1
    await check_at_rest(line)
