"""Proof of who a visitor is, and finding the customer again by it (RELIABILITY rule 8, DESIGN §6).

A proof joins the visitor's browser to the customer of that member id or number. A visitor of whom nothing is
known brings along what was said so far; whoever was somebody else before comes alone.
"""

import hmac
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.chat import MEMBER, PHONE, Visitor, add_identity, hold_contact, new_customer
from adapters.db.config import line_config
from adapters.db.engine import Transaction
from adapters.db.intake import proved_identity
from adapters.db.routing import unpublish
from adapters.ids import new_id
from adapters.members import Member
from domain.contact import Stage

CODE_DIGITS = 6
CODE_MINUTES = 10
CODE_TRIES = 5
CODES_PER_HOUR = 5
"""Per number, and per visitor."""
CODE_PAUSE_SECONDS = 60
"""Between two codes to one number, or of one visitor."""
PHONE_PROOF_SECONDS = 24 * 3600
"""How long a code's word holds in the browser that it was typed into."""

_HOLDS_NO_CAPACITY = frozenset({Stage.BOT, Stage.QUEUED, Stage.SURVEY})


@dataclass(frozen=True)
class Key:
    """A strong key: who has it is that customer."""

    channel: str
    external_id: str


async def prove_member(tx: Transaction, visitor: Visitor, member: Member) -> None:
    """The host page's word: this browser is that member's, until the token expires."""
    keys = [Key(MEMBER, member.id)] + ([Key(PHONE, member.phone)] if member.phone else [])
    customer_id = await _join(tx, visitor, keys, member.expires_in_seconds)
    config = await line_config(tx, visitor.line_id)
    tier = member.tier if member.tier in config.priorities.tier_minutes else None
    await tx.run(
        """update customers set name = coalesce(nullif(:name, ''), name), tier = coalesce(:tier, tier)
           where id = :id""",
        name=member.name,
        tier=tier,
        id=customer_id,
    )


# Codes


class CodeRefusal(StrEnum):
    """Why no code is sent now."""

    TOO_SOON = "too_soon"
    TOO_MANY = "too_many"


async def new_code(
    tx: Transaction, visitor: Visitor, phone: str, secret: str
) -> tuple[str | None, CodeRefusal | None]:
    """A code for a number, or why not; the number's being known or not makes no difference."""
    await tx.run(
        "select pg_advisory_xact_lock(hashtextextended(:phone, 0))", phone=f"code:{visitor.line_id}:{phone}"
    )
    asked = await tx.one(
        """select count(*) as number,
                  coalesce(bool_or(created_at > ledger_now() - make_interval(secs => :pause)), false) as soon
           from verification_codes
           where line_id = :line and (phone = :phone or customer_id = :customer)
             and created_at > ledger_now() - interval '1 hour'""",
        pause=CODE_PAUSE_SECONDS,
        line=visitor.line_id,
        phone=phone,
        customer=visitor.customer_id,
    )
    if asked.number >= CODES_PER_HOUR:
        return None, CodeRefusal.TOO_MANY
    if asked.soon:
        return None, CodeRefusal.TOO_SOON
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    code_id = new_id()
    await tx.run(
        """insert into verification_codes (id, line_id, customer_id, phone, code_hash, created_at, expires_at)
           values (:id, :line, :customer, :phone, :hash, ledger_now(),
                   ledger_now() + make_interval(mins => :minutes))""",
        id=code_id,
        line=visitor.line_id,
        customer=visitor.customer_id,
        phone=phone,
        hash=_code_hash(secret, code_id, code),
        minutes=CODE_MINUTES,
    )
    return code, None


def _code_hash(secret: str, code_id: UUID, code: str) -> bytes:
    """Keyed, because a million codes are soon tried against a plain hash."""
    return hmac.new(secret.encode(), f"{code_id}:{code}".encode(), sha256).digest()


@dataclass(frozen=True)
class CodeResult:
    """What a typed code came to; `tries_left` of the code that is still good, None when none is."""

    proven: bool
    tries_left: int | None = None


async def try_code(tx: Transaction, visitor: Visitor, phone: str, typed: str, secret: str) -> CodeResult:
    """One try. The caller commits even when it fails, for a failed try counts."""
    tried = await tx.first(
        """update verification_codes set attempts = attempts + 1
           where id = (select id from verification_codes
                       where line_id = :line and customer_id = :customer and phone = :phone
                       order by created_at desc, id desc limit 1 for update)
             and attempts < :tries and used_at is null and expires_at > ledger_now()
           returning id, code_hash, attempts""",
        line=visitor.line_id,
        customer=visitor.customer_id,
        phone=phone,
        tries=CODE_TRIES,
    )
    if tried is None:
        return CodeResult(proven=False)
    if not hmac.compare_digest(bytes(tried.code_hash), _code_hash(secret, tried.id, typed)):
        return CodeResult(proven=False, tries_left=CODE_TRIES - tried.attempts)
    await tx.run("update verification_codes set used_at = ledger_now() where id = :id", id=tried.id)
    await _join(tx, visitor, [Key(PHONE, phone)], PHONE_PROOF_SECONDS)
    return CodeResult(proven=True)


# Joining


async def _join(tx: Transaction, visitor: Visitor, keys: list[Key], holds_seconds: int) -> UUID:
    """Join a browser to the customer of the first key that somebody has; the customer's id."""
    # Two cases may have to be locked: only the routing lock orders that, and it comes first.
    await tx.lock_routing(visitor.line_id)
    own_keys = await tx.all(
        """select channel, external_id from identities
           where customer_id = :customer and channel in ('member', 'phone')""",
        customer=visitor.customer_id,
    )
    customer_id = await _customer_of(tx, visitor, keys, own_keys)
    moves_along = not own_keys and customer_id != visitor.customer_id
    if moves_along:
        await _absorb(tx, visitor, customer_id)
    for key in keys:
        await _hold(tx, visitor.line_id, key, customer_id)
    await tx.run(
        """update identities set customer_id = :customer, verified_at = ledger_now(),
                  verified_until = ledger_now() + make_interval(secs => :seconds) where id = :id""",
        customer=customer_id,
        seconds=holds_seconds,
        id=visitor.identity_id,
    )
    if not visitor.verified or customer_id != visitor.customer_id:
        await _tell_open_contact(tx, visitor, customer_id)
    return customer_id


async def _customer_of(tx: Transaction, visitor: Visitor, keys: list[Key], own_keys: list[Row[Any]]) -> UUID:
    for key in keys:
        found: UUID | None = await tx.scalar(
            """select customer_id from identities
               where line_id = :line and channel = :channel and external_id = :external_id""",
            line=visitor.line_id,
            channel=key.channel,
            external_id=key.external_id,
        )
        if found is not None:
            return found
    # Nobody has the key yet. It becomes the visitor's own, unless they are known as somebody it cannot be.
    another = any(own.channel == keys[0].channel for own in own_keys)
    if own_keys and (another or not visitor.verified):
        return await new_customer(tx, visitor.line_id, visitor.language)
    return visitor.customer_id


async def _hold(tx: Transaction, line_id: str, key: Key, customer_id: UUID) -> None:
    """The customer has this key now; one that another customer has stays there."""
    renewed = await tx.first(
        """update identities set verified_at = case when customer_id = :customer then ledger_now()
                                                    else verified_at end
           where line_id = :line and channel = :channel and external_id = :external_id returning id""",
        customer=customer_id,
        line=line_id,
        channel=key.channel,
        external_id=key.external_id,
    )
    if renewed is None:
        identity_id = await add_identity(tx, line_id, key.channel, key.external_id, customer_id)
        await tx.run("update identities set verified_at = ledger_now() where id = :id", id=identity_id)


async def _absorb(tx: Transaction, visitor: Visitor, customer_id: UUID) -> None:
    """What a nameless visitor said so far belongs to the customer they turned out to be."""
    await _one_open_contact(tx, visitor, customer_id)
    both = {"old": visitor.customer_id, "new": customer_id, "line": visitor.line_id}
    await tx.run(
        """update contacts set customer_id = :new
           where customer_id = :old and line_id = :line
             and (stage = 'closed' or not exists (select from contacts o where o.customer_id = :new
                                                  and o.line_id = :line and o.stage <> 'closed'))""",
        **both,
    )
    await tx.run(
        """update identities set customer_id = :new
           where customer_id = :old and line_id = :line and channel = 'visitor'""",
        **both,
    )
    await tx.run(
        """insert into consents (customer_id, line_id, notice_version, accepted_at)
           select :new, line_id, notice_version, accepted_at from consents where customer_id = :old
           on conflict do nothing""",
        old=visitor.customer_id,
        new=customer_id,
    )
    await tx.run(
        """update customers k set phone_hint = coalesce(nullif(k.phone_hint, ''), o.phone_hint)
           from customers o where k.id = :new and o.id = :old""",
        old=visitor.customer_id,
        new=customer_id,
    )
    await tx.run(
        """update contacts set tier = (select tier from customers where id = :new)
           where customer_id = :new and stage <> 'closed'""",
        new=customer_id,
    )


async def _one_open_contact(tx: Transaction, visitor: Visitor, customer_id: UUID) -> None:
    """Of two open contacts the older goes on, the newer closes as merged into it (DESIGN §6).

    One that a person holds goes on in any case: the other closes. When persons hold both, each keeps
    theirs, and the visitor's stays with the nameless customer it was begun by.
    """
    open_ones = await tx.all(
        """select id from contacts where line_id = :line and customer_id = any(:customers)
           and stage <> 'closed' order by opened_at, id""",
        line=visitor.line_id,
        customers=[visitor.customer_id, customer_id],
    )
    for row in open_ones:
        await tx.lock_case(row.id)
    if len(open_ones) < 2:
        return
    stages = [
        Stage(await tx.scalar("select stage from contacts where id = :id", id=row.id)) for row in open_ones
    ]
    if Stage.CLOSED in stages:
        return
    older, newer = (row.id for row in open_ones)
    if stages[1] in _HOLDS_NO_CAPACITY:
        await _close_as_merged(tx, visitor.line_id, newer, into=older)
    elif stages[0] in _HOLDS_NO_CAPACITY:
        await _close_as_merged(tx, visitor.line_id, older, into=newer)


async def _close_as_merged(tx: Transaction, line_id: str, contact_id: UUID, *, into: UUID) -> None:
    await unpublish(tx, contact_id)
    await tx.run(
        """update contacts set stage = 'closed', closed_at = ledger_now(), close_reason = 'merged',
                  turn_deadline_at = null, widen_at = null, opens_at = null where id = :id""",
        id=contact_id,
    )
    # Its workflow reads this at its next wake and ends.
    await tx.run(
        """update cases set closed_at = ledger_now(), signalled_seq = fact_seq, folded_seq = fact_seq
           where id = :id""",
        id=contact_id,
    )
    tx.event(line_id, contact_id, "closed", "system", {"reason": "merged", "into": into})
    tx.event(line_id, into, "merged", "system", {"from": contact_id})


async def _tell_open_contact(tx: Transaction, visitor: Visitor, customer_id: UUID) -> None:
    contact_id = await tx.scalar(
        """select id from contacts
           where line_id = :line and customer_id = :customer and stage <> 'closed'""",
        line=visitor.line_id,
        customer=customer_id,
    )
    if contact_id is None:
        return
    await proved_identity(tx, visitor.line_id, contact_id)
    proven = replace(visitor, customer_id=customer_id, verified=True, foreign_open=True)
    await hold_contact(tx, proven, contact_id)
