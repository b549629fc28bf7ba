"""Waiting work meets free agents, in both directions, under the line's routing lock (DESIGN §6).

Whoever adds waiting work or frees capacity publishes, matches and commits in one transaction, so neither
side can miss the other and no sweep is needed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig
from adapters.db.engine import Transaction, as_json
from adapters.db.notices import notice
from adapters.ids import new_id
from domain.contact import FactKind
from domain.routing import PlanStep, fingerprint, order_key, qualifies, required_skills

ALTERNATIVES_SHOWN = 3


# Requirements and who meets them


async def requirement_id(
    tx: Transaction, line_id: str, queues: Sequence[str], skills: Mapping[str, int]
) -> int:
    """The id of a requirement; a new one is matched with every agent of the line."""
    mark = fingerprint(queues, skills)
    found: int | None = await tx.scalar(
        "select id from requirements where line_id = :line_id and fingerprint = :mark",
        line_id=line_id,
        mark=mark,
    )
    if found is not None:
        return found
    created: int = await tx.scalar(
        """insert into requirements (line_id, fingerprint, queues, skills)
           values (:line_id, :mark, cast(:queues as jsonb), cast(:skills as jsonb)) returning id""",
        line_id=line_id,
        mark=mark,
        queues=as_json(list(queues)),
        skills=as_json(dict(skills)),
    )
    await refresh_qualifications(tx, line_id, requirement=created)
    return created


async def refresh_qualifications(
    tx: Transaction, line_id: str, *, requirement: int | None = None, agent_id: UUID | None = None
) -> None:
    """Compute again who meets which requirement: all, or those of one requirement or one agent."""
    requirements = await tx.all(
        """select id, queues, skills from requirements
           where line_id = :line_id and (cast(:only as integer) is null or id = :only)""",
        line_id=line_id,
        only=requirement,
    )
    agents = await tx.all(
        """
        select a.user_id,
               coalesce((select jsonb_object_agg(s.skill, s.level) from agent_skills s
                         where s.agent_id = a.user_id), '{}') as skills,
               coalesce((select jsonb_object_agg(q.key, q.id) from queue_members m
                         join queues q on q.id = m.queue_id
                         where m.agent_id = a.user_id and q.active), '{}') as queues
        from agents a join users u on u.id = a.user_id
        where a.line_id = :line_id and u.disabled_at is null
          and (cast(:only as uuid) is null or a.user_id = :only)
        """,
        line_id=line_id,
        only=agent_id,
    )
    await tx.run(
        """delete from qualifications where line_id = :line_id
           and (cast(:requirement as integer) is null or requirement_id = :requirement)
           and (cast(:agent as uuid) is null or agent_id = :agent)""",
        line_id=line_id,
        requirement=requirement,
        agent=agent_id,
    )
    for wanted in requirements:
        for agent in agents:
            served = [key for key in wanted.queues if key in agent.queues]
            if not served or not qualifies(agent.skills, wanted.skills):
                continue
            await tx.run(
                """insert into qualifications (agent_id, requirement_id, line_id, queue_id, level)
                   values (:agent, :requirement, :line_id, :queue, :level)""",
                agent=agent.user_id,
                requirement=wanted.id,
                line_id=line_id,
                queue=UUID(agent.queues[served[0]]),
                level=sum(agent.skills[skill] for skill in wanted.skills),
            )


# Publishing


async def publish(
    tx: Transaction,
    config: LineConfig,
    contact: Row[Any],
    *,
    step: PlanStep,
    directed_to: UUID | None = None,
    sticky_to: UUID | None = None,
) -> None:
    """Put a contact into the waiting order at its original age; who refused it may be asked again."""
    skills = required_skills(step, contact.required_skills)
    requirement = await requirement_id(tx, contact.line_id, step.queues, skills)
    queue_id = await tx.scalar(
        "select id from queues where line_id = :line_id and key = :key",
        line_id=contact.line_id,
        key=step.queues[0],
    )
    sticky_until: datetime | None = None
    if sticky_to is not None and await _sticky_is_worth_waiting(tx, config, sticky_to):
        directed_to = sticky_to
        sticky_until = await tx.clock() + timedelta(seconds=config.timing.sticky_seconds)
    weight = config.priorities.channel_weights.get(contact.channel, 1)
    await tx.run(
        """
        insert into waiting_work (case_id, line_id, requirement_id, queue_id, order_key, since, weight,
                                  sticky_to, sticky_until, directed_to)
        values (:case_id, :line_id, :requirement, :queue, :order_key, :since, :weight,
                :sticky_to, :sticky_until, :directed_to)
        on conflict (case_id) do update set requirement_id = excluded.requirement_id,
            queue_id = excluded.queue_id, order_key = excluded.order_key, since = excluded.since,
            offered = false, refused_by = '[]', sticky_to = excluded.sticky_to,
            sticky_until = excluded.sticky_until, directed_to = excluded.directed_to
        """,
        case_id=contact.id,
        line_id=contact.line_id,
        requirement=requirement,
        queue=queue_id,
        order_key=order_key(contact.enqueued_at, contact.tier, contact.urgency, config.priorities),
        since=contact.enqueued_at,
        weight=weight,
        sticky_to=sticky_to,
        sticky_until=sticky_until,
        directed_to=directed_to,
    )


async def _sticky_is_worth_waiting(tx: Transaction, config: LineConfig, agent_id: UUID) -> bool:
    """Only for an agent who is there; whoever is away must not hold the customer up."""
    return bool(
        await tx.scalar(
            """select 1 from agents a join agent_heartbeats h on h.agent_id = a.user_id
               where a.user_id = :agent and a.presence = 'ready'
                 and h.seen_at > ledger_now() - make_interval(secs => :fresh)""",
            agent=agent_id,
            fresh=config.timing.heartbeat_fresh_seconds,
        )
    )


async def unpublish(tx: Transaction, case_id: UUID) -> None:
    """Take a case out of the waiting order."""
    await tx.run("delete from waiting_work where case_id = :case_id", case_id=case_id)


# Matching


async def match_case(tx: Transaction, config: LineConfig, case_id: UUID) -> bool:
    """Offer one waiting case to the best free agent; True when somebody was found."""
    waiting = await tx.first(
        "select * from waiting_work where case_id = :case_id and not offered", case_id=case_id
    )
    if waiting is None:
        return False
    candidates = await tx.all(
        """
        select a.user_id, a.load, a.capacity, q.queue_id, q.level,
               (a.user_id = :sticky_to) is true as sticky
        from qualifications q
        join agents a on a.user_id = q.agent_id
        join agent_heartbeats h on h.agent_id = a.user_id
        where q.requirement_id = :requirement and cast(:directed_to as uuid) is null
          and a.presence = 'ready' and a.load < a.capacity
          and a.load + least(:weight, a.capacity) <= a.capacity
          and h.seen_at > ledger_now() - make_interval(secs => :fresh)
          and not jsonb_exists(:refused, a.user_id::text)
        union all
        select a.user_id, a.load, a.capacity, :queue_id, 0, (a.user_id = :sticky_to) is true
        from agents a join agent_heartbeats h on h.agent_id = a.user_id
        where a.user_id = :directed_to
          and a.presence = 'ready' and a.load < a.capacity
          and a.load + least(:weight, a.capacity) <= a.capacity
          and h.seen_at > ledger_now() - make_interval(secs => :fresh)
        order by sticky desc, load, level desc, user_id
        limit :most
        """,
        requirement=waiting.requirement_id,
        directed_to=waiting.directed_to,
        sticky_to=waiting.sticky_to,
        weight=waiting.weight,
        queue_id=waiting.queue_id,
        refused=as_json(waiting.refused_by),
        fresh=config.timing.heartbeat_fresh_seconds,
        most=ALTERNATIVES_SHOWN + 1,
    )
    if not candidates:
        return False
    best = candidates[0]
    why = {
        "how": _how(waiting, best),
        "load": best.load,
        "capacity": best.capacity,
        "level": best.level,
        "alternatives": [
            {"agent": str(other.user_id), "load": other.load, "level": other.level}
            for other in candidates[1:]
        ],
    }
    await _offer(tx, config, waiting, best.user_id, best.queue_id, why)
    return True


def _how(waiting: Row[Any], agent: Row[Any]) -> str:
    if agent.sticky:
        return "sticky"
    if waiting.directed_to is not None:
        return "directed"
    return "skills"


async def match_agent(tx: Transaction, config: LineConfig, agent_id: UUID) -> int:
    """Offer an agent the waiting work that comes first, while there is room; how much was offered."""
    offered = 0
    while True:
        agent = await tx.first(
            """
            select a.load, a.capacity from agents a join agent_heartbeats h on h.agent_id = a.user_id
            where a.user_id = :agent and a.presence = 'ready' and a.load < a.capacity
              and h.seen_at > ledger_now() - make_interval(secs => :fresh)
            """,
            agent=agent_id,
            fresh=config.timing.heartbeat_fresh_seconds,
        )
        if agent is None:
            return offered
        waiting = await _first_waiting_for(tx, agent_id, agent)
        if waiting is None:
            return offered
        why = {
            "how": "directed" if waiting.directed_to else "skills",
            "load": agent.load,
            "capacity": agent.capacity,
            "level": waiting.level,
            "alternatives": [],
        }
        await _offer(tx, config, waiting, agent_id, waiting.served_queue_id, why)
        offered += 1


async def _first_waiting_for(tx: Transaction, agent_id: UUID, agent: Row[Any]) -> Row[Any] | None:
    return await tx.first(
        """
        select * from (
            select w.*, q.queue_id as served_queue_id, q.level
            from qualifications q
            cross join lateral (
                select * from waiting_work w
                where w.line_id = q.line_id and w.requirement_id = q.requirement_id
                  and not w.offered and w.directed_to is null
                  and not jsonb_exists(w.refused_by, cast(:agent as text))
                  and :load + least(w.weight, :capacity) <= :capacity
                order by w.order_key limit 1
            ) w
            where q.agent_id = :agent
            union all
            select w.*, w.queue_id, 0 from waiting_work w
            where w.directed_to = :agent and not w.offered and :load + least(w.weight, :capacity) <= :capacity
        ) as candidates
        order by (directed_to is not null) desc, order_key limit 1
        """,
        agent=agent_id,
        load=agent.load,
        capacity=agent.capacity,
    )


async def _offer(
    tx: Transaction,
    config: LineConfig,
    waiting: Row[Any],
    agent_id: UUID,
    queue_id: UUID,
    why: dict[str, Any],
) -> None:
    """Make the offer, or accept at once where the queue says so."""
    queue = await tx.one("select key, offer_seconds, acceptance from queues where id = :id", id=queue_id)
    await tx.lock_case(waiting.case_id)
    agent = await tx.lock_agent(agent_id)
    weight = min(waiting.weight, agent.capacity)
    offer_id = new_id()
    automatic = queue.acceptance == "automatic"
    now = await tx.clock()
    await tx.run(
        """insert into offers (id, line_id, case_id, agent_id, queue_id, state, weight, why, offered_at,
                               expires_at, settled_at)
           values (:id, :line_id, :case_id, :agent, :queue, :state, :weight, cast(:why as jsonb), :now,
                   :expires_at, :settled_at)""",
        id=offer_id,
        line_id=waiting.line_id,
        case_id=waiting.case_id,
        agent=agent_id,
        queue=queue_id,
        state="accepted" if automatic else "pending",
        weight=weight,
        why=as_json(why | {"queue": queue.key}),
        now=now,
        expires_at=now + timedelta(seconds=queue.offer_seconds),
        settled_at=now if automatic else None,
    )
    await tx.run(
        "update agents set load = load + :weight, last_offered_at = :now where user_id = :agent",
        weight=weight,
        now=now,
        agent=agent_id,
    )
    attrs = {"offer_id": offer_id, "agent": agent_id} | why | {"queue": queue.key}
    if automatic:
        tx.event(waiting.line_id, waiting.case_id, "offer_accepted", "system", attrs | {"automatic": True})
        await give_to_owner(tx, config, waiting.case_id, agent_id)
        await tx.record_fact(waiting.case_id, FactKind.ACCEPTED, ref=str(offer_id))
        return
    await tx.run("update waiting_work set offered = true where case_id = :id", id=waiting.case_id)
    await tx.run("update contacts set stage = 'offered' where id = :id", id=waiting.case_id)
    await tx.record_fact(waiting.case_id, FactKind.OFFERED, ref=str(offer_id))
    tx.event(waiting.line_id, waiting.case_id, "offer_made", "system", attrs)


async def nickname(tx: Transaction, agent_id: UUID, language: str) -> str:
    """What the customer calls the agent."""
    agent = await tx.one("select nickname_zh, nickname_en from agents where user_id = :id", id=agent_id)
    return str(agent.nickname_en if language == "en" else agent.nickname_zh)


async def give_to_owner(
    tx: Transaction, config: LineConfig, case_id: UUID, agent_id: UUID, *, told: str = "accepted"
) -> None:
    """The contact is this agent's now; the customer is told. The load was taken by the offer."""
    await unpublish(tx, case_id)
    contact = await tx.one(
        """
        update contacts set stage = 'talking', speaker = 'agent', owner_id = :agent, owner_gone_at = null,
               accepted_at = ledger_now(), widen_at = null, opens_at = null, exhausted_at = null,
               nudged_at = null,
               wrap_up_due_at = null, survey_due_at = null, close_asked = null
        where id = :id returning id, line_id, language
        """,
        id=case_id,
        agent=agent_id,
    )
    await notice(tx, config, contact, told, nickname=await nickname(tx, agent_id, contact.language))


async def free_capacity(tx: Transaction, agent_id: UUID, weight: int) -> None:
    """Give units back to an agent; the caller matches afterwards."""
    await tx.lock_agent(agent_id)
    await tx.run(
        "update agents set load = load - :weight where user_id = :agent", weight=weight, agent=agent_id
    )


async def held_weight(tx: Transaction, case_id: UUID, agent_id: UUID) -> int:
    """The units a case holds of its owner: those of the offer that brought it."""
    weight: int | None = await tx.scalar(
        """select weight from offers where case_id = :case_id and agent_id = :agent and state = 'accepted'
           order by settled_at desc limit 1""",
        case_id=case_id,
        agent=agent_id,
    )
    return weight or 0
