"""One owner, whoever acts at the same instant; everybody else gets a clear answer."""

from typing import Any
from uuid import UUID

from adapters.db.conversation import answer_survey, end, invite_to_survey, reply, wrap_up
from adapters.db.offers import accept_offer, assign, decline_offer
from domain.contact import StepKind
from domain.refusals import Refusal, RefusalCode
from tests.ledger.acts import at_once, expire_now, later, leave, step, talking_contact, waiting_contact
from tests.ledger.test_matching import check_at_rest
from tests.support.line import Line


async def accept(line: Line, offer_id: UUID, name: str) -> UUID:
    async with line.database.transaction() as tx:
        return await accept_offer(tx, line.line_id, offer_id, line.agents[name])


async def decline(line: Line, offer_id: UUID, name: str, reason: str = "meal") -> None:
    async with line.database.transaction() as tx:
        await decline_offer(tx, line.line_id, offer_id, line.agents[name], reason)


def codes(answers: list[Any]) -> list[RefusalCode]:
    for answer in answers:
        assert not isinstance(answer, BaseException) or isinstance(answer, Refusal), repr(answer)
    return [answer.code for answer in answers if isinstance(answer, Refusal)]


async def test_the_same_click_twice_at_once_is_one_acceptance(line: Line) -> None:
    await line.agent("wang")
    contact_id = await waiting_contact(line)
    offer = await line.pending_offer(contact_id)
    answers = await at_once(accept(line, offer.id, "wang") for _ in range(5))
    assert answers == [contact_id] * 5
    assert (await line.event_kinds(contact_id)).count("offer_accepted") == 1
    assert [m.attrs.get("code") for m in await line.messages(contact_id)].count("accepted") == 1
    await check_at_rest(line)


async def test_another_agents_offer_cannot_be_accepted_or_declined(line: Line) -> None:
    await line.agent("wang")
    contact_id = await waiting_contact(line)
    await line.agent("li")
    offer = await line.pending_offer(contact_id)
    answers = await at_once([accept(line, offer.id, "li"), decline(line, offer.id, "li")])
    assert codes(answers) == [RefusalCode.NOT_YOUR_OFFER] * 2
    assert (await line.pending_offer(contact_id)).id == offer.id


async def test_an_offer_past_its_time_stays_acceptable_until_it_expires(line: Line) -> None:
    await line.agent("wang")
    contact_id = await waiting_contact(line)
    offer = await line.pending_offer(contact_id)
    await expire_now(line, contact_id)
    assert await accept(line, offer.id, "wang") == contact_id
    other = await waiting_contact(line)
    missed = await line.pending_offer(other)
    await expire_now(line, other)
    await step(line, other, StepKind.EXPIRE_OFFER)
    assert codes(await at_once([accept(line, missed.id, "wang")])) == [RefusalCode.OFFER_GONE]
    await check_at_rest(line)


async def test_accept_and_decline_and_expiry_at_the_same_instant_have_one_outcome(line: Line) -> None:
    outcomes = set()
    for number in range(12):
        name = f"agent{number}"
        await line.agent(name, capacity=1)
        contact_id = await waiting_contact(line)
        offer = await line.pending_offer(contact_id)
        await expire_now(line, contact_id)
        # Each gets its head start: whoever comes first must win alone.
        starts = [0.0, 0.004, 0.008]
        answers = await at_once(
            [
                later(starts[number % 3], accept(line, offer.id, name)),
                later(starts[(number + 1) % 3], decline(line, offer.id, name)),
                later(starts[(number + 2) % 3], step(line, contact_id, StepKind.EXPIRE_OFFER)),
            ]
        )
        refused = codes(answers)
        async with line.database.reading() as tx:
            state = await tx.scalar("select state from offers where id = :id", id=offer.id)
        outcomes.add(state)
        assert refused == [RefusalCode.OFFER_GONE] * {"accepted": 1, "declined": 1, "expired": 2}[state]
        settled = [
            k
            for k in await line.event_kinds(contact_id)
            if k in {"offer_accepted", "offer_declined", "offer_expired"}
        ]
        assert settled == [f"offer_{state}"]
        await check_at_rest(line)
        await leave(line, contact_id)
        await line.presence(name, "offline")
    assert len(outcomes) > 1, "the race had more than one winner"


async def test_a_decline_needs_a_reason(line: Line) -> None:
    await line.agent("wang")
    contact_id = await waiting_contact(line)
    offer = await line.pending_offer(contact_id)
    assert codes(await at_once([decline(line, offer.id, "wang", "  ")])) == [RefusalCode.REASON_NEEDED]
    assert (await line.pending_offer(contact_id)).id == offer.id


async def test_two_supervisors_and_three_agents_leave_one_owner(line: Line) -> None:
    for name in ("boss", "chief"):
        await line.agent(name, role="supervisor", queues=(), capacity=20, presence="busy")
    await line.agent("wang", capacity=20)
    for name in ("li", "chen"):
        await line.agent(name, capacity=20, presence=None)

    async def take_over(contact_id: UUID, name: str, how: str) -> None:
        async with line.database.transaction() as tx:
            await assign(tx, line.line_id, contact_id, line.agents[name], by=line.agents[name], how=how)

    for _ in range(6):
        contact_id = await waiting_contact(line)
        offer = await line.pending_offer(contact_id)
        answers = await at_once(
            [
                take_over(contact_id, "boss", "taken_over"),
                accept(line, offer.id, "wang"),
                accept(line, offer.id, "li"),
                accept(line, offer.id, "chen"),
                take_over(contact_id, "chief", "taken_over"),
            ]
        )
        refused = codes(answers)
        assert RefusalCode.NOT_YOUR_OFFER in refused
        contact = await line.contact(contact_id)
        assert contact.stage == "talking"
        took = [e for e in await line.events(contact_id) if e.kind in {"taken_over", "offer_accepted"}]
        assert took[-1].attrs["agent"] == str(contact.owner_id), "the last to take it has it"
        handed_on = [e.attrs["from"] for e in took[1:]]
        assert handed_on == [e.attrs["agent"] for e in took[:-1]], "each knew whom it was taken from"
        await check_at_rest(line)


async def test_whoever_lost_the_contact_cannot_speak_or_end_it(line: Line) -> None:
    await line.agent("boss", role="supervisor", queues=(), presence="busy")
    await line.agent("wang")
    contact_id = await talking_contact(line, "wang")
    async with line.database.transaction() as tx:
        await assign(
            tx, line.line_id, contact_id, line.agents["boss"], by=line.agents["boss"], how="taken_over"
        )

    async def speak() -> None:
        async with line.database.transaction() as tx:
            await reply(tx, line.line_id, contact_id, line.agents["wang"], "还在吗")

    async def finish() -> None:
        async with line.database.transaction() as tx:
            await end(tx, line.line_id, contact_id, line.agents["wang"], seen_seq=99)

    assert codes(await at_once([speak(), finish()])) == [RefusalCode.NOT_YOURS] * 2


async def test_who_was_rated_while_talking_is_closed_after_the_wrap_up(line: Line) -> None:
    """邀评: the answer is in, so nothing is left to wait a day for."""
    await line.agent("wang")
    contact_id = await talking_contact(line, "wang")
    shop, wang = line.line_id, line.agents["wang"]
    async with line.database.transaction() as tx:
        await invite_to_survey(tx, shop, contact_id, wang)
    async with line.database.transaction() as tx:
        await answer_survey(tx, shop, contact_id, score=5, solved=True, reasons=[], comment="")
    async with line.database.transaction() as tx:
        await end(tx, shop, contact_id, wang, seen_seq=99)
    async with line.database.transaction() as tx:
        await wrap_up(
            tx, shop, contact_id, wang, category="orders", subcategory="", solved=True, next_step=""
        )
    assert (await step(line, contact_id, StepKind.CLOSE)).stage == "closed"
