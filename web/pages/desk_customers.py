"""The customer beside the conversation: read, edited in place, asked about in the shop."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from adapters.business_system import BusinessSystem
from adapters.db import desk_conversation, desk_customer
from adapters.db.engine import Transaction
from adapters.db.scopes import customer_scope
from api.access import may_edit_customer, may_see_customer
from api.deps import CurrentAgent, Pool, Reading, SignedIn, Tx, settings_of
from api.errors import Forbidden, NotFound
from domain.bot.model import BusinessResult
from domain.business import CallName
from web.pages.desk_contact import REVEAL_REASONS
from web.pages.desk_deps import CommandId, once, seen_contact, view_of
from web.render import ReaderTexts, Render

router = APIRouter()

ORDERS_SHOWN = 6


async def _seen_customer(tx: Transaction, user: SignedIn, customer_id: UUID) -> None:
    if not may_see_customer(user.viewer, await customer_scope(tx, customer_id)):
        raise NotFound


@router.get("/desk/c/{contact_id}/panel")
async def panel(
    contact_id: UUID, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render
) -> Response:
    """The panel as it is now."""
    await seen_contact(tx, user, contact_id)
    head = await desk_conversation.head(tx, contact_id)
    return page(
        "desk/panel.html",
        view=await view_of(tx, texts, user),
        head=head,
        card=await desk_customer.card(tx, head.customer_id),
        reveal_reasons=REVEAL_REASONS,
    )


@router.post("/desk/customers/{customer_id}")
async def edit(
    customer_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    field: Annotated[Literal["name", "tier", "city", "tags", "notes"], Form()],
    version: Annotated[int, Form()],
    value: Annotated[str, Form(max_length=4000)] = "",
) -> dict[str, int]:
    """Change one field in place; the new version. 409 when somebody changed the profile meanwhile."""

    async def act() -> int:
        return await desk_customer.edit(
            tx, user.line_id, customer_id, user.id, field=field, value=value, version=version
        )

    await _seen_customer(tx, user, customer_id)
    if not may_edit_customer(user.viewer, await customer_scope(tx, customer_id)):
        raise Forbidden
    return {"version": await once(tx, user, command_id, f"edit:{customer_id}:{field}", act)}


@router.get("/desk/customers/{customer_id}/history")
async def history(
    customer_id: UUID, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render
) -> Response:
    """Who changed what in the profile."""
    await _seen_customer(tx, user, customer_id)
    return page(
        "desk/customer_history.html",
        view=await view_of(tx, texts, user),
        changes=await desk_customer.history(tx, customer_id),
    )


@router.post("/desk/c/{contact_id}/phone")
async def reveal(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    reason: Annotated[Literal["callback", "verify", "delivery", "other"], Form()],
) -> dict[str, str]:
    """The number in full; looking is an event of the case, with its reason."""

    async def act() -> None:
        await desk_customer.reveal_phone(tx, user.line_id, contact_id, user.id, reason)

    scope = await seen_contact(tx, user, contact_id)
    # The number itself is no outcome to keep: it is read anew for the same click.
    await once(tx, user, command_id, f"phone:{contact_id}", act)
    return {"phone": await desk_customer.phone_of(tx, scope.customer_id)}


def _shop(request: Request) -> BusinessSystem:
    """The connector, made at its first use; it lives as long as the application."""
    state = request.app.state
    if not hasattr(state, "business_system"):
        settings = settings_of(request)
        token = settings.business_system_token
        state.business_system = BusinessSystem(
            settings.business_system_url, token.get_secret_value() if token else None
        )
    shop: BusinessSystem = state.business_system
    return shop


@router.get("/desk/c/{contact_id}/orders")
async def orders(
    request: Request, contact_id: UUID, user: CurrentAgent, pool: Pool, texts: ReaderTexts, page: Render
) -> Response:
    """Orders of a customer who proved who they are; honest when the shop cannot be reached."""
    async with pool.reading() as tx:
        scope = await seen_contact(tx, user, contact_id)
        member = await desk_customer.proven_member(tx, scope.customer_id)
        phone = await desk_customer.proven_phone(tx, scope.customer_id)
        view = await view_of(tx, texts, user)
    result: BusinessResult | None = None
    if member or phone:
        # Outside any transaction: the shop may take its time.
        result = await _shop(request).call(
            CallName.ORDERS_LIST, {}, member_id=member, phone=phone, idempotency_key=None
        )
    return page("desk/orders.html", view=view, result=result, shown=ORDERS_SHOWN, contact_id=contact_id)
