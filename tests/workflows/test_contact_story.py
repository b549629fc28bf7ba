"""One contact from first message to closed, and what may come between, in virtual time."""

from datetime import timedelta

import pytest

from adapters.db.conversation import answer_survey, choose_while_waiting, end, leave_contact
from adapters.db.offers import assign, transfer
from domain.refusals import Refusal, RefusalCode
from tests.workflows.conftest import Story
from tests.workflows.steps import accept, answer, ask_for_person, decline, finish, talk


async def test_from_first_message_to_closed(story: Story) -> None:
    identity, contact_id = await talk(story)
    await answer(story, contact_id, "wang")
    await story.line.say(identity, "E20260223-0457")
    await answer(story, contact_id, "wang")
    await finish(story, contact_id, "wang")
    assert (await story.line.agent_row("wang")).load == 0
    async with story.database.transaction() as tx:
        await answer_survey(tx, "shop", contact_id, score=5, solved=True, reasons=[], comment="谢谢")
    closed = await story.stage(contact_id, "closed")
    case = await story.line.case(contact_id)
    assert (closed.close_reason, case.folded_seq) == ("done", case.fact_seq)
    numbers = [message.seq for message in await story.line.messages(contact_id)]
    assert numbers == list(range(1, closed.message_seq + 1))


async def test_an_unanswered_survey_closes_when_due(story: Story) -> None:
    _, contact_id = await talk(story)
    await finish(story, contact_id, "wang")
    await story.pass_time(86400 + 60)
    await story.stage(contact_id, "closed")


async def test_capacity_is_held_until_wrap_up_is_done_or_its_time_is_over(story: Story) -> None:
    _, contact_id = await talk(story)
    contact = await story.line.contact(contact_id)
    async with story.database.transaction() as tx:
        await end(tx, "shop", contact_id, story.line.agents["wang"], seen_seq=contact.message_seq)
    await story.stage(contact_id, "wrap_up")
    await story.settled()
    await story.pass_time(60)
    assert (await story.line.agent_row("wang")).load == 1
    await story.pass_time(80)
    await story.stage(contact_id, "survey")
    assert (await story.line.agent_row("wang")).load == 0
    assert "wrap_up_unfinished" in await story.line.event_kinds(contact_id)


async def test_an_unread_message_keeps_the_conversation_open(story: Story) -> None:
    identity, contact_id = await talk(story)
    seen = (await story.line.contact(contact_id)).message_seq
    await story.line.say(identity, "等一下，还有个问题")
    with pytest.raises(Refusal) as refused:
        async with story.database.transaction() as tx:
            await end(tx, "shop", contact_id, story.line.agents["wang"], seen_seq=seen)
    assert refused.value.code is RefusalCode.UNREAD_MESSAGES


@pytest.mark.parametrize("stage", ["wrap_up", "survey"])
async def test_a_message_while_closing_brings_the_conversation_back(story: Story, stage: str) -> None:
    identity, contact_id = await talk(story)
    if stage == "survey":
        await finish(story, contact_id, "wang")
    else:
        contact = await story.line.contact(contact_id)
        async with story.database.transaction() as tx:
            await end(tx, "shop", contact_id, story.line.agents["wang"], seen_seq=contact.message_seq)
        await story.stage(contact_id, "wrap_up")
    received = await story.line.say(identity, "还是不行")
    assert received.contact_id == contact_id
    if stage == "survey":
        offer_stage = await story.stage(contact_id, "offered")
        assert offer_stage.owner_id is None
        await accept(story, contact_id, "wang")
    await story.stage(contact_id, "talking")


async def test_a_message_after_close_opens_a_linked_contact(story: Story) -> None:
    identity, contact_id = await talk(story)
    await finish(story, contact_id, "wang")
    async with story.database.transaction() as tx:
        await answer_survey(tx, "shop", contact_id, score=4, solved=True, reasons=[], comment="")
    await story.stage(contact_id, "closed")
    again = await story.line.say(identity, "又有问题了")
    assert again.contact_id != contact_id
    assert (await story.line.contact(again.contact_id)).previous_contact_id == contact_id


async def test_a_low_score_becomes_the_supervisors_task(story: Story) -> None:
    _, contact_id = await talk(story)
    await finish(story, contact_id, "wang")
    async with story.database.transaction() as tx:
        await answer_survey(tx, "shop", contact_id, score=1, solved=False, reasons=["slow"], comment="太慢")
    await story.stage(contact_id, "closed")
    async with story.database.reading() as tx:
        task = await tx.one("select kind, role from tasks where case_id = :id", id=contact_id)
    assert (task.kind, task.role) == ("low_score", "supervisor")


async def test_a_declined_offer_goes_to_the_next_agent_at_its_old_age(story: Story) -> None:
    await story.line.agent("wang")
    _, contact_id = await ask_for_person(story)
    await story.stage(contact_id, "offered")
    before = (await story.line.contact(contact_id)).enqueued_at
    await story.line.agent("li")
    await decline(story, contact_id, "wang")
    await accept(story, contact_id, "li")
    after = await story.line.contact(contact_id)
    assert after.enqueued_at == before
    assert (await story.line.agent_row("wang")).load == 0
    kinds = await story.line.event_kinds(contact_id)
    assert [kind for kind in kinds if kind.startswith("offer")] == [
        "offer_made",
        "offer_declined",
        "offer_made",
        "offer_accepted",
    ]


async def test_an_expired_offer_sends_the_agent_away_and_goes_on(story: Story) -> None:
    await story.line.agent("wang")
    _, contact_id = await ask_for_person(story)
    await story.stage(contact_id, "offered")
    await story.pass_time(21)
    await story.stage(contact_id, "queued")
    wang = await story.line.agent_row("wang")
    assert (wang.presence, wang.load) == ("away", 0)
    await story.line.agent("li")
    await accept(story, contact_id, "li")


async def test_the_plan_widens_until_somebody_qualifies(story: Story) -> None:
    await story.line.agent("novice", skills={"zh": 1}, queues=("spare",))
    _, contact_id = await ask_for_person(story)
    await story.stage(contact_id, "queued")
    await story.pass_time(61)
    await story.stage(contact_id, "offered")
    assert "widened" in await story.line.event_kinds(contact_id)


async def test_an_exhausted_plan_tells_the_supervisor_and_gives_the_customer_a_choice(story: Story) -> None:
    _, contact_id = await ask_for_person(story)
    await story.stage(contact_id, "queued")
    await story.pass_time(60 * 3 + 10)
    assert "nobody_available" in await story.codes(contact_id)
    async with story.database.transaction() as tx:
        await choose_while_waiting(tx, "shop", contact_id, leave=True)
    await story.settled()
    contact = await story.line.contact(contact_id)
    assert contact.left_matter_at is not None
    async with story.database.reading() as tx:
        kinds = {
            row.kind for row in await tx.all("select kind from tasks where case_id = :id", id=contact_id)
        }
    assert kinds == {"nobody_available", "left_matter"}
    await story.line.agent("late")
    await accept(story, contact_id, "late")


async def test_an_idle_customer_is_nudged_then_the_conversation_ends(story: Story) -> None:
    _, contact_id = await talk(story)
    await answer(story, contact_id, "wang")
    for _ in range(5):
        await story.pass_time(130)
        await story.line.presence("wang", "ready")
    assert "idle_nudge" in await story.codes(contact_id)
    for _ in range(12):
        await story.pass_time(110)
        await story.line.presence("wang", "ready")
    contact = await story.line.contact(contact_id)
    assert contact.stage in {"wrap_up", "survey"}
    assert "idle_close" in await story.codes(contact_id)


async def test_an_agent_who_owes_an_answer_never_idles_the_customer_out(story: Story) -> None:
    identity, contact_id = await talk(story)
    await answer(story, contact_id, "wang")
    await story.line.say(identity, "好的，我等您")
    for _ in range(20):
        await story.pass_time(110)
        await story.line.presence("wang", "ready")
    contact = await story.line.contact(contact_id)
    assert contact.stage == "talking"
    assert "idle_nudge" not in await story.codes(contact_id)


async def test_a_silent_bot_contact_closes(story: Story) -> None:
    identity = await story.line.customer()
    received = await story.line.say(identity, "你好")
    await story.settled()
    await story.pass_time(310)
    assert "idle_nudge" in await story.codes(received.contact_id)
    await story.pass_time(620)
    closed = await story.stage(received.contact_id, "closed")
    assert closed.close_reason == "idle"


async def test_an_owner_who_goes_offline_gives_the_contact_back(story: Story) -> None:
    _, contact_id = await talk(story)
    before = (await story.line.contact(contact_id)).enqueued_at
    await story.line.presence("wang", "offline")
    await story.settled()
    await story.line.agent("li")
    await story.pass_time(60)
    assert (await story.line.contact(contact_id)).stage == "talking"
    await story.line.presence("li", "ready")
    await story.pass_time(70)
    await accept(story, contact_id, "li")
    after = await story.line.contact(contact_id)
    assert after.enqueued_at == before
    assert "owner_gone" in await story.codes(contact_id)
    assert (await story.line.agent_row("wang")).load == 0


async def test_an_owner_who_comes_back_keeps_the_contact(story: Story) -> None:
    _, contact_id = await talk(story)
    await story.line.presence("wang", "offline")
    await story.settled()
    await story.pass_time(60)
    await story.line.presence("wang", "ready")
    await story.settled()
    await story.pass_time(120)
    contact = await story.line.contact(contact_id)
    assert (contact.stage, contact.owner_gone_at) == ("talking", None)


async def test_an_owner_whose_screen_died_gives_the_contact_back(story: Story) -> None:
    _, contact_id = await talk(story)
    await story.pass_time(320)
    await story.stage(contact_id, "queued")
    event = [each for each in await story.line.events(contact_id) if each.kind == "given_back"]
    assert event[0].attrs["reason"] == "silent"


async def test_transfer_to_an_agent_and_to_a_queue(story: Story) -> None:
    _, contact_id = await talk(story)
    await story.line.agent("li")
    async with story.database.transaction() as tx:
        await transfer(
            tx,
            "shop",
            contact_id,
            by=story.line.agents["wang"],
            to_agent=story.line.agents["li"],
            note="请接手",
        )
    await accept(story, contact_id, "li")
    assert "transferred_to_agent" in await story.codes(contact_id)
    await story.line.agent("chen", queues=("spare",))
    async with story.database.transaction() as tx:
        await transfer(tx, "shop", contact_id, by=story.line.agents["li"], to_queue="spare")
    await accept(story, contact_id, "chen")
    loads = [(await story.line.agent_row(name)).load for name in ("wang", "li", "chen")]
    assert loads == [0, 0, 1]


@pytest.mark.parametrize("from_stage", ["bot", "queued", "offered", "talking"])
async def test_a_supervisor_takes_over_from_any_stage(story: Story, from_stage: str) -> None:
    boss = await story.line.agent("boss", role="supervisor", queues=(), presence="busy")
    if from_stage == "bot":
        contact_id = (await story.line.say(await story.line.customer(), "你好")).contact_id
        await story.settled()
    elif from_stage == "queued":
        _, contact_id = await ask_for_person(story)
        await story.stage(contact_id, "queued")
    elif from_stage == "offered":
        await story.line.agent("wang")
        _, contact_id = await ask_for_person(story)
        await story.stage(contact_id, "offered")
    else:
        _, contact_id = await talk(story)
    async with story.database.transaction() as tx:
        await assign(tx, "shop", contact_id, boss, by=boss, how="taken_over")
    await story.settled()
    contact = await story.line.contact(contact_id)
    assert (contact.stage, contact.owner_id) == ("talking", boss)
    assert (await story.line.agent_row("boss")).load == 1
    if "wang" in story.line.agents:
        assert (await story.line.agent_row("wang")).load == 0


@pytest.mark.parametrize("story", [{"acceptance": "automatic"}], indirect=True)
async def test_automatic_acceptance_gives_the_contact_at_once(story: Story) -> None:
    await story.line.agent("only")
    _, contact_id = await ask_for_person(story)
    contact = await story.stage(contact_id, "talking")
    assert contact.owner_id == story.line.agents["only"]


async def test_the_last_agent_is_asked_first_and_only_for_a_while(story: Story) -> None:
    identity, contact_id = await talk(story, capacity=1)
    await finish(story, contact_id, "wang")
    async with story.database.transaction() as tx:
        await answer_survey(tx, "shop", contact_id, score=5, solved=True, reasons=[], comment="")
    await story.stage(contact_id, "closed")
    _, other_contact = await ask_for_person(story)
    await accept(story, other_contact, "wang")
    await story.line.agent("li")
    _, again = await ask_for_person(story, identity)
    await story.stage(again, "queued")
    await story.settled()
    contact = await story.line.contact(again)
    assert contact.stage == "queued", "the full sticky agent is waited for"
    await story.pass_time(31)
    offered = await story.stage(again, "offered")
    offer = await story.line.pending_offer(offered.id)
    assert offer.agent_id == story.line.agents["li"]


async def test_a_customer_who_leaves_ends_the_bot_contact_and_lets_an_agent_wrap_up(story: Story) -> None:
    received = await story.line.say(await story.line.customer(), "你好")
    await story.settled()
    async with story.database.transaction() as tx:
        await leave_contact(tx, "shop", received.contact_id)
    closed = await story.stage(received.contact_id, "closed")
    assert closed.close_reason == "customer_left"
    _, contact_id = await talk(story)
    async with story.database.transaction() as tx:
        await leave_contact(tx, "shop", contact_id)
    await story.stage(contact_id, "wrap_up")


async def test_out_of_hours_the_contact_waits_for_opening_time(story: Story) -> None:
    now = await story.now()
    opening = (now + timedelta(hours=3)).replace(minute=0)
    week = {
        day: [{"start": f"{opening.hour:02d}:00", "end": f"{opening.hour:02d}:59"}]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    }
    await story.line.calendar(week)
    await story.line.agent("wang")
    _, contact_id = await ask_for_person(story)
    contact = await story.stage(contact_id, "queued")
    await story.settled()
    contact = await story.line.contact(contact_id)
    assert contact.opens_at is not None
    assert "out_of_hours" in await story.codes(contact_id)
    await story.pass_time((contact.opens_at - await story.now()).total_seconds() - 30)
    assert (await story.line.contact(contact_id)).stage == "queued"
    await story.line.presence("wang", "ready")
    await story.pass_time(35)
    await story.stage(contact_id, "offered")
    assert "opening_now" in await story.codes(contact_id)
