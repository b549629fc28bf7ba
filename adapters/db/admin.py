"""Changes of configuration: each is one value before and one after, recorded, and can be taken back.

A subject names a row (`queues:general`, `agents:<uuid>`, `settings:timing`). `change` writes a subject's new
value and records both; `undo` writes the former value again, unless somebody has changed it since.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.admin_values import LastAdministratorError, Value, as_stored, snapshot, undoable, write_value
from adapters.db.config import touch_configuration
from adapters.db.engine import NotFoundError, Transaction, as_json
from adapters.db.upserts import subject_of
from adapters.ids import new_id
from domain.refusals import Refusal, RefusalCode

CHANGES_SHOWN = 100


async def change(tx: Transaction, line_id: str, user_id: UUID, subject: str, after: Value | None) -> bool:
    """Write a subject's new value (None removes it) and record it. False when nothing differs.

    Takes the routing lock, so the transaction must hold no other. Raises NotFoundError, Refusal
    CAPACITY_BELOW_LOAD, LastAdministratorError.
    """
    await tx.lock_routing(line_id)
    before = await snapshot(tx, line_id, subject)
    if before == as_stored(after):
        return False
    await write_value(tx, line_id, user_id, subject, after)
    await record(tx, line_id, user_id, subject, before, after)
    return True


async def record(
    tx: Transaction, line_id: str, user_id: UUID | None, subject: str, before: Any, after: Any
) -> UUID:
    """Put a change on record and tell every cache and screen."""
    change_id = new_id()
    await tx.run(
        """insert into configuration_changes (id, line_id, subject, before, after, user_id)
           values (:id, :line, :subject, cast(:before as jsonb), cast(:after as jsonb), :user)""",
        id=change_id,
        line=line_id,
        subject=subject,
        before=as_json(before) if before is not None else None,
        after=as_json(after) if after is not None else None,
        user=user_id,
    )
    await _tell(tx, line_id, user_id, "configuration_changed", subject, change_id)
    return change_id


async def _tell(
    tx: Transaction, line_id: str, user_id: UUID | None, kind: str, subject: str, change_id: UUID
) -> None:
    await touch_configuration(tx, line_id)
    actor = f"user:{user_id}" if user_id else "system"
    tx.subject_event(line_id, f"config:{line_id}", kind, actor, {"subject": subject, "change_id": change_id})


# What was changed


async def changes(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """The latest changes, the newest first."""
    return await tx.all(
        """select c.id, c.subject, c.before, c.after, c.at, c.undone_at, u.name, u.name_en
           from configuration_changes c left join users u on u.id = c.user_id
           where c.line_id = :line order by c.at desc, c.id desc limit :limit""",
        line=line_id,
        limit=CHANGES_SHOWN,
    )


async def undo(tx: Transaction, line_id: str, user_id: UUID, change_id: UUID) -> str:
    """Write the value from before a change again; its subject.

    Raises NotFoundError, Refusal ALREADY_DONE when it was undone, STALE when the subject has changed since.
    """
    await tx.lock_routing(line_id)
    made = await tx.first(
        "select * from configuration_changes where id = :id and line_id = :line for update",
        id=change_id,
        line=line_id,
    )
    if made is None or not undoable(made.subject):
        raise NotFoundError("change")
    if made.undone_at is not None:
        raise Refusal(RefusalCode.ALREADY_DONE)
    later = await tx.scalar(
        """select 1 from configuration_changes where line_id = :line and subject = :subject
             and undone_at is null and (at, id) > (:at, :id) limit 1""",
        line=line_id,
        subject=made.subject,
        at=made.at,
        id=change_id,
    )
    if later:
        raise Refusal(RefusalCode.STALE)
    await write_value(tx, line_id, user_id, made.subject, made.before)
    await tx.run("update configuration_changes set undone_at = now() where id = :id", id=change_id)
    await _tell(tx, line_id, user_id, "configuration_undone", made.subject, change_id)
    return str(made.subject)


__all__ = [
    "LastAdministratorError",
    "change",
    "changes",
    "record",
    "snapshot",
    "subject_of",
    "undo",
    "undoable",
]
