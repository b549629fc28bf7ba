"""My offers and my presence."""

from uuid import UUID

from fastapi import APIRouter

from adapters.db import desk, offers
from adapters.db.config import line_config
from adapters.db.engine import Transaction
from adapters.db.routing import match_agent
from api.deps import Pool, Reading, Tx
from api.v1.auth import ApiAgent, CommandId
from api.v1.once import once
from api.v1.shapes import Accepted, DeclineRequest, OfferList, OfferShown, PresenceRequest, PresenceShown
from domain.refusals import Refusal, RefusalCode

router = APIRouter()


@router.get("/offers", tags=["offers"])
async def my_offers(user: ApiAgent, tx: Reading) -> OfferList:
    """Offers that await my answer, the oldest first."""
    rows = await desk.pending_offers(tx, user.id)
    return OfferList(
        offers=[OfferShown.model_validate({**row._mapping, "contact_id": row.case_id}) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name of a row's mapping
    )


@router.post("/offers/{offer_id}/accept", tags=["offers"])
async def accept(offer_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId) -> Accepted:
    """Take the contact. 409 when it expired, was withdrawn or declined before."""

    async def act() -> str:
        return str(await offers.accept_offer(tx, user.line_id, offer_id, user.id))

    return Accepted(contact_id=UUID(await once(tx, user, command_id, f"accept:{offer_id}", act)))


@router.post("/offers/{offer_id}/decline", status_code=204, tags=["offers"])
async def decline(
    offer_id: UUID, user: ApiAgent, tx: Tx, command_id: CommandId, asked: DeclineRequest
) -> None:
    """Refuse with a reason; the customer keeps their place."""

    async def act() -> None:
        await offers.decline_offer(tx, user.line_id, offer_id, user.id, asked.reason)

    await once(tx, user, command_id, f"decline:{offer_id}", act)


async def _presence(tx: Transaction, user_id: UUID) -> PresenceShown:
    state = await desk.agent_state(tx, user_id)
    if state is None:
        raise Refusal(RefusalCode.NOT_AN_AGENT)
    return PresenceShown.model_validate(state)


@router.get("/presence", tags=["presence"])
async def get_presence(user: ApiAgent, tx: Reading) -> PresenceShown:
    """My presence and load."""
    return await _presence(tx, user.id)


@router.put("/presence", tags=["presence"])
async def set_presence(
    user: ApiAgent, tx: Tx, command_id: CommandId, asked: PresenceRequest
) -> PresenceShown:
    """Becoming ready brings waiting work at once; going offline gives offers back."""

    async def act() -> None:
        await offers.set_presence(tx, user.line_id, user.id, asked.presence, reason=asked.reason)

    await once(tx, user, command_id, f"presence:{asked.presence}", act)
    return await _presence(tx, user.id)


@router.post("/presence/heartbeat", status_code=204, tags=["presence"])
async def heartbeat(user: ApiAgent, pool: Pool) -> None:
    """I am still here. Send it every 30 seconds: who is silent for long gets no offers."""
    async with pool.transaction() as tx:
        agent = await desk.agent_state(tx, user.id)
        if agent is None:
            raise Refusal(RefusalCode.NOT_AN_AGENT)
        config = await line_config(tx, user.line_id)
        was_silent = await offers.heartbeat(
            tx, user.line_id, user.id, fresh_seconds=config.timing.heartbeat_fresh_seconds
        )
    if was_silent and agent.presence == "ready":
        async with pool.transaction() as tx:
            await tx.lock_routing(user.line_id)
            await match_agent(tx, await line_config(tx, user.line_id), user.id)
