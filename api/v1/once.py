"""An act under its idempotency key happens once."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from adapters.db.commands import run_once
from adapters.db.engine import Transaction
from api.deps import SignedIn


async def once(
    tx: Transaction, user: SignedIn, command_id: UUID, name: str, act: Callable[[], Awaitable[Any]]
) -> Any:
    """What `act` returned, now or the first time. Access is checked inside it: a repeat was allowed before.

    Raises Refusal STALE when the key was used for another act.
    """
    return await run_once(tx, command_id, act, line_id=user.line_id, actor=user.actor, name=f"api:{name}")
