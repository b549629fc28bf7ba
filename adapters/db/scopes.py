"""What must be known of an object to decide who may see it (`api.access`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction
from domain.contact import Stage


@dataclass(frozen=True)
class ContactScope:
    """Whose a contact is, and where it stands."""

    id: UUID
    line_id: str
    customer_id: UUID
    identity_id: UUID
    stage: Stage
    owner_id: UUID | None
    offered_to: UUID | None
    """The agent whose answer a pending offer awaits."""


@dataclass(frozen=True)
class CustomerScope:
    """Whose a customer is."""

    id: UUID
    line_id: str


@dataclass(frozen=True)
class FileScope:
    """The contact a file belongs to, and whether it hangs on an internal note."""

    id: UUID
    contact: ContactScope
    in_note: bool


_CONTACT = """
    select c.id, c.line_id, c.customer_id, c.identity_id, c.stage, c.owner_id,
           (select o.agent_id from offers o where o.case_id = c.id and o.state = 'pending') as offered_to
    from contacts c
"""


def _contact(row: Row[Any]) -> ContactScope:
    return ContactScope(
        row.id, row.line_id, row.customer_id, row.identity_id, Stage(row.stage), row.owner_id, row.offered_to
    )


async def contact_scope(tx: Transaction, contact_id: UUID) -> ContactScope:
    """Raises NotFoundError."""
    return _contact(await tx.one(f"{_CONTACT} where c.id = :id", id=contact_id))


async def contact_scopes(tx: Transaction, contact_ids: Iterable[UUID]) -> dict[UUID, ContactScope]:
    """Those that exist, by id, in one query."""
    rows = await tx.all(f"{_CONTACT} where c.id = any(:ids)", ids=list(contact_ids))
    return {row.id: _contact(row) for row in rows}


async def customer_scope(tx: Transaction, customer_id: UUID) -> CustomerScope:
    """Raises NotFoundError."""
    row = await tx.one("select id, line_id from customers where id = :id", id=customer_id)
    return CustomerScope(row.id, row.line_id)


async def file_scope(tx: Transaction, attachment_id: UUID) -> FileScope:
    """Raises NotFoundError."""
    row = await tx.first(
        """select a.contact_id, coalesce(m.kind = 'note', false) as in_note
           from attachments a left join messages m on m.id = a.message_id where a.id = :id""",
        id=attachment_id,
    )
    if row is None:
        raise NotFoundError("file")
    return FileScope(attachment_id, await contact_scope(tx, row.contact_id), row.in_note)
