"""Contacts: reading them, and every act that moves one."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from adapters.db import api_reading, conversation, desk, desk_composer, desk_conversation, offers
from adapters.db.desk_words import line_words
from adapters.db.engine import Transaction
from adapters.db.scopes import ContactScope, contact_scope
from api.access import ContactAct, may_act_on_contact, may_see_contact
from api.deps import Reading, SignedIn, Tx
from api.errors import Invalid, NotFound
from api.v1.auth import ApiAgent, ApiSupervisor, CommandId
from api.v1.once import once
from api.v1.shapes import (
    AssignRequest,
    ContactDetail,
    ContactInList,
    ContactPage,
    CorrectionRequest,
    EndRequest,
    MessagePage,
    MessageShown,
    NoteRequest,
    ReadRequest,
    ReplyRequest,
    TransferRequest,
    WrapUpRequest,
    Written,
)
from domain.contact import Stage
from domain.refusals import Refusal, RefusalCode
from domain.roles import Role

router = APIRouter(prefix="/contacts", tags=["contacts"])

_LONGEST_POSITION = 120


async def _seen(tx: Transaction, user: SignedIn, contact_id: UUID) -> ContactScope:
    scope = await contact_scope(tx, contact_id)
    if not may_see_contact(user.viewer, scope):
        raise NotFound
    return scope


async def _require(tx: Transaction, user: SignedIn, contact_id: UUID, act: ContactAct) -> ContactScope:
    scope = await _seen(tx, user, contact_id)
    if not may_act_on_contact(user.viewer, scope, act):
        raise Refusal(RefusalCode.NOT_YOURS)
    return scope


@router.get("")
async def list_contacts(
    user: ApiAgent,
    tx: Reading,
    tab: Annotated[desk.Tab, Query(description="Mine, those waiting, or all open ones.")] = desk.Tab.MINE,
    order: desk.Order = desk.Order.LATEST,
    after: Annotated[str | None, Query(max_length=_LONGEST_POSITION)] = None,
) -> ContactPage:
    """Open contacts, 40 a page, by keyset: a page never repeats or skips what stands still."""
    page = await desk.list_contacts(tx, user.line_id, user.id, tab=tab, order=order, after=after)
    return ContactPage(contacts=[ContactInList.model_validate(row) for row in page.rows], after=page.after)


@router.get("/{contact_id}")
async def get_contact(contact_id: UUID, user: ApiAgent, tx: Reading) -> ContactDetail:
    """One contact, open or closed."""
    await _seen(tx, user, contact_id)
    return ContactDetail.model_validate(await desk_conversation.head(tx, contact_id))


@router.get("/{contact_id}/messages")
async def list_messages(
    contact_id: UUID,
    user: ApiAgent,
    tx: Reading,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=api_reading.LONGEST_PAGE)] = 100,
) -> MessagePage:
    """Messages and internal notes in order of their sequence, which has no gaps."""
    await _seen(tx, user, contact_id)
    rows = await api_reading.messages_after(tx, contact_id, after_seq=after, limit=limit, with_notes=True)
    return MessagePage(
        messages=[MessageShown.model_validate(row) for row in rows], after=rows[-1].seq if rows else after
    )


@router.post("/{contact_id}/replies", status_code=201)
async def reply(
    contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: ReplyRequest
) -> Written:
    """A message to the customer. Only the owner writes; take it over or claim it first."""

    async def act() -> int:
        return await conversation.reply(tx, user.line_id, contact_id, user.id, asked.body)

    await _seen(tx, user, contact_id)
    return Written(seq=await once(tx, user, command_id, f"reply:{contact_id}", act))


@router.post("/{contact_id}/notes", status_code=201)
async def note(
    contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: NoteRequest
) -> Written:
    """An internal note that the customer never sees; each colleague mentioned gets a task."""

    async def act() -> int:
        await _require(tx, user, contact_id, ContactAct.NOTE)
        known = {each.id for each in await desk_composer.colleagues(tx, user.line_id)}
        mentions = [each for each in dict.fromkeys(asked.mentions) if each in known]
        return await conversation.add_note(tx, user.line_id, contact_id, user.id, asked.body, mentions)

    await _seen(tx, user, contact_id)
    return Written(seq=await once(tx, user, command_id, f"note:{contact_id}", act))


@router.post("/{contact_id}/read", status_code=204)
async def read(contact_id: UUID, user: ApiAgent, tx: Tx, asked: ReadRequest) -> None:
    """How far the owner has read; of others nothing is kept."""
    scope = await _seen(tx, user, contact_id)
    if scope.owner_id == user.id:
        await conversation.mark_read(tx, user.line_id, contact_id, asked.seq, by_customer=False)


@router.post("/{contact_id}/end", status_code=204)
async def end(contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: EndRequest) -> None:
    """End the conversation; the wrap-up begins. 409 when the customer wrote something you have not seen."""

    async def act() -> None:
        await conversation.end(tx, user.line_id, contact_id, user.id, seen_seq=asked.seen_seq)

    await _seen(tx, user, contact_id)
    await once(tx, user, command_id, f"end:{contact_id}", act)


@router.post("/{contact_id}/wrap-up", status_code=204)
async def wrap_up(
    contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: WrapUpRequest
) -> None:
    """会话小结: the capacity is free afterwards and the survey goes out."""

    async def act() -> None:
        await conversation.wrap_up(
            tx,
            user.line_id,
            contact_id,
            user.id,
            category=asked.category,
            subcategory=asked.subcategory,
            solved=asked.solved,
            next_step=asked.next_step,
        )

    await _seen(tx, user, contact_id)
    await once(tx, user, command_id, f"wrap_up:{contact_id}", act)


@router.post("/{contact_id}/transfer", status_code=204)
async def transfer(
    contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: TransferRequest
) -> None:
    """Pass it on to one agent or to a queue; give exactly one of them."""
    if (asked.to_agent is None) == (asked.to_queue is None):
        raise Invalid("transfer_target")

    async def act() -> None:
        await tx.lock_routing(user.line_id)  # before the note takes the case's lock
        await _require(tx, user, contact_id, ContactAct.TRANSFER)
        if asked.note:
            await conversation.add_note(tx, user.line_id, contact_id, user.id, asked.note, [])
        target: dict[str, Any] = {"to_agent": asked.to_agent, "to_queue": asked.to_queue}
        await offers.transfer(
            tx, user.line_id, contact_id, by=user.id, note=asked.note, reason=asked.reason, **target
        )

    await _seen(tx, user, contact_id)
    await once(tx, user, command_id, f"transfer:{contact_id}", act)


@router.post("/{contact_id}/assign", status_code=204)
async def assign(
    contact_id: UUID, user: ApiSupervisor, tx: Tx, command_id: CommandId, asked: AssignRequest
) -> None:
    """A supervisor takes it over, or gives it to an agent at once."""
    to = asked.agent_id or user.id
    how: Literal["assigned", "taken_over"] = "taken_over" if to == user.id else "assigned"

    async def act() -> None:
        await _require(
            tx, user, contact_id, ContactAct.TAKE_OVER if how == "taken_over" else ContactAct.REASSIGN
        )
        await offers.assign(tx, user.line_id, contact_id, to, by=user.id, how=how)

    await _seen(tx, user, contact_id)
    await once(tx, user, command_id, f"assign:{contact_id}", act)


@router.post("/{contact_id}/claim", status_code=204)
async def claim(contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId) -> None:
    """An agent takes a waiting contact that is offered to nobody else."""

    async def act() -> None:
        await tx.lock_routing(user.line_id)
        scope = await _seen(tx, user, contact_id)
        if not user.viewer.has(Role.AGENT) or scope.offered_to not in (None, user.id):
            raise Refusal(RefusalCode.NOT_YOURS)
        if scope.stage not in (Stage.QUEUED, Stage.OFFERED):
            raise Refusal(RefusalCode.WRONG_STAGE)
        await offers.assign(tx, user.line_id, contact_id, user.id, by=user.id, how="claimed")

    await _seen(tx, user, contact_id)
    await once(tx, user, command_id, f"claim:{contact_id}", act)


@router.post("/{contact_id}/classification", status_code=204)
async def correct(
    contact_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: CorrectionRequest
) -> None:
    """What it was really about."""

    async def act() -> None:
        await _require(tx, user, contact_id, ContactAct.CORRECT)
        if not (await line_words(tx, user.line_id)).known("intent", asked.intent):
            raise Invalid("unknown_intent")
        await conversation.correct_classification(
            tx, user.line_id, contact_id, user.id, intent=asked.intent, urgency=asked.urgency
        )

    await _seen(tx, user, contact_id)
    await once(tx, user, command_id, f"correct:{contact_id}", act)
