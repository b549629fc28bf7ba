"""Short lines in the conversation that tell the customer what is happening."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig
from adapters.db.engine import Transaction
from adapters.db.messages import NewMessage, insert_message


async def notice(
    tx: Transaction,
    config: LineConfig,
    contact: Row[Any],
    key: str,
    *,
    kind: str = "notice",
    attrs: dict[str, Any] | None = None,
    **values: object,
) -> UUID:
    """Write a process text (`texts.yaml`) into the contact in the customer's language."""
    body = config.text(key, contact.language, **values)
    message_id, seq = await insert_message(
        tx,
        contact.line_id,
        contact.id,
        NewMessage(author="system", kind=kind, body=body, attrs={"code": key} | (attrs or {})),
    )
    tx.event(
        contact.line_id, contact.id, "message", "system", {"message_id": message_id, "seq": seq, "code": key}
    )
    return message_id
