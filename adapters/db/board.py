"""The live board: what waits, who works, where contacts stand, and today's figures. Read straight from rows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import Transaction

LISTED_AT_MOST = 60


@dataclass(frozen=True)
class Figures:
    """Today, since the line's own midnight; None where nothing has been counted yet."""

    since: datetime
    contacts: int
    closed: int
    bot_solved_share: float | None
    """Of the closed ones: those that no person had to take."""
    handover_share: float | None
    """Of all: those that the bot handed over."""
    first_reply_p50_seconds: float | None
    """From the first message to the first answer, the bot's or an agent's."""
    pickup_p50_seconds: float | None
    """From entering the queue to an agent's acceptance."""
    classified: int
    uncorrected_share: float | None
    survey_count: int
    survey_mean: float | None
    reasons: list[Row[Any]]
    """Hand-overs by reason with their count, the most frequent first."""


@dataclass(frozen=True)
class Board:
    """One look at a line."""

    queues: list[Row[Any]]
    agents: list[Row[Any]]
    stages: dict[str, int]
    figures: Figures


async def read_board(tx: Transaction, line_id: str) -> Board:
    """Everything that the board shows."""
    return Board(
        queues=await _queues(tx, line_id),
        agents=await agents_at_work(tx, line_id),
        stages=await _stages(tx, line_id),
        figures=await _figures(tx, line_id),
    )


async def _queues(tx: Transaction, line_id: str) -> list[Row[Any]]:
    return await tx.all(
        """
        select q.key, q.name_zh, q.name_en, q.active, q.acceptance, count(w.case_id) as waiting,
               count(w.case_id) filter (where w.offered) as offered,
               count(w.case_id) filter (where c.opens_at > ledger_now()) as until_opening,
               count(w.case_id) filter (where c.exhausted_at is not null) as exhausted,
               min(w.since) as longest_since,
               (select count(*) from queue_members m join agents a on a.user_id = m.agent_id
                where m.queue_id = q.id and a.presence = 'ready') as ready
        from queues q
        left join waiting_work w on w.queue_id = q.id
        left join contacts c on c.id = w.case_id
        where q.line_id = :line and (q.active or w.case_id is not null)
        group by q.id order by count(w.case_id) desc, q.key
        """,
        line=line_id,
    )


async def agents_at_work(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Agents by how much they can help now: ready first, then by name."""
    return await tx.all(
        """
        select a.user_id as id, u.name, u.name_en, a.nickname_zh, a.nickname_en, a.presence, a.presence_reason,
               a.presence_at, a.load, a.capacity,
               coalesce(h.seen_at > ledger_now() - interval '90 seconds', false) as screen_alive,
               count(c.id) filter (where c.stage = 'talking') as talking,
               count(c.id) filter (where c.stage = 'wrap_up') as wrapping_up,
               (select count(*) from offers o where o.agent_id = a.user_id and o.state = 'pending') as offered
        from agents a
        join users u on u.id = a.user_id and u.disabled_at is null
        left join agent_heartbeats h on h.agent_id = a.user_id
        left join contacts c on c.owner_id = a.user_id
        where a.line_id = :line
        group by a.user_id, u.id, h.seen_at
        order by array_position(array['ready', 'busy', 'away', 'offline'], a.presence), u.name
        """,
        line=line_id,
    )


async def _stages(tx: Transaction, line_id: str) -> dict[str, int]:
    rows = await tx.all(
        "select stage, count(*) as amount from contacts where line_id = :line and stage <> 'closed' group by stage",
        line=line_id,
    )
    return {row.stage: row.amount for row in rows}


async def _figures(tx: Transaction, line_id: str) -> Figures:
    since: datetime = await tx.scalar(
        """select date_trunc('day', ledger_now() at time zone time_zone) at time zone time_zone
           from business_lines where id = :line""",
        line=line_id,
    )
    row = await tx.one(
        """
        select count(*) as contacts, count(c.closed_at) as closed, count(c.handover_at) as handed_over,
               count(*) filter (where c.closed_at is not null and c.handover_at is null) as solved,
               percentile_cont(0.5) within group (order by extract(epoch from c.first_reply_at - c.opened_at))
                   as first_reply,
               percentile_cont(0.5) within group (order by extract(epoch from c.accepted_at - c.enqueued_at))
                   filter (where c.accepted_at >= c.enqueued_at) as pickup,
               count(l.contact_id) as classified, count(l.corrected_at) as corrected
        from contacts c left join classifications l on l.contact_id = c.id
        where c.line_id = :line and c.opened_at >= :since
        """,
        line=line_id,
        since=since,
    )
    survey = await tx.one(
        """select count(*) as amount, avg(score) as mean from surveys
           where line_id = :line and answered_at >= :since and score is not null""",
        line=line_id,
        since=since,
    )
    reasons = await tx.all(
        """select handover_reason as reason, count(*) as amount from contacts
           where line_id = :line and opened_at >= :since and handover_reason is not null
           group by handover_reason order by count(*) desc, handover_reason""",
        line=line_id,
        since=since,
    )
    return Figures(
        since=since,
        contacts=row.contacts,
        closed=row.closed,
        bot_solved_share=row.solved / row.closed if row.closed else None,
        handover_share=row.handed_over / row.contacts if row.contacts else None,
        first_reply_p50_seconds=row.first_reply,
        pickup_p50_seconds=row.pickup,
        classified=row.classified,
        uncorrected_share=1 - row.corrected / row.classified if row.classified else None,
        survey_count=survey.amount,
        survey_mean=float(survey.mean) if survey.mean is not None else None,
        reasons=reasons,
    )


class Slice(StrEnum):
    """Which contacts a click on the board lists."""

    QUEUE = "queue"
    AGENT = "agent"
    STAGE = "stage"
    REASON = "reason"


_SLICES = {
    Slice.QUEUE: """c.stage in ('queued', 'offered') and c.id in (
                      select w.case_id from waiting_work w join queues q on q.id = w.queue_id
                      where q.line_id = :line and q.key = :key)""",
    Slice.AGENT: "cast(c.owner_id as text) = :key",
    Slice.STAGE: "c.stage = :key and c.stage <> 'closed'",
    Slice.REASON: """c.handover_reason = :key and c.opened_at >= (
                       select date_trunc('day', ledger_now() at time zone time_zone) at time zone time_zone
                       from business_lines where id = :line)""",
}


async def contacts_of(tx: Transaction, line_id: str, part: Slice, key: str) -> list[Row[Any]]:
    """The contacts behind one figure, those that waited longest first, `LISTED_AT_MOST` of them."""
    return await tx.all(
        f"""
        select c.id, k.number, c.customer_id, u.name as customer_name, c.tier, c.channel, c.stage, c.urgency,
               c.preview, c.enqueued_at, c.opens_at, c.exhausted_at, c.last_message_at, c.owner_id,
               c.handover_reason, o.name as owner_name, o.name_en as owner_name_en,
               coalesce(l.corrected_intent, l.intent) as intent,
               case when c.stage in ('queued', 'offered') then coalesce(c.enqueued_at, c.waiting_since)
                    else c.waiting_since end as waits_since
        from contacts c
        join cases k on k.id = c.id
        join customers u on u.id = c.customer_id
        left join users o on o.id = c.owner_id
        left join classifications l on l.contact_id = c.id
        where c.line_id = :line and {_SLICES[part]}
        order by (c.stage = 'closed'), coalesce(c.enqueued_at, c.opened_at) limit :limit
        """,  # noqa: S608 - constants of this module
        line=line_id,
        key=key,
        limit=LISTED_AT_MOST,
    )


async def is_agent(tx: Transaction, line_id: str, user_id: UUID) -> bool:
    """Whether the user takes work in the line."""
    found = await tx.scalar(
        "select 1 from agents where user_id = :id and line_id = :line", id=user_id, line=line_id
    )
    return found is not None
