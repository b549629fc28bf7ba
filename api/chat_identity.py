"""Proving a phone number: a code is sent to it, whether we know the number or not (RELIABILITY rule 8)."""

import unicodedata

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from adapters.db import chat, chat_identity, outbox
from adapters.db.chat import Visitor
from adapters.db.chat_identity import CODE_DIGITS, CODE_MINUTES, CODE_PAUSE_SECONDS, CodeRefusal, CodeResult
from adapters.db.config import LineConfig, line_config
from adapters.db.engine import Transaction
from adapters.members import masked_phone, normal_phone
from api.chat_visitor import ChatRoute, count_visitor, visitor_in
from api.deps import Configuration, Pool, Rule, declares
from api.errors import Forbidden, Invalid, RefusedRequest, TooMany, Unavailable
from api.ratelimit import client_address, count

router = APIRouter(
    prefix="/api/chat/phone", tags=["chat"], route_class=ChatRoute, dependencies=[declares(Rule.CUSTOMER)]
)

_ASKS_PER_ADDRESS = "60/hour"
_TRIES = "20/10 minute"
_HOUR_SECONDS = 3600
_CODE_TEXT = {
    "zh": "【{shop}】验证码 {code}，{minutes} 分钟内有效。请勿告诉任何人，我们的客服也不会向您索要。",
    "en": "{shop}: your code is {code}, valid for {minutes} minutes. Tell nobody; our staff never ask for it.",
}


class Phone(BaseModel):
    """A number as it was typed; without a country code it is taken as Chinese."""

    phone: str = Field(min_length=1, max_length=32)


class CodeSent(BaseModel):
    """The same answer for every valid number."""

    phone: str
    """Masked."""
    valid_minutes: int
    again_after_seconds: int


class TypedCode(Phone):
    """The number and the code that came to it."""

    code: str = Field(min_length=1, max_length=32)


class Proven(BaseModel):
    """The visitor is verified now; read the session and the thread again."""

    verified: bool


@router.post("")
async def ask_for_code(request: Request, wish: Phone, pool: Pool, settings: Configuration) -> CodeSent:
    """Send a code. The number is kept as a hint to the agent; it proves nothing until the code comes back."""
    await count(request, "chat-code", _ASKS_PER_ADDRESS, client_address(request))
    phone = _valid(wish.phone)
    if not settings.is_development:
        # No carrier of text messages is connected to this release: better to say so than to seem to send.
        raise Unavailable("code_unavailable", retry_seconds=3600)
    secret = settings.secret_key.get_secret_value()

    async def send(tx: Transaction) -> CodeRefusal | None:
        visitor = await visitor_in(tx, request)
        config = await _consented(tx, visitor)
        code, refusal = await chat_identity.new_code(tx, visitor, phone, secret)
        if code is None:
            return refusal
        await chat.note_phone_hint(tx, visitor, phone)
        text = _CODE_TEXT[visitor.language].format(
            shop=config.name[visitor.language], code=code, minutes=CODE_MINUTES
        )
        await outbox.put(tx, visitor.line_id, channel="sms", recipient=phone, body=text)
        return None

    refusal = await chat.in_one_transaction(pool, send)
    if refusal is not None:
        soon = refusal is CodeRefusal.TOO_SOON
        raise TooMany(
            CODE_PAUSE_SECONDS if soon else _HOUR_SECONDS, "code_too_soon" if soon else "code_too_many"
        )
    return CodeSent(
        phone=masked_phone(phone), valid_minutes=CODE_MINUTES, again_after_seconds=CODE_PAUSE_SECONDS
    )


@router.post("/verify")
async def verify(request: Request, typed: TypedCode, pool: Pool, settings: Configuration) -> Proven:
    """Try a code; five tries a code."""
    await count_visitor(request, "chat-code-try", _TRIES)
    phone = _valid(typed.phone)
    code = "".join(unicodedata.normalize("NFKC", typed.code).split())
    if not (len(code) == CODE_DIGITS and code.isascii() and code.isdigit()):
        raise Invalid("code_malformed")
    secret = settings.secret_key.get_secret_value()

    async def attempt(tx: Transaction) -> CodeResult:
        visitor = await visitor_in(tx, request)
        await _consented(tx, visitor)
        # Joining customers takes the routing lock, which must come before every other lock.
        await tx.lock_routing(visitor.line_id)
        return await chat_identity.try_code(tx, visitor, phone, code, secret)

    result = await chat.in_one_transaction(pool, attempt)
    if not result.proven:
        # Raised after the transaction, so that the try is counted.
        raise _not_proven(result)
    return Proven(verified=True)


def _not_proven(result: CodeResult) -> RefusedRequest:
    if result.tries_left:
        return Invalid("code_wrong", tries=result.tries_left)
    return Invalid("code_expired")


def _valid(typed: str) -> str:
    phone = normal_phone(typed)
    if phone is None:
        raise Invalid("phone_invalid")
    return phone


async def _consented(tx: Transaction, visitor: Visitor) -> LineConfig:
    """Personal data only after the notice in force was accepted. Raises Forbidden."""
    config = await line_config(tx, visitor.line_id)
    if config.privacy_version not in await chat.consents(tx, visitor.customer_id):
        raise Forbidden("consent_needed")
    return config
