"""Inbox first: what a customer sends becomes rows in one transaction (DESIGN §3, RELIABILITY rule 1)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig, line_config
from adapters.db.engine import NotFoundError, Transaction
from adapters.db.messages import NewMessage, body_fingerprint, insert_message
from adapters.ids import new_id
from domain.contact import FactKind, Stage
from domain.text import Language, clean_text, detect_language

SIGNALLED_STAGES = frozenset({Stage.BOT, Stage.WRAP_UP, Stage.SURVEY})
"""Stages in which a customer's message calls for an act of the workflow."""


@dataclass(frozen=True)
class Inbound:
    """One message of a customer, as a channel parsed it."""

    line_id: str
    identity_id: UUID
    external_id: str
    """The sender's own id of the message."""
    body: str
    channel: str = "web"
    choice: str | None = None
    """The id of the button that was pressed; `body` is its label."""
    attachments: tuple[UUID, ...] = ()
    language: Language | None = None
    """The language of the customer's screen, when nothing else tells."""


@dataclass(frozen=True)
class Received:
    """What became of it."""

    contact_id: UUID
    message_id: UUID
    seq: int
    duplicate: bool = False
    conflict: bool = False
    """The same id came with another body: the first one stands, an alert was raised."""


async def receive(tx: Transaction, inbound: Inbound) -> Received:
    """Record a customer's message: identity → customer → open contact → message → fact → event.

    Raises NotFoundError when the identity does not belong to the line.
    """
    body = clean_text(inbound.body)
    attrs: dict[str, Any] = {}
    if inbound.choice is not None:
        attrs["choice"] = inbound.choice
    if inbound.attachments:
        attrs["attachments"] = [str(attachment) for attachment in inbound.attachments]
    external_id = f"{inbound.identity_id}:{inbound.external_id}"
    fingerprint = body_fingerprint(body, attrs)
    known = await _look_up(tx, inbound, external_id)
    if known.message_id is not None:
        return await _repeated(tx, inbound, known, fingerprint)
    contact = await _open_contact(tx, inbound, known, body)
    case = tx.locked_cases[contact.id]
    config = await line_config(tx, inbound.line_id, case.config_version)
    message_id, seq = await insert_message(
        tx,
        inbound.line_id,
        contact.id,
        NewMessage(
            author="customer",
            body=body,
            kind="file" if inbound.attachments else "text",
            attrs=attrs,
            channel=inbound.channel,
            external_id=external_id,
            body_hash=fingerprint,
        ),
    )
    if inbound.attachments:
        await _claim_attachments(tx, contact, message_id, inbound)
    await _tell_the_workflow(tx, contact, seq, config)
    tx.event(inbound.line_id, contact.id, "message", "customer", {"message_id": message_id, "seq": seq})
    return Received(contact.id, message_id, seq)


async def _look_up(tx: Transaction, inbound: Inbound, external_id: str) -> Row[Any]:
    row = await tx.first(
        """
        select i.customer_id, c.tier, c.language, k.id as contact_id,
               m.id as message_id, m.contact_id as message_contact_id, m.seq as message_seq,
               m.body_hash as message_hash
        from identities i
        join customers c on c.id = i.customer_id
        left join contacts k on k.line_id = i.line_id and k.customer_id = c.id and k.stage <> 'closed'
        left join messages m on m.line_id = i.line_id and m.channel = :channel
                            and m.external_id = :external_id
        where i.id = :identity_id and i.line_id = :line_id
        """,
        identity_id=inbound.identity_id,
        line_id=inbound.line_id,
        channel=inbound.channel,
        external_id=external_id,
    )
    if row is None:
        raise NotFoundError("identity")
    return row


async def _repeated(tx: Transaction, inbound: Inbound, known: Row[Any], fingerprint: bytes) -> Received:
    conflict = bytes(known.message_hash) != fingerprint
    if conflict:
        await tx.lock_case(known.message_contact_id)
        tx.event(
            inbound.line_id,
            known.message_contact_id,
            "inbound_conflict",
            "system",
            {"message_id": known.message_id},
        )
    return Received(
        known.message_contact_id, known.message_id, known.message_seq, duplicate=True, conflict=conflict
    )


async def _open_contact(tx: Transaction, inbound: Inbound, known: Row[Any], body: str) -> Row[Any]:
    """The customer's open contact, its case locked; a new one when there is none."""
    contact_id: UUID | None = known.contact_id
    while True:
        if contact_id is None:
            contact_id = await _new_contact(tx, inbound, known, body)
            if contact_id is None:
                continue
        case = await tx.lock_case(contact_id)
        if case.closed_at is None:
            return await tx.one("select * from contacts where id = :id", id=contact_id)
        # It closed while we waited for its lock: the message opens the next one, linked to it.
        tx.forget_case(contact_id)
        contact_id = None


async def _new_contact(tx: Transaction, inbound: Inbound, known: Row[Any], body: str) -> UUID | None:
    contact_id = new_id()
    fallback = inbound.language or Language(known.language)
    language = detect_language(body, fallback)
    await tx.run(
        "insert into cases (id, line_id, kind) values (:id, :line_id, 'contact')",
        id=contact_id,
        line_id=inbound.line_id,
    )
    opened = await tx.run(
        """
        insert into contacts (id, line_id, customer_id, identity_id, channel, language, tier,
                              previous_contact_id)
        select :id, :line_id, :customer_id, :identity_id, :channel, :language, :tier,
               (select id from contacts where customer_id = :customer_id and line_id = :line_id
                order by opened_at desc limit 1)
        on conflict (line_id, customer_id) where stage <> 'closed' do nothing
        """,
        id=contact_id,
        line_id=inbound.line_id,
        customer_id=known.customer_id,
        identity_id=inbound.identity_id,
        channel=inbound.channel,
        language=language,
        tier=known.tier,
    )
    if not opened:  # Another message of the same customer was a moment faster: one open contact.
        await tx.run("delete from cases where id = :id", id=contact_id)
        other: UUID | None = await tx.scalar(
            """select id from contacts
               where line_id = :line_id and customer_id = :customer_id and stage <> 'closed'""",
            line_id=inbound.line_id,
            customer_id=known.customer_id,
        )
        # None: that one closed in the same moment; the caller opens another.
        return other
    await tx.lock_case(contact_id)
    tx.event(inbound.line_id, contact_id, "contact_opened", "customer", {"channel": inbound.channel})
    return contact_id


async def _claim_attachments(tx: Transaction, contact: Row[Any], message_id: UUID, inbound: Inbound) -> None:
    claimed = await tx.run(
        """
        update attachments set message_id = :message_id, contact_id = :contact_id
        where id = any(:ids) and line_id = :line_id and uploaded_by = :uploader and message_id is null
        """,
        message_id=message_id,
        contact_id=contact.id,
        ids=list(inbound.attachments),
        line_id=inbound.line_id,
        uploader=f"identity:{inbound.identity_id}",
    )
    if claimed != len(inbound.attachments):
        raise NotFoundError("attachment")


async def _tell_the_workflow(tx: Transaction, contact: Row[Any], seq: int, config: LineConfig) -> None:
    """Record a fact where the message calls for an act; a conversation with a person needs none."""
    if contact.stage not in SIGNALLED_STAGES:
        return
    attrs: dict[str, Any] = {"seq": seq}
    if contact.stage == Stage.BOT:
        deadline_at = tx.locked_cases[contact.id].locked_at + timedelta(
            seconds=config.timing.bot_turn_seconds
        )
        attrs["deadline_at"] = deadline_at.isoformat()
        await tx.run(
            "update contacts set turn_deadline_at = coalesce(turn_deadline_at, :at) where id = :id",
            at=deadline_at,
            id=contact.id,
        )
    elif contact.stage == Stage.WRAP_UP:
        # The agent still holds capacity for it: the conversation simply goes on.
        await tx.run(
            "update contacts set stage = 'talking', wrap_up_due_at = null where id = :id", id=contact.id
        )
        tx.event(contact.line_id, contact.id, "resumed", "customer", {"from": "wrap_up"})
    await tx.record_fact(contact.id, FactKind.CUSTOMER_MESSAGE, attrs=attrs)


async def want_human(tx: Transaction, line_id: str, contact_id: UUID) -> bool:
    """«Talk to a human»: at once, ahead of any bot turn. False when a person already serves or will."""
    case = await tx.lock_case(contact_id)
    contact = await tx.one(
        "select stage, line_id from contacts where id = :id and line_id = :line_id",
        id=contact_id,
        line_id=line_id,
    )
    if case.closed_at is not None or contact.stage != Stage.BOT:
        return False
    await tx.run("update contacts set human_wanted_at = ledger_now() where id = :id", id=contact_id)
    await tx.record_fact(contact_id, FactKind.HUMAN_WANTED)
    tx.event(line_id, contact_id, "human_wanted", "customer")
    return True


async def proved_identity(tx: Transaction, line_id: str, contact_id: UUID) -> None:
    """The customer proved who they are: a bot's flow that waits for it goes on."""
    case = await tx.lock_case(contact_id)
    contact = await tx.one("select stage from contacts where id = :id", id=contact_id)
    if case.closed_at is None and contact.stage == Stage.BOT:
        await tx.run("update contacts set bot_resume = true where id = :id", id=contact_id)
        await tx.record_fact(contact_id, FactKind.VERIFIED)
    tx.event(line_id, contact_id, "verified", "customer")
