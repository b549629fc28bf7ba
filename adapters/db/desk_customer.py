"""The customer beside the conversation: profile, identities, contacts of all times, edits with history."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction, as_json
from adapters.ids import new_id
from domain.refusals import Refusal, RefusalCode
from domain.text import clean_text

CONTACTS_SHOWN = 8
HISTORY_SHOWN = 50
LONGEST = {"name": 80, "tier": 40, "city": 80, "notes": 4000, "tags": 400}
"""Fields that people edit in place, with the longest text each takes."""


@dataclass(frozen=True)
class CustomerCard:
    """All that the panel shows of a customer."""

    customer: Row[Any]
    identities: list[Row[Any]]
    contacts: list[Row[Any]]
    contact_count: int
    edits: int
    """How many changes of the profile are on record."""


async def card(tx: Transaction, customer_id: UUID) -> CustomerCard:
    """Raises NotFoundError."""
    customer = await tx.one("select * from customers where id = :id", id=customer_id)
    identities = await tx.all(
        """select channel, external_id, verified_at, verified_until,
                  (verified_at is not null and coalesce(verified_until > clock_timestamp(), true)) as verified
           from identities where customer_id = :id order by created_at""",
        id=customer_id,
    )
    contacts = await tx.all(
        """select c.id, k.number, c.channel, c.stage, c.opened_at, c.closed_at, c.last_message_at, c.preview,
                  coalesce(l.corrected_intent, l.intent) as intent, w.category, w.subcategory
           from contacts c join cases k on k.id = c.id
           left join classifications l on l.contact_id = c.id
           left join wrap_ups w on w.contact_id = c.id
           where c.customer_id = :id order by c.opened_at desc limit :limit""",
        id=customer_id,
        limit=CONTACTS_SHOWN,
    )
    row = await tx.one(
        """select (select count(*) from contacts where customer_id = :id) as contacts,
                  (select count(*) from customer_changes where customer_id = :id) as edits""",
        id=customer_id,
    )
    return CustomerCard(customer, identities, contacts, row.contacts, row.edits)


async def edit(
    tx: Transaction, line_id: str, customer_id: UUID, user_id: UUID, *, field: str, value: str, version: int
) -> int:
    """Change one field of a profile; the new version. The former text stays in its history.

    Raises NotFoundError, Refusal STALE when somebody changed the profile meanwhile.
    """
    if field not in LONGEST:
        raise NotFoundError("field")
    value = clean_text(value)[: LONGEST[field]]
    customer = await tx.first(
        "select * from customers where id = :id and line_id = :line for update", id=customer_id, line=line_id
    )
    if customer is None:
        raise NotFoundError("customer")
    before = ", ".join(customer.tags) if field == "tags" else getattr(customer, field)
    if customer.version != version:
        raise Refusal(RefusalCode.STALE)
    if value == before:
        return version
    stored = as_json(split_tags(value)) if field == "tags" else value
    column = "tags = cast(:value as jsonb)" if field == "tags" else f"{field} = :value"
    await tx.run(
        f"update customers set {column}, version = version + 1 where id = :id",  # noqa: S608 # a key of LONGEST
        value=stored,
        id=customer_id,
    )
    await tx.run(
        """insert into customer_changes (id, line_id, customer_id, field, before, after, user_id)
           values (:id, :line, :customer, :field, :before, :after, :user)""",
        id=new_id(),
        line=line_id,
        customer=customer_id,
        field=field,
        before=before,
        after=value,
        user=user_id,
    )
    # The event names the field, never its text: erasing a customer must not touch the chain.
    tx.subject_event(
        line_id,
        f"customer:{customer_id}",
        "customer_changed",
        f"user:{user_id}",
        {"customer_id": customer_id, "field": field, "version": version + 1},
    )
    return version + 1


def split_tags(text: str) -> list[str]:
    """Tags as people type them: separated by commas of either script, each once, in order."""
    parts = (part.strip()[:30] for part in text.replace("，", ",").replace("、", ",").split(","))
    return list(dict.fromkeys(part for part in parts if part))[:20]


async def history(tx: Transaction, customer_id: UUID) -> list[Row[Any]]:
    """Who changed what in the profile, the newest first."""
    return await tx.all(
        """select h.field, h.before, h.after, h.at, u.name as user_name, u.name_en as user_name_en
           from customer_changes h left join users u on u.id = h.user_id
           where h.customer_id = :id order by h.at desc limit :limit""",
        id=customer_id,
        limit=HISTORY_SHOWN,
    )


async def reveal_phone(tx: Transaction, line_id: str, contact_id: UUID, user_id: UUID, reason: str) -> None:
    """Put down that somebody looked at the number in full, who and why: an event of the case.

    Raises NotFoundError, Refusal REASON_NEEDED.
    """
    if not reason:
        raise Refusal(RefusalCode.REASON_NEEDED)
    row = await tx.first(
        "select customer_id from contacts where id = :id and line_id = :line", id=contact_id, line=line_id
    )
    if row is None:
        raise NotFoundError("contact")
    await tx.lock_case(contact_id)
    tx.event(
        line_id,
        contact_id,
        "phone_revealed",
        f"user:{user_id}",
        {"customer_id": row.customer_id, "reason": reason},
    )


async def phone_of(tx: Transaction, customer_id: UUID) -> str:
    """The number in full: the one typed as a hint, else the one proven; empty when there is none."""
    hint: str = await tx.scalar("select phone_hint from customers where id = :id", id=customer_id)
    return hint or await proven_phone(tx, customer_id) or ""


async def proven_phone(tx: Transaction, customer_id: UUID) -> str | None:
    """The number that the customer proved by a code, if any."""
    phone: str | None = await tx.scalar(
        """select external_id from identities where customer_id = :id and channel in ('phone', 'sms')
             and verified_at is not null and coalesce(verified_until > clock_timestamp(), true)
           order by verified_at desc limit 1""",
        id=customer_id,
    )
    return phone


async def proven_member(tx: Transaction, customer_id: UUID) -> str | None:
    """The shop's own member id of the customer, from a token that the shop signed."""
    member: str | None = await tx.scalar(
        """select external_id from identities where customer_id = :id and channel = 'member'
             and verified_at is not null order by verified_at desc limit 1""",
        id=customer_id,
    )
    return member
