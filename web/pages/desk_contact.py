"""One conversation on the desk: reading it, and every act that moves it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlalchemy import Row

from adapters.db import conversation, desk_composer, desk_conversation, desk_customer, desk_timeline, offers
from adapters.db.bus import Whisper, whisper
from adapters.db.desk_words import LineWords, line_words
from adapters.db.engine import Transaction
from api.access import ContactAct, may_act_on_contact
from api.deps import CurrentAgent, Reading, SignedIn, Supervisor, Tx
from api.errors import Invalid
from domain.contact import Stage
from web.i18n import Texts
from web.pages.desk_deps import CommandId, once, require_act, seen_contact, view_of
from web.pages.desk_view import DeskView
from web.render import ReaderTexts, Render
from web.timeline import Narrator

router = APIRouter()

TIMELINE_SHOWN = 400
"""Events shown at once; a longer case shows the newest and offers the rest."""
REVEAL_REASONS = ("callback", "verify", "delivery", "other")
_ACTS = {
    "may_reply": ContactAct.WRITE,
    "may_note": ContactAct.NOTE,
    "may_correct": ContactAct.CORRECT,
    "may_transfer": ContactAct.TRANSFER,
    "may_end": ContactAct.END,
    "may_invite": ContactAct.INVITE_SURVEY,
    "may_take_over": ContactAct.TAKE_OVER,
    "may_reassign": ContactAct.REASSIGN,
}


async def opened(tx: Transaction, user: SignedIn, texts: Texts, contact_id: UUID) -> dict[str, Any]:
    """All that the conversation and the panel beside it show."""
    view = await view_of(tx, texts, user)
    head = await desk_conversation.head(tx, contact_id)
    scope = await seen_contact(tx, user, contact_id)
    stretch = await desk_conversation.latest(tx, contact_id)
    drafts = await desk_conversation.drafts(tx, user.id, contact_id)
    mine = head.owner_id == user.id
    # After the conversation is over the owner still wraps it up; nobody acts on a closed one.
    allowed = {
        name: head.stage != Stage.CLOSED and may_act_on_contact(user.viewer, scope, act)
        for name, act in _ACTS.items()
    }
    return {
        "view": view,
        "head": head,
        "card": await desk_customer.card(tx, head.customer_id),
        "mine": mine,
        "talking": head.stage == Stage.TALKING,
        "drafts": drafts,
        "last_event_id": await desk_conversation.last_event_id(tx, contact_id),
        "canned_values": view.canned_values(head),
        "reveal_reasons": REVEAL_REASONS,
        "wrap_up": wrap_up_prefill(view.words, head, view) if mine and head.stage == Stage.WRAP_UP else None,
        "send_key": user.user.preferences.get("desk_send", "mod"),
        **allowed,
        **await _lines(tx, view, stretch),
    }


async def _lines(tx: Transaction, view: DeskView, stretch: desk_conversation.Conversation) -> dict[str, Any]:
    people = await desk_timeline.people(tx, stretch.events)
    narrator = Narrator(view.texts, view.words, people)
    return {
        "groups": view.groups(stretch.messages, stretch.events, stretch.files, narrator),
        "more": stretch.more,
        "first_seq": stretch.messages[0].seq if stretch.messages else 0,
    }


def wrap_up_prefill(words: LineWords, head: Row[Any], view: DeskView) -> dict[str, Any]:
    """会话小结 as it can be guessed: the category from the skills, the words from the bot's summary."""
    categories = words.choices.get("wrap_up", [])
    intent = head.corrected_intent or head.intent or ""
    skills = [intent, *(head.required_skills or {})]
    by_skill = next((each["key"] for skill in skills for each in categories if each["key"] == skill), None)
    by_child = next(
        (
            (each["key"], child["key"])
            for each in categories
            for child in each.get("children", [])
            if intent and child["key"] in intent
        ),
        None,
    )
    category, child = by_child or (by_skill, None)
    return {
        "category": head.wrap_category or category or "",
        "subcategory": head.wrap_subcategory or child or "",
        "solved": head.wrap_solved if head.wrap_solved is not None else True,
        "next_step": head.wrap_next_step or view.summary(head.summary),
        "categories": categories,
    }


@router.get("/desk/c/{contact_id}/before")
async def earlier(
    contact_id: UUID, seq: int, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render
) -> Response:
    """Earlier messages, to stand above those on the screen."""
    await seen_contact(tx, user, contact_id)
    view = await view_of(tx, texts, user)
    head = await desk_conversation.head(tx, contact_id)
    stretch = await desk_conversation.latest(tx, contact_id, before_seq=seq)
    return page("desk/lines.html", view=view, head=head, **await _lines(tx, view, stretch))


@router.get("/desk/c/{contact_id}/since")
async def later(
    contact_id: UUID, seq: int, event: int, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render
) -> Response:
    """What came since: new lines, and the head with the stage and the owner as they are now."""
    await seen_contact(tx, user, contact_id)
    view = await view_of(tx, texts, user)
    head = await desk_conversation.head(tx, contact_id)
    stretch = await desk_conversation.since(tx, contact_id, after_seq=seq, after_event=event)
    newest = stretch.events[-1].id if stretch.events else event
    people = await desk_timeline.people(tx, stretch.events)
    groups = view.groups(
        stretch.messages, stretch.events, stretch.files, Narrator(texts, view.words, people), days=False
    )
    return page("desk/since.html", view=view, head=head, groups=groups, last_event_id=newest)


@router.get("/desk/c/{contact_id}/timeline")
async def timeline(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    everything: bool = False,
) -> Response:
    """«Explain this case»: facts and decisions in plain words, and whether their chain holds."""
    await seen_contact(tx, user, contact_id)
    view = await view_of(tx, texts, user)
    events = await desk_timeline.events_of_case(tx, contact_id)
    proof = await desk_timeline.prove(tx, contact_id, events)
    shown = events if everything else events[-TIMELINE_SHOWN:]
    people = await desk_timeline.people(tx, shown)
    return page(
        "desk/timeline.html",
        view=view,
        head=await desk_conversation.head(tx, contact_id),
        told=Narrator(texts, view.words, people).timeline(shown),
        hidden=len(events) - len(shown),
        proof=proof,
    )


# Acts


@router.post("/desk/c/{contact_id}/reply")
async def reply(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    body: Annotated[str, Form(max_length=16_000)] = "",
    files: Annotated[list[UUID] | None, Form()] = None,
) -> dict[str, int]:
    """A message to the customer; its sequence."""
    if not body.strip() and not files:
        raise Invalid("message_empty")

    async def act() -> int:
        return await conversation.reply(tx, user.line_id, contact_id, user.id, body, attachments=files or [])

    await seen_contact(tx, user, contact_id)
    return {"seq": await once(tx, user, command_id, f"reply:{contact_id}", act)}


@router.post("/desk/c/{contact_id}/note")
async def note(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    body: Annotated[str, Form(max_length=16_000)] = "",
    mentions: Annotated[list[UUID] | None, Form()] = None,
) -> dict[str, int]:
    """An internal note; who is mentioned gets a task."""
    if not body.strip():
        raise Invalid("message_empty")

    async def act() -> int:
        await require_act(tx, user, contact_id, ContactAct.NOTE)
        known = {each.id for each in await desk_composer.colleagues(tx, user.line_id)}
        wanted = list(dict.fromkeys(each for each in mentions or [] if each in known))
        return await conversation.add_note(tx, user.line_id, contact_id, user.id, body, wanted)

    await seen_contact(tx, user, contact_id)
    return {"seq": await once(tx, user, command_id, f"note:{contact_id}", act)}


@router.post("/desk/c/{contact_id}/read", status_code=204)
async def read(contact_id: UUID, user: CurrentAgent, tx: Tx, seq: Annotated[int, Form()]) -> None:
    """How far the owner has read; others only look."""
    scope = await seen_contact(tx, user, contact_id)
    if scope.owner_id == user.id:
        await conversation.mark_read(tx, user.line_id, contact_id, seq, by_customer=False)


@router.post("/desk/c/{contact_id}/looking", status_code=204)
async def looking(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    doing: Annotated[Literal["looking", "typing", "gone"], Form()] = "looking",
) -> None:
    """Tell colleagues who is here too: a whisper, never stored, of no concern to the workflow."""
    await seen_contact(tx, user, contact_id)
    await whisper(tx, Whisper(user.line_id, "looking", user.actor, contact_id, {"doing": doing}))


@router.post("/desk/c/{contact_id}/end", status_code=204)
async def end(
    contact_id: UUID, user: CurrentAgent, tx: Tx, command_id: CommandId, seen_seq: Annotated[int, Form()]
) -> None:
    """End the conversation; the wrap-up begins. Refused when the customer wrote something not yet seen."""

    async def act() -> None:
        await conversation.end(tx, user.line_id, contact_id, user.id, seen_seq=seen_seq)

    await seen_contact(tx, user, contact_id)
    await once(tx, user, command_id, f"end:{contact_id}", act)


@router.get("/desk/c/{contact_id}/wrap-up")
async def wrap_up_form(
    contact_id: UUID, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render
) -> Response:
    """会话小结, prefilled."""
    await seen_contact(tx, user, contact_id)
    view = await view_of(tx, texts, user)
    head = await desk_conversation.head(tx, contact_id)
    return page("desk/wrap_up.html", view=view, head=head, wrap_up=wrap_up_prefill(view.words, head, view))


@router.post("/desk/c/{contact_id}/wrap-up", status_code=204)
async def wrap_up(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    category: Annotated[str, Form(max_length=60)] = "",
    subcategory: Annotated[str, Form(max_length=60)] = "",
    solved: Annotated[bool, Form()] = False,
    next_step: Annotated[str, Form(max_length=2000)] = "",
) -> None:
    """The summary is done: capacity is free and the next customer comes."""

    async def act() -> None:
        await conversation.wrap_up(
            tx,
            user.line_id,
            contact_id,
            user.id,
            category=category,
            subcategory=subcategory,
            solved=solved,
            next_step=next_step,
        )

    await seen_contact(tx, user, contact_id)
    await once(tx, user, command_id, f"wrap_up:{contact_id}", act)


@router.post("/desk/c/{contact_id}/invite", status_code=204)
async def invite(contact_id: UUID, user: CurrentAgent, tx: Tx, command_id: CommandId) -> None:
    """邀评, once."""

    async def act() -> None:
        await conversation.invite_to_survey(tx, user.line_id, contact_id, user.id)

    await seen_contact(tx, user, contact_id)
    await once(tx, user, command_id, f"invite:{contact_id}", act)


@router.post("/desk/c/{contact_id}/classification", status_code=204)
async def correct(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    intent: Annotated[str, Form(max_length=80)],
    urgency: Annotated[Literal["low", "normal", "high", "critical"], Form()] = "normal",
) -> None:
    """One click: what it was really about."""

    async def act() -> None:
        await require_act(tx, user, contact_id, ContactAct.CORRECT)
        if not (await line_words(tx, user.line_id)).known("intent", intent):
            raise Invalid("unknown_intent")
        await conversation.correct_classification(
            tx, user.line_id, contact_id, user.id, intent=intent, urgency=urgency
        )

    await seen_contact(tx, user, contact_id)
    await once(tx, user, command_id, f"correct:{contact_id}", act)


@router.get("/desk/c/{contact_id}/transfer")
async def transfer_form(
    contact_id: UUID, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render
) -> Response:
    """To whom it can be passed: colleagues with presence and load, queues with their waiting."""
    await seen_contact(tx, user, contact_id)
    return page(
        "desk/transfer.html",
        view=await view_of(tx, texts, user),
        head=await desk_conversation.head(tx, contact_id),
        people=[each for each in await desk_composer.colleagues(tx, user.line_id) if each.takes_work],
        queues=await desk_composer.queues(tx, user.line_id),
    )


@router.post("/desk/c/{contact_id}/transfer", status_code=204)
async def transfer(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    to: Annotated[str, Form(max_length=120)] = "",
    reason: Annotated[str, Form(max_length=60)] = "",
    text: Annotated[str, Form(max_length=4000)] = "",
) -> None:
    """Pass it on, to `agent:<id>` or `queue:<key>`; a note for the next one stays in the conversation."""
    kind, _, key = to.partition(":")
    if kind not in ("agent", "queue") or not key:
        raise Invalid("transfer_target")

    async def act() -> None:
        # The routing lock must come before the note takes the case's.
        await tx.lock_routing(user.line_id)
        await require_act(tx, user, contact_id, ContactAct.TRANSFER)
        if text.strip():
            await conversation.add_note(tx, user.line_id, contact_id, user.id, text, [])
        await offers.transfer(
            tx,
            user.line_id,
            contact_id,
            by=user.id,
            note=text,
            reason=reason,
            to_agent=_agent_id(key) if kind == "agent" else None,
            to_queue=None if kind == "agent" else key,
        )

    await seen_contact(tx, user, contact_id)
    await once(tx, user, command_id, f"transfer:{contact_id}", act)


def _agent_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("transfer_target") from None


@router.post("/desk/c/{contact_id}/assign", status_code=204)
async def assign(
    contact_id: UUID,
    user: Supervisor,
    tx: Tx,
    command_id: CommandId,
    to: Annotated[UUID | None, Form()] = None,
    owner: Annotated[str | None, Form(max_length=36)] = None,
) -> None:
    """A supervisor takes it over, or gives it to an agent at once."""

    async def act() -> None:
        await require_act(tx, user, contact_id, ContactAct.REASSIGN if to else ContactAct.TAKE_OVER)
        how = "assigned" if to is not None and to != user.id else "taken_over"
        await offers.assign(
            tx, user.line_id, contact_id, to or user.id, by=user.id, how=how, seen_owner=owner
        )

    await seen_contact(tx, user, contact_id)
    await once(tx, user, command_id, f"assign:{contact_id}", act)
