"""Visitors of the chat: their sessions, what they have proven, consent, and the files they bring.

An identity's channel is `visitor` (a browser; its external id is the hash of its token), `member` (the shop's
own id, signed by the host page) or `phone` (E.164, proven by a code). Only the first one writes messages; the
other two are strong keys by which the same customer is found again.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import psycopg.errors
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from adapters.db.engine import Database, Transaction
from adapters.files import StoredFile
from adapters.ids import new_id

_Answer = TypeVar("_Answer")

VISITOR = "visitor"
MEMBER = "member"
PHONE = "phone"
_TOKEN_BYTES = 32
_TOKEN_LENGTH_LIMIT = 200


@dataclass(frozen=True)
class Line:
    """What the chat needs to know of a business line."""

    id: str
    name_zh: str
    name_en: str
    default_language: str
    member_secret: str
    allowed_origins: tuple[str, ...]

    def name(self, language: str) -> str:
        """The line's name as customers of this language see it."""
        return self.name_en if language == "en" else self.name_zh


@dataclass(frozen=True)
class Visitor:
    """Somebody with a valid session of the chat."""

    identity_id: UUID
    customer_id: UUID
    line_id: str
    language: str
    name: str
    verified: bool
    """The proof holds now."""
    verified_until: datetime | None
    allowed_origins: tuple[str, ...]
    """Foreign origins from which this line's chat may be called."""
    foreign_open: bool
    """The customer's open contact was begun through another identity."""


_LINE = "select id, name_zh, name_en, default_language, member_secret, allowed_origins from business_lines"

_VISITOR = """
    select i.id, i.customer_id, i.line_id, c.language, c.name, i.verified_until, l.allowed_origins,
           i.verified_at is not null
               and (i.verified_until is null or i.verified_until > ledger_now()) as verified,
           exists (select from contacts k where k.line_id = i.line_id and k.customer_id = i.customer_id
                   and k.stage <> 'closed' and k.identity_id <> i.id) as foreign_open
    from identities i
    join customers c on c.id = i.customer_id
    join business_lines l on l.id = i.line_id
    where i.line_id = :line and i.channel = 'visitor' and i.external_id = :external_id
"""


def _line(row: Row[Any]) -> Line:
    return Line(
        row.id,
        row.name_zh,
        row.name_en,
        row.default_language,
        row.member_secret,
        tuple(row.allowed_origins),
    )


async def line_of(tx: Transaction, line_id: str | None) -> Line | None:
    """The line with this id; without one the oldest line."""
    if line_id is None:
        row = await tx.first(f"{_LINE} order by created_at, id limit 1")
    else:
        row = await tx.first(f"{_LINE} where id = :id", id=line_id)
    return _line(row) if row else None


async def is_allowed_origin(tx: Transaction, origin: str) -> bool:
    """Whether any line's chat may be called from pages of this origin."""
    return bool(
        await tx.scalar(
            "select 1 from business_lines where jsonb_exists(allowed_origins, :origin) limit 1", origin=origin
        )
    )


_RACES = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
_TRIES = 3


async def in_one_transaction(database: Database, act: Callable[[Transaction], Awaitable[_Answer]]) -> _Answer:
    """Do it in a transaction, and again when another one was a moment faster (two first messages at once)."""
    for tried in range(1, _TRIES + 1):
        try:
            async with database.transaction() as tx:
                return await act(tx)
        except DBAPIError as error:
            if not isinstance(error.orig, _RACES) or tried == _TRIES:
                raise
    raise AssertionError  # the loop returns or raises


# Sessions


def _external_id(token: str) -> str:
    """What is kept of a token: it has 256 random bits, so plain SHA-256 does."""
    return sha256(token.encode()).hexdigest()


async def open_session(tx: Transaction, line_id: str, language: str) -> str:
    """A new visitor, a new customer of no name; the token is told once, to the browser."""
    token = f"{line_id}.{secrets.token_urlsafe(_TOKEN_BYTES)}"
    customer_id = await new_customer(tx, line_id, language)
    await add_identity(tx, line_id, VISITOR, _external_id(token), customer_id)
    return token


async def visitor_of(tx: Transaction, token: str) -> Visitor | None:
    """The visitor whose token this is."""
    line_id, _, secret = token.rpartition(".")
    if not line_id or not secret or len(token) > _TOKEN_LENGTH_LIMIT:
        return None
    row = await tx.first(_VISITOR, line=line_id, external_id=_external_id(token))
    if row is None:
        return None
    return Visitor(
        identity_id=row.id,
        customer_id=row.customer_id,
        line_id=row.line_id,
        language=row.language,
        name=row.name,
        verified=row.verified,
        verified_until=row.verified_until,
        allowed_origins=tuple(row.allowed_origins),
        foreign_open=row.foreign_open,
    )


async def new_customer(tx: Transaction, line_id: str, language: str) -> UUID:
    """A customer of whom nothing is known but the language."""
    customer_id = new_id()
    await tx.run(
        "insert into customers (id, line_id, language) values (:id, :line, :language)",
        id=customer_id,
        line=line_id,
        language=language,
    )
    return customer_id


async def add_identity(
    tx: Transaction, line_id: str, channel: str, external_id: str, customer_id: UUID
) -> UUID:
    """One more way to reach a customer."""
    identity_id = new_id()
    await tx.run(
        """insert into identities (id, line_id, channel, external_id, customer_id)
           values (:id, :line, :channel, :external_id, :customer)""",
        id=identity_id,
        line=line_id,
        channel=channel,
        external_id=external_id,
        customer=customer_id,
    )
    return identity_id


async def without_expired_proof(tx: Transaction, visitor: Visitor) -> Visitor:
    """Before a message: nobody writes into a conversation that they may not read.

    Whoever was proven to be a customer whose open contact is held elsewhere, and is so no longer, goes on as
    a new visitor.
    """
    if not visitor.foreign_open or visitor.verified:
        return visitor
    stranger = await new_customer(tx, visitor.line_id, visitor.language)
    await tx.run(
        "update identities set customer_id = :customer, verified_at = null, verified_until = null where id = :id",
        customer=stranger,
        id=visitor.identity_id,
    )
    return replace(visitor, customer_id=stranger, name="", verified_until=None, foreign_open=False)


async def hold_contact(tx: Transaction, visitor: Visitor, contact_id: UUID) -> None:
    """A proven visitor goes on with a contact that was begun elsewhere; the caller holds the case's lock.

    From then on it is this browser's proof that counts for it, unless the other one's still holds.
    """
    if not (visitor.verified and visitor.foreign_open):
        return
    await tx.run(
        """update contacts k set identity_id = :identity
           where k.id = :contact and k.customer_id = :customer
             and not exists (select from identities i where i.id = k.identity_id
                             and i.customer_id = k.customer_id and i.verified_at is not null
                             and (i.verified_until is null or i.verified_until > ledger_now()))""",
        identity=visitor.identity_id,
        customer=visitor.customer_id,
        contact=contact_id,
    )


async def choose_language(tx: Transaction, visitor: Visitor, language: str) -> None:
    """The language the customer reads from now on."""
    await tx.run(
        "update customers set language = :language where id = :id and language <> :language",
        language=language,
        id=visitor.customer_id,
    )


# What is proven


async def proven_identity(
    tx: Transaction, *, contact_id: UUID | None = None, customer_id: UUID | None = None
) -> tuple[str | None, str | None]:
    """The member id and phone (E.164) that may be named to the business system, each None when not proven.

    For a contact: only while the proof of the very identity that it is held through lasts. For a customer:
    while any of their browsers has proven it.
    """
    row = await tx.one(
        """
        with proof as (
            select i.customer_id from identities i
            where i.channel = 'visitor' and i.verified_at is not null
              and (i.verified_until is null or i.verified_until > ledger_now())
              and (i.id = (select identity_id from contacts where id = cast(:contact as uuid))
                   or i.customer_id = cast(:customer as uuid))
              and (cast(:contact as uuid) is null or i.customer_id =
                   (select customer_id from contacts where id = cast(:contact as uuid)))
            limit 1)
        select (select s.external_id from identities s join proof p on p.customer_id = s.customer_id
                where s.channel = 'member' and s.verified_at is not null
                order by s.verified_at desc limit 1) as member_id,
               (select s.external_id from identities s join proof p on p.customer_id = s.customer_id
                where s.channel = 'phone' and s.verified_at is not null
                order by s.verified_at desc limit 1) as phone
        """,
        contact=contact_id,
        customer=customer_id,
    )
    return row.member_id, row.phone


# Consent and hints


@dataclass(frozen=True)
class PrivacyNotice:
    """The notice in force, by language."""

    version: str
    title: dict[str, str]
    body: dict[str, str]


async def privacy_notice(tx: Transaction, line_id: str) -> PrivacyNotice:
    """The line's notice; version 1 without words where none was written."""
    found = await tx.scalar(
        "select value from settings where line_id = :line and key = 'privacy'", line=line_id
    )
    value: dict[str, Any] = found or {}
    return PrivacyNotice(str(value.get("version", "1")), value.get("title", {}), value.get("body", {}))


async def consents(tx: Transaction, customer_id: UUID) -> set[str]:
    """Versions of the privacy notice that the customer accepted."""
    rows = await tx.all("select notice_version from consents where customer_id = :id", id=customer_id)
    return {row.notice_version for row in rows}


async def accept_notice(tx: Transaction, visitor: Visitor, version: str) -> None:
    """The customer accepted this version of the privacy notice."""
    await tx.run(
        """insert into consents (customer_id, line_id, notice_version) values (:customer, :line, :version)
           on conflict do nothing""",
        customer=visitor.customer_id,
        line=visitor.line_id,
        version=version,
    )


async def note_phone_hint(tx: Transaction, visitor: Visitor, phone: str) -> None:
    """A typed number: a hint to the agent, proof of nothing."""
    await tx.run(
        "update customers set phone_hint = :phone where id = :id", phone=phone, id=visitor.customer_id
    )


# Files


async def add_attachment(tx: Transaction, line_id: str, uploaded_by: str, file: StoredFile) -> UUID:
    """A file that waits for the message that carries it; `uploaded_by` is `identity:…` or `user:…`."""
    attachment_id = new_id()
    await tx.run(
        """insert into attachments (id, line_id, uploaded_by, file_name, content_type, size_bytes, width,
                                    height, sha256)
           values (:id, :line, :by, :name, :type, :size, :width, :height, :sha256)""",
        id=attachment_id,
        line=line_id,
        by=uploaded_by,
        name=file.name,
        type=file.content_type,
        size=file.size_bytes,
        width=file.width,
        height=file.height,
        sha256=file.sha256,
    )
    return attachment_id


async def stored_file(tx: Transaction, attachment_id: UUID) -> StoredFile:
    """What is known of a file. Raises NotFoundError."""
    row = await tx.one(
        """select file_name, content_type, size_bytes, sha256, width, height
           from attachments where id = :id""",
        id=attachment_id,
    )
    return StoredFile(row.file_name, row.content_type, row.size_bytes, row.sha256, row.width, row.height)
