"""The workflow's acts and people's acts straight on the ledger, without a workflow in between."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any
from uuid import UUID

from adapters.db.bot_turn import CONTACT_ACTS
from adapters.db.intake import want_human
from adapters.db.offers import accept_offer
from adapters.db.steps import take_step
from domain.contact import ContactState, StepIntent, StepKind
from tests.support.line import Line


async def step(line: Line, contact_id: UUID, kind: StepKind, *, number: int | None = None) -> ContactState:
    """What the workflow would ask next (or, with `number`, what it asked before)."""
    case = await line.case(contact_id)
    intent = StepIntent(
        case_id=str(contact_id),
        step_no=case.step_no + 1 if number is None else number,
        kind=kind,
        seen_seq=case.fact_seq,
    )
    return await take_step(line.database, intent, CONTACT_ACTS[kind])


async def waiting_contact(line: Line, *, identity: UUID | None = None, **customer: Any) -> UUID:
    """A customer who asked for a person and was handed over: queued, or offered when somebody is free."""
    received = await line.say(identity or await line.customer(**customer), "我要转人工")
    async with line.database.transaction() as tx:
        await want_human(tx, line.line_id, received.contact_id)
    await step(line, received.contact_id, StepKind.HAND_OVER)
    return received.contact_id


async def talking_contact(line: Line, name: str, *, identity: UUID | None = None) -> UUID:
    """A contact that this agent has accepted; the agent must be the only free one."""
    contact_id = await waiting_contact(line, identity=identity)
    offer = await line.pending_offer(contact_id)
    assert offer is not None
    assert offer.agent_id == line.agents[name]
    async with line.database.transaction() as tx:
        await accept_offer(tx, line.line_id, offer.id, line.agents[name])
    return contact_id


async def at_once(acts: Iterable[Awaitable[Any]]) -> list[Any]:
    """Everything at the same instant; each one's answer or what it raised."""
    async with asyncio.timeout(60):
        return await asyncio.gather(*acts, return_exceptions=True)


async def expire_now(line: Line, contact_id: UUID) -> None:
    """Let the pending offer's time be over."""
    async with line.database.transaction() as tx:
        await tx.run(
            """update offers set expires_at = ledger_now() - interval '1 second'
               where case_id = :id and state = 'pending'""",
            id=contact_id,
        )


async def leave(line: Line, contact_id: UUID) -> None:
    """The customer is gone: whatever the stage, the contact closes or goes to wrap-up."""
    async with line.database.transaction() as tx:
        await tx.run("update contacts set close_asked = 'customer_left' where id = :id", id=contact_id)
    await step(line, contact_id, StepKind.CLOSE_IDLE)


async def later(seconds: float, act: Awaitable[Any]) -> Any:
    """An act with a head start for the others."""
    await asyncio.sleep(seconds)
    return await act
