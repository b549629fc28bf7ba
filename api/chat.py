"""The public interface of the chat: what the page, the widget and other clients of customers call."""

import unicodedata
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from adapters.db import chat, chat_thread, conversation, intake
from adapters.db.bus import Whisper, whisper
from adapters.db.chat import Visitor
from adapters.db.chat_identity import prove_member
from adapters.db.config import line_config
from adapters.db.engine import NotFoundError, Transaction
from adapters.db.scopes import ContactScope
from adapters.members import MemberTokenError, verify_member_token
from api.access import ContactAct
from api.chat_views import (
    CustomerView,
    PrivacyView,
    SentView,
    SessionView,
    StateView,
    ThreadView,
    message_view,
    state_view,
)
from api.chat_visitor import (
    ChatRoute,
    CurrentVisitor,
    ReadingVisitor,
    answer_preflight,
    bearer_token,
    count_visitor,
    foreign_origin,
    refuse_act,
    visitor_in,
    visitor_limit,
)
from api.deps import Pool, Reading, Rule, Tx, declares
from api.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn, TooLarge
from api.ratelimit import client_address, count
from domain.bot.texts import BotText
from domain.contact import Stage
from domain.text import Language, clean_text

TEXT_LIMIT_BYTES = 16 * 1024
FILES_PER_MESSAGE = 9
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing."""
_SESSIONS = "6000/minute"
"""Per address: a shop's whole office, or the operator's own replay, shares one."""
_MESSAGES = "30/10 second"
_MESSAGES_LONG = "1200/hour"
_READS = "1200/minute"
_ACTS = "60/minute"
_WHISPERS = "120/minute"

router = APIRouter(
    prefix="/api/chat", tags=["chat"], route_class=ChatRoute, dependencies=[declares(Rule.CUSTOMER)]
)

LanguageCode = Literal["zh", "en"]
Reader = Annotated[LanguageCode | None, Query(alias="lang")]


@router.options("/{path:path}", include_in_schema=False)  # noqa: FAST003 # whichever it is
async def preflight(request: Request) -> Response:
    """CORS, for the origins that lines allow."""
    return await answer_preflight(request)


# Sessions


class SessionWish(BaseModel):
    """A new session, or the old one again when its bearer is sent along."""

    line: str | None = Field(default=None, min_length=1, max_length=64)
    language: LanguageCode | None = None
    member_token: str | None = Field(default=None, max_length=4096)


@router.post("/session")
async def session(request: Request, wish: SessionWish, pool: Pool) -> SessionView:
    """Begin or resume; with a member token the visitor is that member while it lasts."""
    await count(request, "chat-session", _SESSIONS, client_address(request))

    async def begin(tx: Transaction) -> SessionView:
        line = await chat.line_of(tx, wish.line)
        if line is None:
            raise NotFound("chat_line_unknown")
        origin = foreign_origin(request)
        if origin is not None and origin not in line.allowed_origins:
            raise Forbidden("foreign_origin")
        token = bearer_token(request)
        visitor = await chat.visitor_of(tx, token) if token else None
        resumed = visitor is not None and visitor.line_id == line.id
        if token is None or not resumed:
            token = await chat.open_session(tx, line.id, wish.language or line.default_language)
        if wish.member_token:
            try:
                member = verify_member_token(wish.member_token, line.member_secret)
            except MemberTokenError as error:
                raise NotSignedIn(error.fault.value) from None
            await prove_member(tx, await _again(tx, token), member)
        if resumed and wish.language:
            await chat.choose_language(tx, await _again(tx, token), wish.language)
        visitor = await _again(tx, token)
        config = await line_config(tx, line.id)
        accepted = config.privacy_version in await chat.consents(tx, visitor.customer_id)
        return SessionView(
            token=token,
            resumed=resumed,
            line=line.id,
            line_name=line.name(wish.language or visitor.language),
            language=wish.language or visitor.language,
            customer=CustomerView(
                name=visitor.name if visitor.verified else "",
                verified=visitor.verified,
                verified_until=visitor.verified_until if visitor.verified else None,
            ),
            privacy=PrivacyView(version=config.privacy_version, accepted=accepted),
            thread=chat_thread.thread_key(visitor),
        )

    return await chat.in_one_transaction(pool, begin)


async def _again(tx: Transaction, token: str) -> Visitor:
    visitor = await chat.visitor_of(tx, token)
    assert visitor is not None
    return visitor


# Messages


class NewMessageWish(BaseModel):
    """A message; the same `client_id` again is the same message."""

    client_id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")
    text: str = ""
    choice: str | None = Field(default=None, max_length=200)
    attachments: list[UUID] = Field(default=[], max_length=FILES_PER_MESSAGE)


@router.post("/messages")
async def send(request: Request, wish: NewMessageWish, pool: Pool) -> SentView:
    """Take a message in; it is kept when this answers."""
    await count_visitor(request, "chat-message", _MESSAGES)
    await count_visitor(request, "chat-message-hour", _MESSAGES_LONG)
    if len(wish.text.encode()) > TEXT_LIMIT_BYTES:
        raise TooLarge("message_too_long", limit=f"{TEXT_LIMIT_BYTES // 1024} KB")
    body = clean_text(wish.text)
    if not _is_visible(body) and not wish.attachments:
        raise Invalid("message_empty")

    async def take_in(tx: Transaction) -> tuple[SentView, bool]:
        visitor = await chat.without_expired_proof(tx, await visitor_in(tx, request))
        try:
            received = await intake.receive(
                tx,
                intake.Inbound(
                    line_id=visitor.line_id,
                    identity_id=visitor.identity_id,
                    external_id=wish.client_id,
                    body=body,
                    choice=wish.choice,
                    attachments=tuple(wish.attachments),
                    language=Language(visitor.language),
                ),
            )
        except NotFoundError:
            raise Invalid("attachment_unknown") from None
        if not received.duplicate:
            await chat.hold_contact(tx, visitor, received.contact_id)
        seq = await chat_thread.position_of(tx, visitor, received.contact_id, received.seq)
        sent = SentView(
            message_id=received.message_id,
            seq=seq,
            contact_id=received.contact_id,
            duplicate=received.duplicate,
        )
        return sent, received.conflict

    sent, is_conflict = await chat.in_one_transaction(pool, take_in)
    if is_conflict:
        raise Conflict("message_conflict")
    return sent


def _is_visible(body: str) -> bool:
    """Whether anybody would see something of it: not blanks, joiners and marks alone."""
    return any(unicodedata.category(letter)[0] not in "CZM" and letter not in _BLANKS for letter in body)


@router.get("/messages", dependencies=[visitor_limit("chat-read", _READS)])
async def messages(
    visitor: ReadingVisitor,
    reading: Reading,
    after: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    before: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = chat_thread.PAGE,
    lang: Reader = None,
) -> ThreadView:
    """The thread across all contacts, oldest first: after a place, before one, or the newest."""
    language = lang or visitor.language
    found = await chat_thread.messages(reading, visitor, after=after, before=before, limit=limit + 1)
    more = len(found) > limit
    kept = found[:limit] if after is not None else found[-limit:]
    return ThreadView(
        thread=chat_thread.thread_key(visitor),
        messages=[message_view(each, visitor, language) for each in kept],
        more=more,
        state=state_view(await chat_thread.state(reading, visitor), visitor, language),
    )


@router.get("/state", dependencies=[visitor_limit("chat-read", _READS)])
async def state(visitor: ReadingVisitor, reading: Reading, lang: Reader = None) -> StateView:
    """Stage, place in the queue with an honest wait, who serves, whether a rating is awaited."""
    return state_view(await chat_thread.state(reading, visitor), visitor, lang or visitor.language)


# Acts


async def _open_contact(tx: Transaction, visitor: Visitor, act: ContactAct) -> tuple[ContactScope, int]:
    current = await chat_thread.current_contact(tx, visitor)
    if current is None:
        raise NotFound("no_open_contact")
    refuse_act(visitor, current[0], act)
    return current


class HumanWish(BaseModel):
    """«Talk to a human»; `client_id` names the message that a first contact is begun with."""

    client_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._:-]{1,100}$")


class HumanView(BaseModel):
    """Whether a person was asked for just now, or is there or on the way already."""

    contact_id: UUID
    asked: bool


@router.post("/human")
async def human(request: Request, wish: HumanWish, pool: Pool) -> HumanView:
    """A person, at once, ahead of the bot; begins a contact when there is none."""
    await count_visitor(request, "chat-act", _ACTS)

    async def ask(tx: Transaction) -> HumanView:
        visitor = await chat.without_expired_proof(tx, await visitor_in(tx, request))
        current = await chat_thread.current_contact(tx, visitor)
        if current is not None and current[0].stage is not Stage.SURVEY:
            contact = current[0]
            refuse_act(visitor, contact, ContactAct.ASK_FOR_PERSON)
            return HumanView(
                contact_id=contact.id, asked=await intake.want_human(tx, visitor.line_id, contact.id)
            )
        config = await line_config(tx, visitor.line_id)
        language = Language(visitor.language)
        received = await intake.receive(
            tx,
            intake.Inbound(
                line_id=visitor.line_id,
                identity_id=visitor.identity_id,
                external_id=wish.client_id or f"human:{uuid4()}",
                body=config.book.texts[BotText.TALK_TO_HUMAN][language],
                language=language,
            ),
        )
        # In the survey the message itself brings the contact back to a person.
        asked = current is not None or await intake.want_human(tx, visitor.line_id, received.contact_id)
        return HumanView(contact_id=received.contact_id, asked=asked)

    return await chat.in_one_transaction(pool, ask)


class WaitingChoice(BaseModel):
    """Nobody is there: leave the matter, or keep the place."""

    leave: bool


@router.post("/choice-while-waiting", status_code=204, dependencies=[visitor_limit("chat-act", _ACTS)])
async def choose_while_waiting(choice: WaitingChoice, visitor: CurrentVisitor, tx: Tx) -> None:
    """Keep the place in the queue, or leave the matter to be worked off."""
    contact, _ = await _open_contact(tx, visitor, ContactAct.WRITE)
    await conversation.choose_while_waiting(tx, visitor.line_id, contact.id, leave=choice.leave)


@router.post("/leave", status_code=204, dependencies=[visitor_limit("chat-act", _ACTS)])
async def leave(visitor: CurrentVisitor, tx: Tx) -> None:
    """The customer ends the conversation."""
    contact, _ = await _open_contact(tx, visitor, ContactAct.END)
    await conversation.leave_contact(tx, visitor.line_id, contact.id)


class ReadMark(BaseModel):
    """The last message on the customer's screen, by its place in the thread."""

    seq: int = Field(ge=0, lt=2**53)


@router.post("/read", status_code=204, dependencies=[visitor_limit("chat-whisper", _WHISPERS)])
async def read(mark: ReadMark, visitor: CurrentVisitor, tx: Tx) -> None:
    """How far the customer has read; agents who look at it see it."""
    current = await chat_thread.current_contact(tx, visitor)
    if current is None or mark.seq <= current[1]:
        return
    contact, base = current
    seq = mark.seq - base
    await conversation.mark_read(tx, visitor.line_id, contact.id, seq, by_customer=True)
    await whisper(tx, Whisper(visitor.line_id, "read", "customer", contact.id, {"seq": seq}))


@router.post("/typing", status_code=204, dependencies=[visitor_limit("chat-whisper", _WHISPERS)])
async def typing(visitor: CurrentVisitor, tx: Tx) -> None:
    """The customer is writing; kept nowhere."""
    current = await chat_thread.current_contact(tx, visitor)
    if current is not None:
        await whisper(tx, Whisper(visitor.line_id, "typing", "customer", current[0].id))


class Rating(BaseModel):
    """The customer's word on a conversation."""

    score: int = Field(ge=1, le=5)
    solved: bool | None = None
    reasons: list[str] = Field(default=[], max_length=20)
    comment: str = Field(default="", max_length=2000)


@router.post("/survey", status_code=204, dependencies=[visitor_limit("chat-act", _ACTS)])
async def survey(rating: Rating, visitor: CurrentVisitor, tx: Tx) -> None:
    """Rate the conversation; once."""
    contact, _ = await _open_contact(tx, visitor, ContactAct.ANSWER_SURVEY)
    config = await line_config(tx, visitor.line_id)
    known = {reason["key"] for reason in config.reasons.get("survey", [])}
    if not known.issuperset(rating.reasons):
        raise Invalid("survey_reason_unknown")
    await conversation.answer_survey(
        tx,
        visitor.line_id,
        contact.id,
        score=rating.score,
        solved=rating.solved,
        reasons=rating.reasons,
        comment=rating.comment,
    )


class Consent(BaseModel):
    """The version of the notice that was read."""

    version: str = Field(min_length=1, max_length=64)


@router.post("/consent", status_code=204, dependencies=[visitor_limit("chat-act", _ACTS)])
async def consent(accepted: Consent, visitor: CurrentVisitor, tx: Tx) -> None:
    """Accept the privacy notice in force; another version is refused."""
    config = await line_config(tx, visitor.line_id)
    if accepted.version != config.privacy_version:
        raise Conflict("notice_outdated")
    await chat.accept_notice(tx, visitor, accepted.version)
