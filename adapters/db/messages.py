"""Writing a message: one row, numbered in its contact, and the contact's columns that follow from it."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from adapters.db.engine import Transaction, as_json
from adapters.ids import new_id
from domain.text import tokens

PREVIEW_LENGTH = 120

_NOTHING = "agent_read_seq = agent_read_seq"
_CONTACT_CHANGES = {
    "customer": """customer_seq = message_seq + 1, last_customer_at = ledger_now(), nudged_at = null,
        waiting_since = coalesce(waiting_since, ledger_now()), close_asked = null""",
    "agent": """last_agent_at = ledger_now(), waiting_since = null, nudged_at = null,
        agent_read_seq = message_seq + 1, first_reply_at = coalesce(first_reply_at, ledger_now())""",
    "bot": "waiting_since = null, first_reply_at = coalesce(first_reply_at, ledger_now())",
    "system": _NOTHING,
}


@dataclass(frozen=True)
class NewMessage:
    """What is said, by whom."""

    author: str
    body: str
    kind: str = "text"
    attrs: dict[str, Any] | None = None
    user_id: UUID | None = None
    channel: str = "web"
    external_id: str | None = None
    body_hash: bytes | None = None


def body_fingerprint(body: str, attrs: dict[str, Any] | None) -> bytes:
    """What a repeated external id must come with to be the same message."""
    return sha256((body + "\0" + as_json(attrs or {})).encode()).digest()


async def insert_message(
    tx: Transaction, line_id: str, contact_id: UUID, message: NewMessage
) -> tuple[UUID, int]:
    """Insert a message under the contact's case lock; its id and sequence.

    Internal notes change nothing that the customer's side looks at.
    """
    message_id = new_id()
    note = message.kind == "note"
    changes = _NOTHING if note else _CONTACT_CHANGES[message.author]
    visible = not note and message.kind != "notice"
    preview = (
        ", last_message_at = ledger_now(), preview = :preview, preview_author = :author" if visible else ""
    )
    parameters: dict[str, Any] = {
        "id": message_id,
        "line_id": line_id,
        "contact_id": contact_id,
        "author": message.author,
        "user_id": message.user_id,
        "kind": message.kind,
        "body": message.body,
        "attrs": as_json(message.attrs or {}),
        "channel": message.channel,
        "external_id": message.external_id,
        "body_hash": message.body_hash,
        "tokens": sorted(set(tokens(message.body)))[:2000],
    }
    if visible:
        parameters["preview"] = message.body[:PREVIEW_LENGTH]
    seq: int = await tx.scalar(
        f"""
        with numbered as (
            update contacts set message_seq = message_seq + 1, {changes}{preview}
            where id = :contact_id returning message_seq
        )
        insert into messages (id, line_id, contact_id, seq, author, user_id, kind, body, attrs, channel,
                              external_id, body_hash, at, tokens)
        select :id, :line_id, :contact_id, message_seq, :author, :user_id, :kind, :body,
               cast(:attrs as jsonb), :channel, :external_id, :body_hash, ledger_now(),
               array_to_tsvector(cast(:tokens as text[]))
        from numbered returning seq
        """,  # noqa: S608 # the fragments are constants of this module
        **parameters,
    )
    return message_id, seq
