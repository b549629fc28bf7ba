"""What agents do with offers, presence, and who has a contact: each one transaction that checks the rule."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig, line_config
from adapters.db.engine import NotFoundError, Transaction
from adapters.db.notices import notice
from adapters.db.routing import (
    free_capacity,
    give_to_owner,
    held_weight,
    match_agent,
    match_case,
    nickname,
    publish,
    unpublish,
)
from adapters.ids import new_id
from domain.contact import FactKind, Stage
from domain.refusals import Refusal, RefusalCode
from domain.routing import PlanStep

ASK_AGAIN_SECONDS = 60
"""When a plan is exhausted, who refused is asked again after this pause."""

# Offers


async def accept_offer(tx: Transaction, line_id: str, offer_id: UUID, agent_id: UUID) -> UUID:
    """The agent takes the contact; it stays acceptable until its expiry commits. The contact's id.

    Raises Refusal: OFFER_GONE, NOT_YOUR_OFFER.
    """
    case_id = await _case_of_offer(tx, line_id, offer_id, agent_id)
    await tx.lock_case(case_id)
    accepted = await tx.first(
        """update offers set state = 'accepted', settled_at = ledger_now()
           where id = :id and state = 'pending' returning case_id, offered_at, settled_at""",
        id=offer_id,
    )
    if accepted is None:
        if await tx.scalar("select state from offers where id = :id", id=offer_id) == "accepted":
            return case_id  # The same click again.
        raise Refusal(RefusalCode.OFFER_GONE)
    config = await line_config(tx, line_id)
    await give_to_owner(tx, config, case_id, agent_id)
    await tx.record_fact(case_id, FactKind.ACCEPTED, ref=str(offer_id))
    seconds = (accepted.settled_at - accepted.offered_at).total_seconds()
    tx.event(
        line_id,
        case_id,
        "offer_accepted",
        f"user:{agent_id}",
        {"offer_id": offer_id, "agent": agent_id, "seconds": round(seconds, 1)},
    )
    return case_id


async def decline_offer(tx: Transaction, line_id: str, offer_id: UUID, agent_id: UUID, reason: str) -> None:
    """The agent refuses with a reason; the contact keeps its age and goes to the next.

    Raises Refusal: REASON_NEEDED, OFFER_GONE, NOT_YOUR_OFFER.
    """
    if not reason.strip():
        raise Refusal(RefusalCode.REASON_NEEDED)
    await tx.lock_routing(line_id)
    case_id = await _case_of_offer(tx, line_id, offer_id, agent_id)
    config = await line_config(tx, line_id)
    offer = await take_back_offer(tx, case_id, "declined", reason=reason[:200])
    if offer is None or offer.id != offer_id:
        raise Refusal(RefusalCode.OFFER_GONE)
    await tx.record_fact(case_id, FactKind.DECLINED, ref=str(offer_id))
    tx.event(
        line_id,
        case_id,
        "offer_declined",
        f"user:{agent_id}",
        {"offer_id": offer_id, "agent": agent_id, "reason": reason[:200]},
    )
    await match_case(tx, config, case_id)
    await match_agent(tx, config, agent_id)


async def _case_of_offer(tx: Transaction, line_id: str, offer_id: UUID, agent_id: UUID) -> UUID:
    offer = await tx.first(
        "select case_id, agent_id from offers where id = :id and line_id = :line_id",
        id=offer_id,
        line_id=line_id,
    )
    if offer is None:
        raise NotFoundError("offer")
    if offer.agent_id != agent_id:
        raise Refusal(RefusalCode.NOT_YOUR_OFFER)
    case_id: UUID = offer.case_id
    return case_id


async def take_back_offer(
    tx: Transaction, case_id: UUID, state: str, *, reason: str | None = None
) -> Row[Any] | None:
    """End the pending offer of a case and free what it held; back into the waiting order at its old age."""
    await tx.lock_case(case_id)
    offer = await tx.first(
        """update offers set state = :state, settled_at = ledger_now(), decline_reason = :reason
           where case_id = :case_id and state = 'pending' returning *""",
        state=state,
        reason=reason,
        case_id=case_id,
    )
    if offer is None:
        return None
    await free_capacity(tx, offer.agent_id, offer.weight)
    await tx.run(
        """update waiting_work set offered = false, directed_to = null, sticky_until = null,
                  refused_by = refused_by || jsonb_build_array(cast(:agent as text))
           where case_id = :case_id""",
        agent=offer.agent_id,
        case_id=case_id,
    )
    # An exhausted plan has no step left that would ask again whoever refused: then time does.
    await tx.run(
        """update contacts set stage = 'queued',
                  widen_at = case when exhausted_at is null then widen_at
                                  else ledger_now() + make_interval(secs => :pause) end
           where id = :id and stage = 'offered'""",
        pause=ASK_AGAIN_SECONDS,
        id=case_id,
    )
    return offer


# Presence


async def heartbeat(tx: Transaction, line_id: str, agent_id: UUID, *, fresh_seconds: int) -> bool:
    """The agent's screen is alive; True when it had been silent too long for offers (then match again)."""
    row = await tx.first(
        """
        with before as (select seen_at from agent_heartbeats where agent_id = :agent)
        insert into agent_heartbeats (agent_id, line_id, seen_at)
        values (:agent, :line_id, ledger_now())
        on conflict (agent_id) do update set seen_at = ledger_now()
        returning (select seen_at < ledger_now() - make_interval(secs => :fresh) from before) as stale
        """,
        agent=agent_id,
        line_id=line_id,
        fresh=fresh_seconds,
    )
    return row is None or row.stale is not False


async def set_presence(
    tx: Transaction,
    line_id: str,
    agent_id: UUID,
    presence: str,
    *,
    reason: str = "",
    actor: str | None = None,
) -> None:
    """Change an agent's presence; who becomes ready is offered waiting work in the same transaction."""
    await tx.lock_routing(line_id)
    config = await line_config(tx, line_id)
    agent = await tx.first(
        "select presence from agents where user_id = :id and line_id = :line_id", id=agent_id, line_id=line_id
    )
    if agent is None:
        raise Refusal(RefusalCode.NOT_AN_AGENT)
    await heartbeat(tx, line_id, agent_id, fresh_seconds=config.timing.heartbeat_fresh_seconds)
    if agent.presence != presence:
        await apply_presence(tx, line_id, agent_id, agent.presence, presence, reason, actor)
    if presence == "ready":
        await match_agent(tx, config, agent_id)


async def apply_presence(
    tx: Transaction, line_id: str, agent_id: UUID, before: str, presence: str, reason: str, actor: str | None
) -> None:
    """Write the new presence and tell the contacts whose owner went or came back."""
    gone = presence == "offline"
    if gone:
        await _withdraw_offers(tx, line_id, agent_id)
    if gone or before == "offline":
        owned = await tx.all(
            "select id from contacts where owner_id = :agent and stage = 'talking' order by id",
            agent=agent_id,
        )
        for contact in owned:
            await tx.lock_case(contact.id)
            await tx.run(
                """update contacts set owner_gone_at = case when :gone then ledger_now() end
                   where id = :id and owner_id = :agent""",
                gone=gone,
                id=contact.id,
                agent=agent_id,
            )
            await tx.record_fact(contact.id, FactKind.OWNER_GONE if gone else FactKind.OWNER_BACK)
    await tx.lock_agent(agent_id)
    await tx.run(
        """update agents set presence = :presence, presence_reason = :reason,
                  presence_at = ledger_now() where user_id = :agent""",
        presence=presence,
        reason=reason,
        agent=agent_id,
    )
    tx.subject_event(
        line_id,
        f"agent:{agent_id}",
        "presence",
        actor or f"user:{agent_id}",
        {"agent": agent_id, "from": before, "to": presence, "reason": reason},
    )


async def _withdraw_offers(tx: Transaction, line_id: str, agent_id: UUID) -> None:
    config = await line_config(tx, line_id)
    pending = await tx.all(
        "select id, case_id from offers where agent_id = :agent and state = 'pending' order by case_id",
        agent=agent_id,
    )
    for offer in pending:
        if await take_back_offer(tx, offer.case_id, "withdrawn") is None:
            continue
        await tx.record_fact(offer.case_id, FactKind.DECLINED, ref=str(offer.id))
        tx.event(
            line_id,
            offer.case_id,
            "offer_withdrawn",
            "system",
            {"offer_id": offer.id, "agent": agent_id, "reason": "offline"},
        )
        await match_case(tx, config, offer.case_id)


# Who has a contact


async def assign(
    tx: Transaction,
    line_id: str,
    contact_id: UUID,
    to_agent: UUID,
    *,
    by: UUID,
    how: str,
    seen_owner: str | None = None,
) -> None:
    """Give a contact to an agent at once: a supervisor's take-over or reassignment, an agent's claim.

    `seen_owner` is the owner on the screen of who asks (empty: nobody); None asks for no comparison.
    Raises Refusal: CONTACT_CLOSED, WRONG_STAGE, NO_CAPACITY, NOT_AN_AGENT, STALE (somebody was faster).
    """
    await tx.lock_routing(line_id)
    config = await line_config(tx, line_id)
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.stage not in (Stage.BOT, Stage.QUEUED, Stage.OFFERED, Stage.TALKING):
        raise Refusal(RefusalCode.WRONG_STAGE)
    if contact.owner_id == to_agent:
        return
    if seen_owner is not None and seen_owner != str(contact.owner_id or ""):
        raise Refusal(RefusalCode.STALE)
    # First taken back, then counted: the offer may have been to this very agent.
    freed = await _take_from_whoever_has_it(tx, contact, how)
    agent = await tx.first(
        "select load, capacity from agents where user_id = :id and line_id = :line", id=to_agent, line=line_id
    )
    if agent is None:
        raise Refusal(RefusalCode.NOT_AN_AGENT)
    weight = min(config.priorities.channel_weights.get(contact.channel, 1), agent.capacity)
    if agent.load + weight > agent.capacity:
        raise Refusal(RefusalCode.NO_CAPACITY)
    await tx.lock_agent(to_agent)
    await tx.run("update agents set load = load + :weight where user_id = :id", weight=weight, id=to_agent)
    queue_id = await tx.scalar(
        """select coalesce((select queue_id from waiting_work where case_id = :case_id),
                           (select id from queues where line_id = :line order by key limit 1))""",
        case_id=contact_id,
        line=line_id,
    )
    await tx.run(
        """insert into offers (id, line_id, case_id, agent_id, queue_id, state, weight, why, expires_at,
                               settled_at)
           values (:id, :line, :case_id, :agent, :queue, 'accepted', :weight,
                   jsonb_build_object('how', cast(:how as text), 'by', cast(:by as text)),
                   ledger_now(), ledger_now())""",
        id=new_id(),
        line=line_id,
        case_id=contact_id,
        agent=to_agent,
        queue=queue_id,
        weight=weight,
        how=how,
        by=by,
    )
    if contact.owner_id is not None:
        await tx.run("update contacts set last_owner_id = owner_id where id = :id", id=contact_id)
    await tx.run(
        """update contacts set handled_seq = customer_seq, enqueued_at = coalesce(enqueued_at, ledger_now()),
                  handover_at = coalesce(handover_at, ledger_now()),
                  handover_reason = coalesce(handover_reason, :how), bot_resume = false, call_id = null,
                  turn_deadline_at = null where id = :id""",
        how=how,
        id=contact_id,
    )
    told = "supervisor_joined" if how == "taken_over" else "accepted"
    await give_to_owner(tx, config, contact_id, to_agent, told=told)
    await tx.record_fact(contact_id, FactKind.TAKEN_OVER)
    tx.event(line_id, contact_id, how, f"user:{by}", {"agent": to_agent, "from": contact.owner_id, "by": by})
    for agent_id in freed:
        await match_agent(tx, config, agent_id)


async def transfer(
    tx: Transaction,
    line_id: str,
    contact_id: UUID,
    *,
    by: UUID,
    to_agent: UUID | None = None,
    to_queue: str | None = None,
    note: str = "",
    reason: str = "",
) -> None:
    """Pass a conversation on, to one agent or to a queue; the customer's original waiting age counts.

    Raises Refusal: CONTACT_CLOSED, NOT_YOURS, WRONG_STAGE, AGENT_NOT_READY, UNKNOWN_QUEUE.
    """
    await tx.lock_routing(line_id)
    config = await line_config(tx, line_id)
    contact = await locked_contact(tx, line_id, contact_id)
    if contact.stage != Stage.TALKING or contact.owner_id is None:
        raise Refusal(RefusalCode.WRONG_STAGE)
    if to_agent is not None:
        await _check_reachable(tx, config, line_id, to_agent)
    step = await _transfer_step(tx, config, contact, to_queue)
    await give_up_owner(tx, contact)
    await publish(tx, config, await reread(tx, contact_id), step=step, directed_to=to_agent)
    await _look_after_transfer(tx, contact, step)
    if to_agent is not None:
        who = await nickname(tx, to_agent, contact.language)
        await notice(tx, config, contact, "transferred_to_agent", nickname=who)
    else:
        name_column = "name_en" if contact.language == "en" else "name_zh"
        queue = await tx.one(
            "select name_zh, name_en from queues where line_id=:l and key=:k", l=line_id, k=to_queue
        )
        await notice(tx, config, contact, "transferred_to_queue", queue=getattr(queue, name_column))
    await tx.record_fact(contact_id, FactKind.TRANSFERRED)
    tx.event(
        line_id,
        contact_id,
        "transferred",
        f"user:{by}",
        {
            "from": contact.owner_id,
            "agent": to_agent,
            "queue": to_queue,
            "reason": reason,
            "note": bool(note),
        },
    )
    await match_case(tx, config, contact_id)
    await match_agent(tx, config, contact.owner_id)


async def _look_after_transfer(tx: Transaction, contact: Row[Any], step: PlanStep) -> None:
    """It goes on to others when nobody takes it in time, and not straight back to who gave it."""
    await tx.run(
        """update waiting_work set refused_by = jsonb_build_array(cast(:giver as text))
           where case_id = :id""",
        giver=contact.owner_id,
        id=contact.id,
    )
    await tx.run(
        "update contacts set widen_at = ledger_now() + make_interval(secs => :wait) where id = :id",
        wait=step.wait_seconds,
        id=contact.id,
    )


async def _check_reachable(tx: Transaction, config: LineConfig, line_id: str, agent_id: UUID) -> None:
    there = await tx.scalar(
        """select 1 from agents a join agent_heartbeats h on h.agent_id = a.user_id
           where a.user_id = :agent and a.line_id = :line and a.presence in ('ready', 'busy')
             and h.seen_at > ledger_now() - make_interval(secs => :fresh)""",
        agent=agent_id,
        line=line_id,
        fresh=config.timing.heartbeat_fresh_seconds,
    )
    if there is None:
        raise Refusal(RefusalCode.AGENT_NOT_READY)


async def _transfer_step(
    tx: Transaction, config: LineConfig, contact: Row[Any], to_queue: str | None
) -> PlanStep:
    if to_queue is None:
        plan = config.plan(contact.plan_key, contact.language)
        present: int = min(contact.plan_step, len(plan.steps) - 1)
        return plan.steps[present]
    known = await tx.scalar(
        "select 1 from queues where line_id = :line and key = :key and active",
        line=contact.line_id,
        key=to_queue,
    )
    if known is None:
        raise Refusal(RefusalCode.UNKNOWN_QUEUE)
    return PlanStep(queues=[to_queue], drop_skills=True)


async def give_up_owner(tx: Transaction, contact: Row[Any]) -> None:
    """Free the owner's capacity and put the contact back to waiting at its original age.

    The customer's silence is reckoned anew from the next owner's first reply.
    """
    weight = await held_weight(tx, contact.id, contact.owner_id)
    await free_capacity(tx, contact.owner_id, weight)
    await tx.run(
        """update contacts set stage = 'queued', last_owner_id = owner_id, owner_id = null,
                  owner_gone_at = null, enqueued_at = coalesce(enqueued_at, ledger_now()),
                  widen_at = null, exhausted_at = null, nudged_at = null, last_agent_at = null
           where id = :id""",
        id=contact.id,
    )


async def _take_from_whoever_has_it(tx: Transaction, contact: Row[Any], why: str) -> list[UUID]:
    """Withdraw a pending offer or relieve the owner; the agents who were freed."""
    freed: list[UUID] = []
    offer = await take_back_offer(tx, contact.id, "withdrawn")
    if offer is not None:
        tx.event(
            contact.line_id,
            contact.id,
            "offer_withdrawn",
            "system",
            {"offer_id": offer.id, "agent": offer.agent_id, "reason": why},
        )
        freed.append(offer.agent_id)
    if contact.owner_id is not None:
        weight = await held_weight(tx, contact.id, contact.owner_id)
        await free_capacity(tx, contact.owner_id, weight)
        freed.append(contact.owner_id)
    return freed


async def locked_contact(tx: Transaction, line_id: str, contact_id: UUID) -> Row[Any]:
    """The contact under its case's lock. Raises Refusal CONTACT_CLOSED."""
    found = await tx.scalar(
        "select 1 from contacts where id = :id and line_id = :line", id=contact_id, line=line_id
    )
    if found is None:
        raise NotFoundError("contact")
    case = await tx.lock_case(contact_id)
    if case.closed_at is not None:
        raise Refusal(RefusalCode.CONTACT_CLOSED)
    return await reread(tx, contact_id)


async def reread(tx: Transaction, contact_id: UUID) -> Row[Any]:
    return await tx.one("select * from contacts where id = :id", id=contact_id)


__all__ = [
    "accept_offer",
    "apply_presence",
    "assign",
    "decline_offer",
    "give_up_owner",
    "heartbeat",
    "locked_contact",
    "reread",
    "set_presence",
    "take_back_offer",
    "transfer",
    "unpublish",
]
