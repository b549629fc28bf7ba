"""One contact from first message to closed, and its branches, in virtual time."""

from typing import Any

from adapters.db.conversation import answer_survey, end, reply, wrap_up
from adapters.db.intake import want_human
from adapters.db.offers import accept_offer
from tests.workflows.conftest import Story


async def accepted(story: Story, name: str = "wang") -> tuple[Any, Any]:
    """A customer who asked for a person and got one; (identity, contact id)."""
    await story.line.agent(name)
    identity = await story.line.customer()
    received = await story.line.say(identity, "转人工")
    async with story.database.transaction() as tx:
        await want_human(tx, "shop", received.contact_id)
    await story.stage(received.contact_id, "offered")
    offer = await story.line.pending_offer(received.contact_id)
    async with story.database.transaction() as tx:
        await accept_offer(tx, "shop", offer.id, story.line.agents[name])
    await story.stage(received.contact_id, "talking")
    return identity, received.contact_id


async def test_from_first_message_to_closed(story: Story) -> None:
    identity, contact_id = await accepted(story)
    agent = story.line.agents["wang"]
    async with story.database.transaction() as tx:
        await reply(tx, "shop", contact_id, agent, "您好，请问订单号是多少？")
    answer = await story.line.say(identity, "E20260223-0457")
    async with story.database.transaction() as tx:
        await end(tx, "shop", contact_id, agent, seen_seq=answer.seq)
    await story.stage(contact_id, "wrap_up")
    assert (await story.line.agent_row("wang")).load == 1
    async with story.database.transaction() as tx:
        await wrap_up(
            tx, "shop", contact_id, agent, category="orders", subcategory="change", solved=True, next_step=""
        )
    await story.stage(contact_id, "survey")
    assert (await story.line.agent_row("wang")).load == 0
    async with story.database.transaction() as tx:
        await answer_survey(tx, "shop", contact_id, score=5, solved=True, reasons=[], comment="谢谢")
    closed = await story.stage(contact_id, "closed")
    assert closed.close_reason == "done"
    case = await story.line.case(contact_id)
    assert case.folded_seq == case.fact_seq
    assert [message.seq for message in await story.line.messages(contact_id)] == list(
        range(1, closed.message_seq + 1)
    )
