"""What the desk's routes share: the reader's view, a contact they may see, and one-time commands."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from adapters.db.commands import run_once
from adapters.db.desk_words import line_words
from adapters.db.engine import Transaction
from adapters.db.scopes import ContactScope, contact_scope
from api.access import ContactAct, may_act_on_contact, may_see_contact
from api.deps import SignedIn
from api.errors import Invalid, NotFound
from domain.refusals import Refusal, RefusalCode
from web.i18n import Texts
from web.pages.desk_view import DeskView

COMMAND_HEADER = "X-Command-Id"


async def _command_id(request: Request) -> UUID:
    given = request.headers.get(COMMAND_HEADER)
    if given is None:
        field = (await request.form()).get("command_id")
        given = field if isinstance(field, str) else ""
    try:
        return UUID(given)
    except ValueError:
        raise Invalid("command_missing") from None


CommandId = Annotated[UUID, Depends(_command_id)]
"""Made by the browser for one act of a person: the same id again is the same act."""


async def view_of(tx: Transaction, texts: Texts, user: SignedIn) -> DeskView:
    """The desk as this reader sees it, by the database's clock."""
    return DeskView(texts, await line_words(tx, user.line_id), user, await tx.clock())


async def seen_contact(tx: Transaction, user: SignedIn, contact_id: UUID) -> ContactScope:
    """The contact, where the reader may see it. Raises NotFound."""
    scope = await contact_scope(tx, contact_id)
    if not may_see_contact(user.viewer, scope):
        raise NotFound
    return scope


async def require_act(tx: Transaction, user: SignedIn, contact_id: UUID, act: ContactAct) -> ContactScope:
    """The contact, where the reader may do this with it. Raises NotFound, Refusal NOT_YOURS."""
    scope = await seen_contact(tx, user, contact_id)
    if not may_act_on_contact(user.viewer, scope, act):
        raise Refusal(RefusalCode.NOT_YOURS)
    return scope


async def once(
    tx: Transaction, user: SignedIn, command_id: UUID, name: str, act: Callable[[], Awaitable[Any]]
) -> Any:
    """Carry a click out once; checks of access belong inside `act`, for a repeated click was allowed."""
    return await run_once(tx, command_id, act, line_id=user.line_id, actor=user.actor, name=name)
