"""The desk: rail → list → conversation → customer. Here the frame, the list, offers and presence."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from adapters.db import accounts, desk, desk_composer, offers
from adapters.db.config import line_config
from adapters.db.desk import Order, Tab
from adapters.db.engine import Transaction
from adapters.db.routing import match_agent
from api.deps import CurrentAgent, Pool, Reading, SignedIn, Tx
from web.i18n import Texts
from web.pages import desk_articles, desk_composing, desk_contact, desk_customers, desk_searching
from web.pages.desk_deps import CommandId, once, seen_contact, view_of
from web.render import ReaderTexts, Render, wants_fragment

router = APIRouter()
router.include_router(desk_contact.router)
router.include_router(desk_composing.router)
router.include_router(desk_customers.router)
router.include_router(desk_searching.router)
router.include_router(desk_articles.router)

SHOWN_PRESENCES = ("ready", "busy", "away", "offline")
"""就绪, 示忙, 小休, 离线."""


async def _list(
    tx: Transaction, user: SignedIn, tab: Tab, order: Order, after: str | None = None
) -> dict[str, Any]:
    page = await desk.list_contacts(tx, user.line_id, user.id, tab=tab, order=order, after=after)
    return {"rows": page.rows, "after": page.after, "tab": tab.value, "order": order.value}


async def _state(tx: Transaction, user: SignedIn) -> dict[str, Any]:
    return {
        "counts": await desk.counts(tx, user.line_id, user.id),
        "offers": await desk.pending_offers(tx, user.id),
        "agent": await desk.agent_state(tx, user.id),
        "skills": await desk.my_skills(tx, user.id),
        "counted_at_most": desk.COUNTED_AT_MOST,
        "presences": SHOWN_PRESENCES,
    }


@router.get("/desk")
async def desk_page(
    user: CurrentAgent,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    tab: Tab = Tab.MINE,
    order: Order | None = None,
) -> Response:
    """The workspace without an open conversation."""
    return await _frame(user, tx, texts, page, tab, order, None)


@router.get("/desk/c/{contact_id}")
async def desk_at_contact(
    request: Request,
    contact_id: UUID,
    user: CurrentAgent,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    tab: Tab = Tab.MINE,
    order: Order | None = None,
) -> Response:
    """The workspace at one conversation; scripts ask for the conversation alone."""
    await seen_contact(tx, user, contact_id)
    opened = await desk_contact.opened(tx, user, texts, contact_id)
    if wants_fragment(request):
        return page("desk/contact.html", **opened)
    return await _frame(user, tx, texts, page, tab, order, opened)


async def _frame(
    user: SignedIn,
    tx: Transaction,
    texts: Texts,
    page: Render,
    tab: Tab,
    order: Order | None,
    opened: dict[str, Any] | None,
) -> Response:
    chosen = order or Order(user.user.preferences.get("desk_order", Order.WAITING))
    send_key = user.user.preferences.get("desk_send", "mod")
    shown = opened or {"view": await view_of(tx, texts, user), "head": None, "send_key": send_key}
    return page(
        "desk/index.html",
        **shown,
        **await _list(tx, user, tab, chosen),
        **await _state(tx, user),
        people=await desk_composer.colleagues(tx, user.line_id),
        orders=list(Order),
    )


@router.get("/desk/state")
async def state(
    user: CurrentAgent,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    tab: Tab = Tab.MINE,
    order: Order = Order.WAITING,
) -> Response:
    """Everything left of the conversation as it is now: the page's script puts it in place."""
    return page(
        "desk/state.html",
        view=await view_of(tx, texts, user),
        head=None,
        **await _list(tx, user, tab, order),
        **await _state(tx, user),
    )


@router.get("/desk/rows")
async def more_rows(
    user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render, tab: Tab, order: Order, after: str
) -> Response:
    """The list's next page."""
    shown = await _list(tx, user, tab, order, after)
    return page("desk/rows.html", view=await view_of(tx, texts, user), head=None, **shown)


# Offers


@router.post("/desk/offers/{offer_id}/accept")
async def accept(offer_id: UUID, user: CurrentAgent, tx: Tx, command_id: CommandId) -> dict[str, str]:
    """Take the contact; where to go on. 409 when somebody or something was faster."""

    async def act() -> str:
        return str(await offers.accept_offer(tx, user.line_id, offer_id, user.id))

    return {"contact_id": await once(tx, user, command_id, f"accept:{offer_id}", act)}


@router.post("/desk/offers/{offer_id}/decline", status_code=204)
async def decline(
    offer_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    command_id: CommandId,
    reason: Annotated[str, Form(max_length=60)] = "",
) -> None:
    """Refuse with a reason; the customer keeps their place."""

    async def act() -> None:
        await offers.decline_offer(tx, user.line_id, offer_id, user.id, reason)

    await once(tx, user, command_id, f"decline:{offer_id}", act)


# Presence


@router.post("/desk/presence")
async def change_presence(
    user: CurrentAgent,
    tx: Tx,
    texts: ReaderTexts,
    page: Render,
    command_id: CommandId,
    presence: Annotated[Literal["ready", "busy", "away", "offline"], Form()],
    reason: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """就绪, 示忙, 小休 or 离线; becoming ready brings waiting work at once."""

    async def act() -> None:
        await offers.set_presence(tx, user.line_id, user.id, presence, reason=reason)

    await once(tx, user, command_id, f"presence:{presence}", act)
    return page(
        "desk/presence.html",
        view=await view_of(tx, texts, user),
        agent=await desk.agent_state(tx, user.id),
        presences=SHOWN_PRESENCES,
    )


@router.post("/desk/heartbeat", status_code=204)
async def heartbeat(user: CurrentAgent, pool: Pool) -> None:
    """My screen is alive; a ready agent whose screen was silent is offered waiting work again."""
    async with pool.transaction() as tx:
        agent = await desk.agent_state(tx, user.id)
        if agent is None:
            return
        config = await line_config(tx, user.line_id)
        fresh_seconds = config.timing.heartbeat_fresh_seconds
        was_silent = await offers.heartbeat(tx, user.line_id, user.id, fresh_seconds=fresh_seconds)
    if was_silent and agent.presence == "ready":
        # In its own transaction: the routing lock comes before any other.
        async with pool.transaction() as tx:
            await tx.lock_routing(user.line_id)
            await match_agent(tx, await line_config(tx, user.line_id), user.id)


@router.post("/desk/preferences", status_code=204)
async def choose(
    user: CurrentAgent,
    tx: Tx,
    send: Annotated[Literal["mod", "enter"] | None, Form()] = None,
    order: Annotated[Order | None, Form()] = None,
) -> None:
    """My own habits: which key sends, how the list is sorted."""
    chosen: dict[str, Any] = {}
    if send is not None:
        chosen["desk_send"] = send
    if order is not None:
        chosen["desk_order"] = order.value
    await accounts.set_preferences(tx, user.id, **chosen)
