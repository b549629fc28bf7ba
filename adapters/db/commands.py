"""Clicks happen once: each mutating request carries a command id, carried out in one transaction."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from adapters.db.engine import Transaction, as_json
from domain.refusals import Refusal, RefusalCode


async def run_once(
    tx: Transaction,
    command_id: UUID,
    act: Callable[[], Awaitable[Any]],
    *,
    line_id: str,
    actor: str,
    name: str,
) -> Any:
    """What `act` returned (a JSON value), now or when this command was carried out before.

    The same click sent twice at once waits for the first and gets its answer; an act that is refused
    leaves no trace. Raises Refusal STALE when the id belongs to somebody else's or another command.
    """
    new = await tx.run(
        """insert into commands (id, line_id, actor, name) values (:id, :line, :actor, :name)
           on conflict (id) do nothing""",
        id=command_id,
        line=line_id,
        actor=actor,
        name=name,
    )
    if not new:
        known = await tx.one(
            "select line_id, actor, name, outcome from commands where id = :id", id=command_id
        )
        if (known.line_id, known.actor, known.name) != (line_id, actor, name):
            raise Refusal(RefusalCode.STALE)
        return known.outcome
    outcome = await act()
    await tx.run(
        "update commands set outcome = cast(:outcome as jsonb) where id = :id",
        id=command_id,
        outcome=as_json(outcome),
    )
    return outcome
