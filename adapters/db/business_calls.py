"""The bot's calls to the business system: asked for in one step, answered by a world activity."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from adapters.db.chat import proven_identity
from adapters.db.engine import Database, as_json


@dataclass(frozen=True)
class RequestedCall:
    """A call to make, with who the customer is proven to be."""

    name: str
    arguments: dict[str, Any]
    idempotency_key: str
    member_id: str | None
    phone: str | None


async def requested_call(database: Database, call_id: UUID) -> RequestedCall | None:
    """The call, or None when it has been answered."""
    async with database.reading() as tx:
        row = await tx.one(
            "select contact_id, name, arguments, idempotency_key, state from business_calls where id = :id",
            id=call_id,
        )
        if row.state != "requested":
            return None
        member_id, phone = await proven_identity(tx, contact_id=row.contact_id)
    return RequestedCall(row.name, row.arguments, row.idempotency_key, member_id, phone)


async def finish_call(database: Database, call_id: UUID, status: str, data: dict[str, Any]) -> None:
    """Keep the answer; the first one stands."""
    async with database.transaction() as tx:
        await tx.run(
            """update business_calls set state = 'finished', status = :status,
                      result = cast(:data as jsonb), finished_at = ledger_now()
               where id = :id and state = 'requested'""",
            status=status,
            data=as_json(data),
            id=call_id,
        )
