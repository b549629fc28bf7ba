"""What the desk's list shows: contacts by tab and order, counts, offers, and the agent's own state.

Plain SQL over the ledger; every list is read by keyset, never by offset.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import Transaction

PAGE_SIZE = 40
COUNTED_AT_MOST = 1000
"""Counts stop here: nobody reads more, and counting further costs time."""
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


class Tab(StrEnum):
    """The parts of the list."""

    MINE = "mine"
    WAITING = "waiting"
    ALL = "all"


class Order(StrEnum):
    """How the list is sorted."""

    LATEST = "latest"
    WAITING = "waiting"
    PRIORITY = "priority"


@dataclass(frozen=True)
class ListPage:
    """Rows in order, and where to read on (None at the end)."""

    rows: list[Row[Any]]
    after: str | None


@dataclass(frozen=True)
class Counts:
    """How many contacts each tab holds; `COUNTED_AT_MOST` means that many or more."""

    mine: int
    waiting: int
    all: int
    unread: int
    """Of mine: those with a customer's message that I have not seen."""


_TABS = {
    Tab.MINE: "c.owner_id = :me",
    Tab.WAITING: "c.line_id = :line and c.stage in ('queued', 'offered')",
    Tab.ALL: "c.line_id = :line and c.stage <> 'closed'",
}

_WAITS_SINCE = """case when c.stage in ('queued', 'offered') then coalesce(c.enqueued_at, c.waiting_since)
                       else c.waiting_since end"""

_PRIORITY = f"""
    (case c.urgency when 'critical' then 0 when 'high' then 2 when 'normal' then 4 else 6 end
     + case when c.tier = 'ordinary' then 1 else 0 end) * 100000000000::numeric
    + trunc(extract(epoch from coalesce({_WAITS_SINCE}, c.last_message_at + interval '100 years')), 3)
"""


@dataclass(frozen=True)
class _Key:
    expression: str
    cast: str
    descending: bool = False


_ORDERS = {
    Order.LATEST: _Key("c.last_message_at", "timestamptz", descending=True),
    Order.WAITING: _Key(f"coalesce({_WAITS_SINCE}, 'infinity')", "timestamptz"),
    Order.PRIORITY: _Key(_PRIORITY, "numeric"),
}

_ROW = f"""
    select c.id, k.number, c.customer_id, u.name as customer_name, c.channel, c.language, c.tier, c.stage,
           c.urgency, c.preview, c.preview_author, c.last_message_at, c.owner_id, c.customer_seq,
           {_WAITS_SINCE} as waits_since, c.opens_at, c.exhausted_at, c.left_matter_at, c.wrap_up_due_at,
           o.name as owner_name, o.name_en as owner_name_en,
           offered.agent_id as offered_to, offered_user.name as offered_name,
           offered_user.name_en as offered_name_en,
           coalesce(l.corrected_intent, l.intent) as intent,
           case when c.owner_id is null then 0 else
               (select count(*) from (select 1 from messages m where m.contact_id = c.id
                    and m.seq > c.agent_read_seq and m.author = 'customer' limit 100) as counted)
           end as unread
    from contacts c
    join cases k on k.id = c.id
    join customers u on u.id = c.customer_id
    left join users o on o.id = c.owner_id
    left join classifications l on l.contact_id = c.id
    left join offers offered on offered.case_id = c.id and offered.state = 'pending'
    left join users offered_user on offered_user.id = offered.agent_id
"""  # noqa: S608 # built from constants of this module


async def list_contacts(
    tx: Transaction, line_id: str, me: UUID, *, tab: Tab, order: Order, after: str | None = None
) -> ListPage:
    """One page of a tab. `after` is a former page's `after`; a value that is none starts at the top."""
    key = _ORDERS[order]
    parameters: dict[str, Any] = {"line": line_id, "me": me, "limit": PAGE_SIZE + 1}
    beyond = ""
    if (position := _position(after)) is not None:
        parameters["key"], parameters["id"] = position
        comparison = "<" if key.descending else ">"
        beyond = f"and ({key.expression}, c.id) {comparison} (cast(:key as {key.cast}), :id)"
    direction = "desc" if key.descending else "asc"
    # The page's keys first, by an index where there is one; only then the rows' other columns.
    rows = await tx.all(
        f"""
        with page as materialized (
            select c.id, {key.expression} as sort_key from contacts c
            where {_TABS[tab]} {beyond} order by sort_key {direction}, c.id {direction} limit :limit
        )
        select listed.*, cast(page.sort_key as text) as sort_key
        from page join lateral ({_ROW} where c.id = page.id) as listed on true
        order by page.sort_key {direction}, page.id {direction}
        """,  # noqa: S608 # built from constants of this module
        **parameters,
    )
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return ListPage(rows, f"{rows[-1].sort_key}~{rows[-1].id}" if more else None)


def _position(after: str | None) -> tuple[str, UUID] | None:
    if not after or "~" not in after:
        return None
    key, _, id_text = after.rpartition("~")
    try:
        contact_id = UUID(id_text)
        if key != "infinity" and not _NUMBER.fullmatch(key):
            datetime.fromisoformat(key)
    except ValueError:
        return None
    return key, contact_id


async def list_row(tx: Transaction, contact_id: UUID) -> Row[Any] | None:
    """One contact as the list shows it."""
    return await tx.first(f"{_ROW} where c.id = :id", id=contact_id)


async def counts(tx: Transaction, line_id: str, me: UUID) -> Counts:
    """The numbers beside the tabs."""
    row = await tx.one(
        f"""
        select (select count(*) from contacts c where {_TABS[Tab.MINE]}) as mine,
               (select count(*) from (select 1 from contacts c where {_TABS[Tab.WAITING]} limit :most) as w)
                   as waiting,
               (select count(*) from (select 1 from contacts c where {_TABS[Tab.ALL]} limit :most) as a)
                   as everything,
               (select count(*) from contacts c where c.owner_id = :me and c.customer_seq > c.agent_read_seq)
                   as unread
        """,  # noqa: S608 # built from constants of this module
        line=line_id,
        me=me,
        most=COUNTED_AT_MOST,
    )
    return Counts(row.mine, row.waiting, row.everything, row.unread)


async def pending_offers(tx: Transaction, me: UUID) -> list[Row[Any]]:
    """Offers that await my answer, the oldest first; with the seconds left by the database's clock."""
    return await tx.all(
        """
        select o.id, o.case_id, o.why, o.offered_at, o.expires_at,
               extract(epoch from o.expires_at - clock_timestamp()) as left_seconds,
               extract(epoch from o.expires_at - o.offered_at) as total_seconds,
               q.name_zh as queue_zh, q.name_en as queue_en,
               c.channel, c.tier, c.urgency, c.language, c.summary, c.preview, c.required_skills,
               c.handover_reason, c.enqueued_at, c.last_owner_id, u.name as customer_name, k.number,
               coalesce(l.corrected_intent, l.intent) as intent,
               exists (select from contacts p where p.customer_id = c.customer_id and p.id <> c.id
                       and p.last_owner_id = o.agent_id) as served_before
        from offers o
        join contacts c on c.id = o.case_id
        join cases k on k.id = c.id
        join customers u on u.id = c.customer_id
        join queues q on q.id = o.queue_id
        left join classifications l on l.contact_id = c.id
        where o.agent_id = :me and o.state = 'pending'
        order by o.offered_at
        """,
        me=me,
    )


async def agent_state(tx: Transaction, me: UUID) -> Row[Any] | None:
    """My presence and load; None for a user who takes no work."""
    return await tx.first(
        """select a.presence, a.presence_reason, a.presence_at, a.load, a.capacity, a.nickname_zh,
                  a.nickname_en, a.job_number
           from agents a where a.user_id = :me""",
        me=me,
    )


async def my_skills(tx: Transaction, me: UUID) -> dict[str, int]:
    """My skills and levels."""
    rows = await tx.all("select skill, level from agent_skills where agent_id = :me", me=me)
    return {row.skill: row.level for row in rows}
