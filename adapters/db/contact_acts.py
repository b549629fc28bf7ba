"""The acts of a contact's workflow on the ledger; each runs inside one compare-and-set step.

An act looks at the rows again: when what it was asked for is no longer true it changes nothing, and the
state it returns says what is.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from adapters.db.config import LineConfig
from adapters.db.conversation import add_task, begin_wrap_up, leave_wrap_up
from adapters.db.engine import Transaction, as_json
from adapters.db.handover import plain_summary, say_handover
from adapters.db.notices import notice
from adapters.db.offers import apply_presence, give_up_owner, reread, take_back_offer
from adapters.db.routing import match_agent, match_case, publish, unpublish
from adapters.db.steps import Act
from domain.bot.model import HandoverReason
from domain.calendar import is_open, next_opening
from domain.contact import Stage, StepIntent, StepKind
from domain.routing import PlanStep

MINIMUM_LEVEL = 1


async def settle(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """Nothing to do but to read the rows: facts that ask for no act are folded here."""


# Hand-over and waiting


async def hand_over(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """The bot steps back for good: summary, plan, queue, and the first match."""
    if contact.stage != Stage.BOT:
        return
    reason = contact.handover_reason or intent.reason or HandoverReason.CUSTOMER_REQUEST
    if contact.handover_reason is None:
        await say_handover(tx, config, contact, HandoverReason(reason))
    found = await tx.first("select intent, skills from classifications where contact_id = :id", id=contact.id)
    summary = contact.summary or plain_summary(config, contact, reason, found.intent if found else "")
    skills = dict(contact.required_skills) or dict(found.skills if found else {})
    skills.setdefault(contact.language, MINIMUM_LEVEL)
    plan = config.plan(contact.plan_key, contact.language, topics=skills, tier=contact.tier)
    await tx.run(
        """update contacts set stage = 'queued', speaker = 'agent', handover_reason = :reason,
                  handover_at = ledger_now(), enqueued_at = ledger_now(), plan_key = :plan,
                  plan_step = 0, required_skills = cast(:skills as jsonb), handled_seq = customer_seq,
                  summary = cast(:summary as jsonb), bot_resume = false, call_id = null,
                  turn_deadline_at = null, nudged_at = null where id = :id""",
        reason=reason,
        plan=plan.key,
        skills=as_json(skills),
        summary=as_json(summary),
        id=contact.id,
    )
    tx.event(
        contact.line_id,
        contact.id,
        "handed_over",
        "bot",
        {
            "reason": reason,
            "code": summary.get("code", ""),
            "skills": skills,
            "plan": plan.key,
            "urgency": contact.urgency,
        },
    )
    await start_waiting(tx, config, contact.id)


async def start_waiting(
    tx: Transaction, config: LineConfig, contact_id: UUID, *, sticky_to: UUID | None = None
) -> None:
    """Wait by the plan's present step, or until the queue opens; then match at once."""
    contact = await reread(tx, contact_id)
    now = await tx.clock()
    step = config.plan(contact.plan_key, contact.language).steps[contact.plan_step]
    opens_at = await _opening(tx, config, contact, step, now)
    if opens_at is not None:
        await _wait_for_opening(tx, config, contact, opens_at)
        return
    sticky = sticky_to or await _sticky_agent(tx, config, contact, now)
    await publish(tx, config, contact, step=step, sticky_to=sticky)
    tx.event(
        contact.line_id,
        contact_id,
        "queued",
        "system",
        {"step": contact.plan_step, "queues": step.queues, "tier": contact.tier, "urgency": contact.urgency},
    )
    await _match_or_widen_later(tx, config, contact, step, now)


async def _match_or_widen_later(
    tx: Transaction, config: LineConfig, contact: Row[Any], step: PlanStep, now: datetime
) -> None:
    held_until = await tx.scalar(
        "select sticky_until from waiting_work where case_id = :id and directed_to is not null", id=contact.id
    )
    widen_at = held_until or now + timedelta(seconds=step.wait_seconds)
    await tx.run(
        "update contacts set widen_at = :at, opens_at = null where id = :id", at=widen_at, id=contact.id
    )
    await match_case(tx, config, contact.id)


async def _opening(
    tx: Transaction, config: LineConfig, contact: Row[Any], step: PlanStep, now: datetime
) -> datetime | None:
    """When the step's first queue opens, or None when it is open (or has no calendar)."""
    key = await tx.scalar(
        "select calendar_key from queues where line_id = :line and key = :key",
        line=contact.line_id,
        key=step.queues[0],
    )
    calendar = config.calendars.get(key)
    if calendar is None or is_open(calendar, now):
        return None
    return next_opening(calendar, now)


async def _wait_for_opening(
    tx: Transaction, config: LineConfig, contact: Row[Any], opens_at: datetime
) -> None:
    zone = await tx.scalar("select time_zone from business_lines where id = :id", id=contact.line_id)
    local = opens_at.astimezone(ZoneInfo(zone))
    shown = f"{local:%m-%d %H:%M}"
    await tx.run(
        "update contacts set opens_at = :at, widen_at = null where id = :id", at=opens_at, id=contact.id
    )
    await notice(
        tx, config, contact, "out_of_hours", kind="choices", attrs=_waiting_choices(config, contact), opens_at=shown
    )  # fmt: skip
    tx.event(contact.line_id, contact.id, "out_of_hours", "system", {"opens_at": opens_at})


def _waiting_choices(config: LineConfig, contact: Row[Any]) -> dict[str, Any]:
    return {
        "choices": [
            {"id": f"waiting:{what}", "label": config.text(f"choice_{what}", contact.language)}
            for what in ("keep_place", "leave_matter")
        ]
    }


async def _sticky_agent(tx: Transaction, config: LineConfig, contact: Row[Any], now: datetime) -> UUID | None:
    """Who served this customer lately and would know the matter."""
    agent: UUID | None = await tx.scalar(
        """select last_owner_id from contacts
           where customer_id = :customer and line_id = :line and last_owner_id is not null
             and last_message_at > :since
           order by last_message_at desc limit 1""",
        customer=contact.customer_id,
        line=contact.line_id,
        since=now - timedelta(days=config.timing.sticky_days),
    )
    return agent


async def open_hours(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """Opening time: the contact that waited for it joins the queue at its original age."""
    if contact.stage != Stage.QUEUED or contact.opens_at is None or contact.opens_at > await tx.clock():
        return
    await tx.run("update contacts set opens_at = null where id = :id", id=contact.id)
    await notice(tx, config, contact, "opening_now")
    tx.event(contact.line_id, contact.id, "opened_hours", "system", {})
    await start_waiting(tx, config, contact.id)


async def widen(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """Nobody took it in time: the plan's next step; after the last one the supervisor and the customer hear."""
    now = await tx.clock()
    if contact.stage != Stage.QUEUED or contact.widen_at is None or contact.widen_at > now:
        return
    plan = config.plan(contact.plan_key, contact.language)
    held = await tx.first(
        """with held as (
               select case_id, directed_to as agent from waiting_work
               where case_id = :id and directed_to is not null
           )
           update waiting_work w set directed_to = null, sticky_until = null from held
           where w.case_id = held.case_id returning held.agent""",
        id=contact.id,
    )
    if held is not None:
        tx.event(contact.line_id, contact.id, "sticky_given_up", "system", {"agent": held.agent})
        step = plan.steps[min(contact.plan_step, len(plan.steps) - 1)]
        await _match_or_widen_later(tx, config, contact, step, now)
        return
    if contact.exhausted_at is not None:
        await _ask_everybody_again(tx, config, contact)
        return
    if contact.plan_step + 1 < len(plan.steps):
        step_no = contact.plan_step + 1
        await tx.run("update contacts set plan_step = :step where id = :id", step=step_no, id=contact.id)
        step = plan.steps[step_no]
        await publish(tx, config, contact, step=step)
        tx.event(
            contact.line_id,
            contact.id,
            "widened",
            "system",
            {
                "step": step_no,
                "queues": step.queues,
                "relax_levels": step.relax_levels,
                "drop_skills": step.drop_skills,
            },
        )
        await _match_or_widen_later(tx, config, contact, step, now)
        return
    await _exhausted(tx, config, contact)


async def _exhausted(tx: Transaction, config: LineConfig, contact: Row[Any]) -> None:
    await tx.run(
        "update contacts set exhausted_at = ledger_now(), widen_at = null where id = :id", id=contact.id
    )
    await notice(
        tx, config, contact, "nobody_available", kind="choices", attrs=_waiting_choices(config, contact)
    )
    await add_task(
        tx, contact.line_id, contact.id, key="nobody_available", kind="nobody_available", role="supervisor"
    )
    tx.event(contact.line_id, contact.id, "exhausted", "system", {"plan": contact.plan_key})
    await _ask_everybody_again(tx, config, contact)


async def _ask_everybody_again(tx: Transaction, config: LineConfig, contact: Row[Any]) -> None:
    """The plan has no more steps: who declined or missed it may be asked again."""
    await tx.run("update contacts set widen_at = null where id = :id", id=contact.id)
    await tx.run("update waiting_work set refused_by = '[]' where case_id = :id", id=contact.id)
    await match_case(tx, config, contact.id)


async def expire_offer(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """The agent did not answer: away, so that nobody swallows work, and on to the next."""
    due = await tx.first(
        """select id, agent_id, offered_at from offers
           where case_id = :id and state = 'pending' and expires_at <= ledger_now()""",
        id=contact.id,
    )
    if due is None:
        return
    offer = await take_back_offer(tx, contact.id, "expired")
    assert offer is not None
    seconds = round((await tx.clock() - offer.offered_at).total_seconds())
    tx.event(
        contact.line_id,
        contact.id,
        "offer_expired",
        "system",
        {"offer_id": offer.id, "agent": offer.agent_id, "seconds": seconds},
    )
    presence = await tx.scalar("select presence from agents where user_id = :id", id=offer.agent_id)
    if presence == "ready":
        await apply_presence(
            tx, contact.line_id, offer.agent_id, presence, "away", "missed_offer", actor="system"
        )
    await match_case(tx, config, contact.id)


async def check_owner(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """An owner who is gone for long gives the contact back at its original age, and the customer is told."""
    if contact.stage != Stage.TALKING:
        return
    seen_at = await tx.scalar(
        "select seen_at from agent_heartbeats where agent_id = :id", id=contact.owner_id
    )
    now = await tx.clock()
    offline_for = (now - contact.owner_gone_at).total_seconds() if contact.owner_gone_at is not None else 0.0
    silent_for = (now - seen_at).total_seconds() if seen_at is not None else float("inf")
    offline = contact.owner_gone_at is not None and offline_for >= config.timing.owner_gone_seconds
    if not offline and silent_for < config.timing.owner_check_seconds:
        return
    await give_up_owner(tx, contact)
    await notice(tx, config, contact, "owner_gone")
    tx.event(
        contact.line_id,
        contact.id,
        "given_back",
        "system",
        {"agent": contact.owner_id, "reason": "offline" if offline else "silent"},
    )
    if contact.plan_key is None:
        plan = config.plan(None, contact.language)
        await tx.run("update contacts set plan_key = :plan where id = :id", plan=plan.key, id=contact.id)
    await start_waiting(tx, config, contact.id)


# Idleness and the end


async def nudge(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """The customer has been silent: ask once whether they are still there."""
    timing = config.timing
    bot = contact.stage == Stage.BOT
    since = contact.last_message_at if bot else contact.last_agent_at
    nudge_seconds = timing.bot_idle_nudge_seconds if bot else timing.talk_idle_nudge_seconds
    close_seconds = timing.bot_idle_close_seconds if bot else timing.talk_idle_close_seconds
    if (
        _owes_an_answer(contact)
        or since is None
        or contact.nudged_at is not None
        or contact.stage not in (Stage.BOT, Stage.TALKING)
    ):
        return
    if since + timedelta(seconds=nudge_seconds) > await tx.clock():
        return
    minutes = max(1, round((close_seconds - nudge_seconds) / 60))
    await notice(tx, config, contact, "idle_nudge", minutes=minutes)
    await tx.run("update contacts set nudged_at = ledger_now() where id = :id", id=contact.id)
    tx.event(contact.line_id, contact.id, "nudged", "system", {"seconds": nudge_seconds})


def _owes_an_answer(contact: Row[Any]) -> bool:
    """Whether it is our turn to speak; a bot that has read everything owes nothing, said or unsaid."""
    if contact.stage == Stage.BOT:
        return bool(contact.customer_seq > contact.handled_seq)
    return contact.waiting_since is not None


async def _silent_after_nudge(tx: Transaction, config: LineConfig, contact: Row[Any]) -> bool:
    if contact.nudged_at is None or _owes_an_answer(contact):
        return False
    timing = config.timing
    pause_seconds = (
        timing.bot_idle_close_seconds - timing.bot_idle_nudge_seconds
        if contact.stage == Stage.BOT
        else timing.talk_idle_close_seconds - timing.talk_idle_nudge_seconds
    )
    due_at: datetime = contact.nudged_at + timedelta(seconds=max(1, pause_seconds))
    return due_at <= await tx.clock()


async def close_idle(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """The customer stayed silent or left: the bot's contact closes, an agent's goes to wrap-up."""
    asked = contact.close_asked
    if asked is None and not await _silent_after_nudge(tx, config, contact):
        return
    if contact.stage == Stage.TALKING:
        await begin_wrap_up(tx, contact.id, seconds=config.timing.wrap_up_seconds)
        await tx.run("update contacts set close_asked = null where id = :id", id=contact.id)
        await notice(tx, config, contact, "idle_close" if asked is None else "closed")
        tx.event(contact.line_id, contact.id, "ended", "system", {"reason": asked or "idle"})
        return
    if contact.stage == Stage.OFFERED:
        offer = await take_back_offer(tx, contact.id, "withdrawn")
        if offer is not None:
            tx.event(
                contact.line_id,
                contact.id,
                "offer_withdrawn",
                "system",
                {"offer_id": offer.id, "agent": offer.agent_id, "reason": asked or "idle"},
            )
            await match_agent(tx, config, offer.agent_id)
    await unpublish(tx, contact.id)
    await notice(tx, config, contact, "idle_close" if asked is None else "closed")
    await _close(tx, contact, asked or "idle")


async def finish_wrap_up(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """Time for the summary is over: marked unfinished, capacity freed."""
    if contact.stage != Stage.WRAP_UP or contact.wrap_up_due_at > await tx.clock():
        return
    await tx.run(
        """insert into wrap_ups (contact_id, line_id, user_id, finished) values (:id, :line, :user, false)
           on conflict (contact_id) do nothing""",
        id=contact.id,
        line=contact.line_id,
        user=contact.owner_id,
    )
    tx.event(contact.line_id, contact.id, "wrap_up_unfinished", "system", {"agent": contact.owner_id})
    await leave_wrap_up(tx, contact.line_id, contact.id)


async def requeue(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """The customer wrote again before the contact closed: back to the same agent, or to the queue."""
    if contact.stage != Stage.SURVEY or contact.customer_seq <= contact.handled_seq:
        return
    plan = config.plan(contact.plan_key, contact.language)
    await tx.run(
        """update contacts set stage = 'queued', survey_due_at = null, plan_key = :plan, plan_step = 0,
                  enqueued_at = coalesce(enqueued_at, ledger_now()), handled_seq = customer_seq
           where id = :id""",
        plan=plan.key,
        id=contact.id,
    )
    tx.event(contact.line_id, contact.id, "resumed", "customer", {"from": "survey"})
    await start_waiting(tx, config, contact.id, sticky_to=contact.last_owner_id)


async def close(tx: Transaction, config: LineConfig, contact: Row[Any], intent: StepIntent) -> None:
    """The survey's time is over: close, unless something is left that nobody has looked at."""
    due = contact.survey_due_at is not None and contact.survey_due_at <= await tx.clock()
    if contact.stage != Stage.SURVEY or not due:
        return
    await _close(tx, contact, "done")


async def _close(tx: Transaction, contact: Row[Any], reason: str) -> None:
    """Close for good: no fact may be unfolded and no message unread (the caller's step folds them)."""
    case = await tx.one("select fact_seq from cases where id = :id", id=contact.id)
    current = await reread(tx, contact.id)
    if current.stage == Stage.SURVEY and current.customer_seq > current.handled_seq:
        return
    await tx.run(
        """update contacts set stage = 'closed', closed_at = ledger_now(), close_reason = :reason,
                  turn_deadline_at = null, widen_at = null, opens_at = null where id = :id""",
        reason=reason,
        id=contact.id,
    )
    await tx.run(
        """update cases set closed_at = ledger_now(), signalled_seq = fact_seq, folded_seq = fact_seq
           where id = :id""",
        id=contact.id,
    )
    tx.event(contact.line_id, contact.id, "closed", "system", {"reason": reason, "facts": case.fact_seq})


ACTS: dict[StepKind, Act] = {
    StepKind.SETTLE: settle,
    StepKind.HAND_OVER: hand_over,
    StepKind.WIDEN: widen,
    StepKind.OPEN_HOURS: open_hours,
    StepKind.EXPIRE_OFFER: expire_offer,
    StepKind.CHECK_OWNER: check_owner,
    StepKind.NUDGE: nudge,
    StepKind.CLOSE_IDLE: close_idle,
    StepKind.FINISH_WRAP_UP: finish_wrap_up,
    StepKind.REQUEUE: requeue,
    StepKind.CLOSE: close,
}
