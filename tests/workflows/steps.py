"""What people do in the stories, a line each."""

from typing import Any
from uuid import UUID

from adapters.db.conversation import end, reply, wrap_up
from adapters.db.intake import want_human
from adapters.db.offers import accept_offer, decline_offer
from tests.workflows.conftest import Story


async def ask_for_person(
    story: Story, identity: UUID | None = None, text: str = "我要转人工"
) -> tuple[UUID, UUID]:
    """A customer who writes and presses «talk to a human»; (identity, contact id)."""
    identity = identity or await story.line.customer()
    received = await story.line.say(identity, text)
    async with story.database.transaction() as tx:
        await want_human(tx, "shop", received.contact_id)
    return identity, received.contact_id


async def accept(story: Story, contact_id: UUID, name: str) -> None:
    await story.stage(contact_id, "offered")
    offer = await story.line.pending_offer(contact_id)
    async with story.database.transaction() as tx:
        await accept_offer(tx, "shop", offer.id, story.line.agents[name])
    await story.stage(contact_id, "talking")
    await story.settled()


async def decline(story: Story, contact_id: UUID, name: str, reason: str = "meal") -> None:
    await story.stage(contact_id, "offered")
    offer = await story.line.pending_offer(contact_id)
    assert offer.agent_id == story.line.agents[name]
    async with story.database.transaction() as tx:
        await decline_offer(tx, "shop", offer.id, story.line.agents[name], reason)


async def talk(story: Story, name: str = "wang", **agent: Any) -> tuple[UUID, UUID]:
    """A customer with a person; (identity, contact id)."""
    await story.line.agent(name, **agent)
    identity, contact_id = await ask_for_person(story)
    await accept(story, contact_id, name)
    return identity, contact_id


async def answer(story: Story, contact_id: UUID, name: str, text: str = "请稍等，我查一下。") -> None:
    async with story.database.transaction() as tx:
        await reply(tx, "shop", contact_id, story.line.agents[name], text)


async def finish(story: Story, contact_id: UUID, name: str) -> None:
    """End and wrap up: the contact is at its survey."""
    contact = await story.line.contact(contact_id)
    agent = story.line.agents[name]
    async with story.database.transaction() as tx:
        await end(tx, "shop", contact_id, agent, seen_seq=contact.message_seq)
    await story.stage(contact_id, "wrap_up")
    async with story.database.transaction() as tx:
        await wrap_up(
            tx, "shop", contact_id, agent, category="orders", subcategory="change", solved=True, next_step=""
        )
    await story.stage(contact_id, "survey")
    await story.settled()
