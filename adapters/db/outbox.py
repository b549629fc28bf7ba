"""The development twin of carriers: what would have been sent, kept to be looked at on /dev/outbox."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from adapters.db.engine import Transaction
from adapters.ids import new_id


@dataclass(frozen=True)
class OutboxEntry:
    """One text that a carrier would have got."""

    id: UUID
    line_id: str
    channel: str
    recipient: str
    body: str
    at: datetime


async def put(tx: Transaction, line_id: str, *, channel: str, recipient: str, body: str) -> None:
    """Keep what would go out."""
    await tx.run(
        """insert into outbox (id, line_id, channel, recipient, body)
           values (:id, :line, :channel, :recipient, :body)""",
        id=new_id(),
        line=line_id,
        channel=channel,
        recipient=recipient,
        body=body,
    )


async def recent(tx: Transaction, limit: int = 50) -> list[OutboxEntry]:
    """The newest first."""
    rows = await tx.all(
        """select id, line_id, channel, recipient, body, at from outbox
           order by at desc, id desc limit :limit""",
        limit=limit,
    )
    return [OutboxEntry(row.id, row.line_id, row.channel, row.recipient, row.body, row.at) for row in rows]
