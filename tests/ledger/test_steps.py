"""A step is compare-and-set: whatever is asked again, or asked differently, it happened once."""

from datetime import timedelta
from uuid import UUID

import pytest

from adapters.db.intake import want_human
from domain.contact import Alarm, ContactState, Fact, Stage, StepKind, fold, next_step
from tests.ledger.acts import at_once, step, waiting_contact
from tests.support.line import Line


async def greeted(line: Line) -> UUID:
    return (await line.say(await line.customer(), "你好")).contact_id


async def test_the_same_step_twice_happens_once(line: Line) -> None:
    contact_id = await greeted(line)
    answers = await at_once(step(line, contact_id, StepKind.BOT_TURN, number=1) for _ in range(5))
    assert all(answer == answers[0] for answer in answers)
    assert (await line.case(contact_id)).step_no == 1
    said = [message.attrs.get("code") for message in await line.messages(contact_id)]
    assert said.count("greeting") == 1
    assert (await line.event_kinds(contact_id)).count("bot_turn") == 1


async def test_a_replay_with_a_new_fact_gets_what_was_recorded_not_what_it_means_now(line: Line) -> None:
    """Killed between commit and marker: a new signal is folded first and chooses another act."""
    contact_id = await greeted(line)
    turned = await step(line, contact_id, StepKind.BOT_TURN, number=1)
    async with line.database.transaction() as tx:
        await want_human(tx, line.line_id, contact_id)
    replayed = await step(line, contact_id, StepKind.HAND_OVER, number=1)
    assert replayed == turned, "the recorded outcome"
    assert replayed.stage is Stage.BOT
    assert "handed_over" not in await line.event_kinds(contact_id)
    # The workflow folds what it holds beyond that outcome and asks again, under the next number.
    folded = fold(replayed, Fact(seq=2, kind="human_wanted"))
    now = (await line.case(contact_id)).touched_at
    assert next_step(folded, now).kind is StepKind.HAND_OVER
    after = await step(line, contact_id, StepKind.HAND_OVER, number=replayed.step_no + 1)
    assert after.stage is Stage.QUEUED
    assert (await line.event_kinds(contact_id)).count("handed_over") == 1


async def test_an_older_step_changes_nothing_and_tells_the_truth_of_now(line: Line) -> None:
    contact_id = await waiting_contact(line)
    await step(line, contact_id, StepKind.SETTLE)
    before = await line.case(contact_id)
    stale = await step(line, contact_id, StepKind.BOT_TURN, number=1)
    after = await line.case(contact_id)
    assert (stale.stage, stale.step_no) == (Stage.QUEUED, before.step_no)
    assert (after.step_no, after.event_seq, after.last_outcome) == (
        before.step_no,
        before.event_seq,
        before.last_outcome,
    )


async def test_two_workers_with_different_intents_for_one_step_agree(line: Line) -> None:
    for _ in range(5):
        contact_id = await greeted(line)
        async with line.database.transaction() as tx:
            await want_human(tx, line.line_id, contact_id)
        one, other = await at_once(
            [
                step(line, contact_id, StepKind.BOT_TURN, number=1),
                step(line, contact_id, StepKind.HAND_OVER, number=1),
            ]
        )
        assert isinstance(one, ContactState)
        assert one == other
        kinds = await line.event_kinds(contact_id)
        assert ("bot_turn" in kinds) != ("handed_over" in kinds)


@pytest.mark.parametrize(
    "kind", [kind for kind in StepKind if kind not in {"wait", "finish", "reload", "call"}]
)
async def test_no_act_changes_a_closed_contact(line: Line, kind: StepKind) -> None:
    contact_id = await greeted(line)
    async with line.database.transaction() as tx:
        await tx.run("update contacts set close_asked = 'customer_left' where id = :id", id=contact_id)
    assert (await step(line, contact_id, StepKind.CLOSE_IDLE)).stage is Stage.CLOSED
    before = (await line.contact(contact_id), await line.event_kinds(contact_id))
    after = await step(line, contact_id, kind)
    assert after.stage is Stage.CLOSED
    assert (await line.contact(contact_id), await line.event_kinds(contact_id)) == before


@pytest.mark.parametrize(
    "kind", [kind for kind in StepKind if kind not in {"wait", "finish", "reload", "call"}]
)
@pytest.mark.parametrize("stage", ["bot", "queued", "offered"])
async def test_an_act_whose_time_has_not_come_changes_no_stage(
    line: Line, kind: StepKind, stage: str
) -> None:
    """The ledger judges what is due: a workflow's early or stale wish does nothing."""
    if stage == "offered":
        await line.agent("wang")
    contact_id = await greeted(line) if stage == "bot" else await waiting_contact(line)
    if stage == "bot" and kind is StepKind.HAND_OVER:
        return
    state = await step(line, contact_id, kind)
    assert state.stage == stage


async def test_an_outcome_carries_no_words_of_the_customer(line: Line) -> None:
    contact_id = (await line.say(await line.customer(), "我的手机号是13800138000")).contact_id
    await step(line, contact_id, StepKind.BOT_TURN)
    case = await line.case(contact_id)
    assert "13800138000" not in str(case.last_outcome)
    async with line.database.reading() as tx:
        attrs = await tx.all("select attrs from events where case_id = :id", id=contact_id)
        facts = await tx.all("select attrs from facts where case_id = :id", id=contact_id)
    assert "13800138000" not in str(attrs) + str(facts)


async def test_what_one_turn_leaves_unread_keeps_a_deadline(line: Line) -> None:
    """A customer who writes faster than the bot reads: the rest must not wait without a limit."""
    identity = await line.customer()
    for number in range(25):
        received = await line.say(identity, f"第{number}条")
    state = await step(line, received.contact_id, StepKind.BOT_TURN)
    assert state.stage is Stage.BOT
    assert state.message_seq > 0, "more was said than one turn reads"
    assert Alarm.TURN_DEADLINE in state.alarms


async def test_a_message_does_not_push_back_the_deadline_of_a_turn_that_waits_for_the_shop(
    line: Line,
) -> None:
    contact_id = await greeted(line)
    state = await step(line, contact_id, StepKind.SETTLE)
    promised = state.alarms[Alarm.TURN_DEADLINE]
    waiting = state.model_copy(update={"message_seq": 0, "call_id": "c"})
    later = (promised + timedelta(seconds=9)).isoformat()
    fact = Fact(seq=state.seen_seq + 1, kind="customer_message", attrs={"seq": 2, "deadline_at": later})
    assert fold(waiting, fact).alarms[Alarm.TURN_DEADLINE] == promised
