"""The bot's calls to the business system: asked for in one step, answered by a world activity."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
            """
            select b.name, b.arguments, b.idempotency_key, b.state,
                   max(i.external_id) filter (where i.channel = 'member') as member_id,
                   max(i.external_id) filter (where i.channel = 'phone') as phone
            from business_calls b
            join contacts k on k.id = b.contact_id
            left join identities i on i.customer_id = k.customer_id and i.verified_at is not null
            where b.id = :id
            group by b.id
            """,
            id=call_id,
        )
    if row.state != "requested":
        return None
    return RequestedCall(row.name, row.arguments, row.idempotency_key, row.member_id, row.phone)


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
