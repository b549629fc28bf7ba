"""The thread as the customer sees it: every contact they may see, one after the other, never notes."""

import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.chat import Visitor
from adapters.db.engine import Transaction
from adapters.db.scopes import ContactScope
from domain.contact import Stage
from domain.routing import estimated_wait_seconds

PAGE = 100
_RATE_WINDOW_MINUTES = 30
_RATE_KEPT_SECONDS = 15.0

_VISIBLE = """
    visible as (
        select id, stage, sum(message_seq) over (order by opened_at, id) - message_seq as base
        from contacts
        where line_id = :line and customer_id = :customer and (:verified or identity_id = :identity)
    )
"""


def thread_key(visitor: Visitor) -> str:
    """Names what the visitor may see; when it changes, positions begin anew and the client reads all again."""
    seen_as = f"{visitor.customer_id}:{'all' if visitor.verified else visitor.identity_id}"
    return sha256(seen_as.encode()).hexdigest()[:12]


def _who(visitor: Visitor) -> dict[str, Any]:
    return {
        "line": visitor.line_id,
        "customer": visitor.customer_id,
        "identity": visitor.identity_id,
        "verified": visitor.verified,
    }


@dataclass(frozen=True)
class ThreadMessage:
    """One message; `position` counts through the whole thread."""

    position: int
    row: Row[Any]
    attachments: list[Row[Any]]


async def position_of(tx: Transaction, visitor: Visitor, contact_id: UUID, seq: int) -> int:
    """Where in the thread a message of a contact stands."""
    base: int | None = await tx.scalar(
        f"with {_VISIBLE} select base from visible where id = :contact",  # noqa: S608 # constant
        contact=contact_id,
        **_who(visitor),
    )
    return int(base or 0) + seq


async def current_contact(tx: Transaction, visitor: Visitor) -> tuple[ContactScope, int] | None:
    """The customer's open contact if the visitor may see it, and where in the thread it begins."""
    row = await tx.first(
        f"""with {_VISIBLE}
            select k.id, k.line_id, k.customer_id, k.identity_id, k.stage, k.owner_id, v.base
            from contacts k join visible v on v.id = k.id where k.stage <> 'closed'""",  # noqa: S608 # constant
        **_who(visitor),
    )
    if row is None:
        return None
    scope = ContactScope(
        row.id, row.line_id, row.customer_id, row.identity_id, Stage(row.stage), row.owner_id, None
    )
    return scope, int(row.base)


async def messages(
    tx: Transaction,
    visitor: Visitor,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[ThreadMessage]:
    """Oldest first: those after a position, those just before one, or the newest."""
    order = "asc" if after is not None else "desc"
    rows = await tx.all(
        f"""
        with {_VISIBLE}
        select v.base + m.seq as position, m.id, m.contact_id, m.seq, m.author, m.kind, m.body, m.attrs, m.at,
               m.external_id, a.nickname_zh, a.nickname_en
        from visible v
        join messages m on m.contact_id = v.id
        left join agents a on a.user_id = m.user_id
        where m.kind <> 'note'
          and (cast(:after as bigint) is null or v.base + m.seq > :after)
          and (cast(:before as bigint) is null or v.base + m.seq < :before)
        order by position {order} limit :limit
        """,  # noqa: S608 # constants
        after=after,
        before=before,
        limit=limit,
        **_who(visitor),
    )
    if order == "desc":
        rows.reverse()
    files = await _files(tx, rows)
    return [ThreadMessage(int(row.position), row, files.get(row.id, [])) for row in rows]


async def _files(tx: Transaction, rows: list[Row[Any]]) -> dict[UUID, list[Row[Any]]]:
    """The files of these messages, in the order their senders gave."""
    carrying = [row for row in rows if row.attrs.get("attachments")]
    if not carrying:
        return {}
    found = await tx.all(
        """select id, message_id, file_name, content_type, size_bytes, width, height
           from attachments where message_id = any(:ids)""",
        ids=[row.id for row in carrying],
    )
    by_id = {str(file.id): file for file in found}
    return {row.id: [by_id[each] for each in row.attrs["attachments"] if each in by_id] for row in carrying}


@dataclass(frozen=True)
class ThreadState:
    """Where the newest contact stands, as its customer may know it."""

    contact_id: UUID | None = None
    stage: Stage | None = None
    base: int = 0
    bot_is_typing: bool = False
    agent_zh: str | None = None
    agent_en: str | None = None
    agent_read_position: int = 0
    read_position: int = 0
    last_position: int = 0
    ahead: int | None = None
    """How many wait before this one in the same queue."""
    wait_seconds: int | None = None
    """An honest estimate, None when there is none."""
    opens_at: datetime | None = None
    may_leave: bool = False
    """Nobody was there: the customer may keep the place or leave the matter."""
    left: bool = False
    survey_due: bool = False
    survey_contact_id: UUID | None = None


async def state(tx: Transaction, visitor: Visitor) -> ThreadState:
    """The newest contact that the visitor may see; an empty state when there is none."""
    row = await tx.first(
        f"""
        with {_VISIBLE}
        select k.*, v.base, a.nickname_zh, a.nickname_en, w.queue_id, w.order_key,
               s.contact_id is not null and s.answered_at is null as survey_open,
               k.turn_deadline_at > ledger_now() as bot_has_time
        from visible v
        join contacts k on k.id = v.id
        left join agents a on a.user_id = k.owner_id
        left join waiting_work w on w.case_id = k.id
        left join surveys s on s.contact_id = k.id
        order by (k.stage <> 'closed') desc, k.opened_at desc, k.id desc limit 1
        """,  # noqa: S608 # constant
        **_who(visitor),
    )
    if row is None:
        return ThreadState()
    stage, base = Stage(row.stage), int(row.base)
    waiting = stage in (Stage.QUEUED, Stage.OFFERED)
    ahead, wait_seconds = await _place(tx, row) if waiting else (None, None)
    is_open = stage is not Stage.CLOSED
    return ThreadState(
        contact_id=row.id,
        stage=stage,
        base=base,
        bot_is_typing=stage is Stage.BOT and row.customer_seq > row.handled_seq and bool(row.bot_has_time),
        agent_zh=row.nickname_zh,
        agent_en=row.nickname_en,
        agent_read_position=base + row.agent_read_seq,
        read_position=base + row.customer_read_seq,
        last_position=base + row.message_seq,
        ahead=ahead,
        wait_seconds=wait_seconds,
        opens_at=row.opens_at if waiting else None,
        may_leave=waiting and row.left_matter_at is None and bool(row.opens_at or row.exhausted_at),
        left=waiting and row.left_matter_at is not None,
        survey_due=is_open and bool(row.survey_open),
        survey_contact_id=row.id if is_open and row.survey_open else None,
    )


async def _place(tx: Transaction, contact: Row[Any]) -> tuple[int | None, int | None]:
    if contact.queue_id is None:
        return None, None
    ahead: int = await tx.scalar(
        """select count(*) from waiting_work
           where queue_id = :queue and order_key < :key and directed_to is null""",
        queue=contact.queue_id,
        key=contact.order_key,
    )
    rate = await _accepted_per_minute(tx, contact.line_id, contact.queue_id)
    return ahead, estimated_wait_seconds(ahead + 1, rate)


_rates: dict[tuple[str, UUID], tuple[float, float]] = {}


async def _accepted_per_minute(tx: Transaction, line_id: str, queue_id: UUID) -> float:
    """How fast the queue moved lately; looked up again at most every few seconds a process."""
    key, now = (line_id, queue_id), time.monotonic()
    known = _rates.get(key)
    if known is not None and now - known[1] < _RATE_KEPT_SECONDS:
        return known[0]
    accepted: int = await tx.scalar(
        """select count(*) from offers where line_id = :line and queue_id = :queue and state = 'accepted'
           and settled_at > ledger_now() - make_interval(mins => :minutes)""",
        line=line_id,
        queue=queue_id,
        minutes=_RATE_WINDOW_MINUTES,
    )
    rate = accepted / _RATE_WINDOW_MINUTES
    _rates[key] = (rate, now)
    return rate
