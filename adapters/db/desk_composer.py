"""What the composer and the dialogs choose from: ready replies, colleagues, queues."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction

CANNED_SHOWN = 12


async def canned(tx: Transaction, line_id: str, language: str, query: str) -> list[Row[Any]]:
    """Ready replies in the customer's language whose shortcut, title or text holds the query.

    A shortcut that begins with it comes first, then those used most.
    """
    pattern = query.strip().lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await tx.all(
        """
        select id, shortcut, title, body from canned_replies
        where line_id = :line and language = :language
          and (lower(shortcut) like '%' || :pattern || '%' or lower(title) like '%' || :pattern || '%'
               or lower(body) like '%' || :pattern || '%')
        order by (lower(shortcut) like :pattern || '%') desc, used_count desc, shortcut limit :limit
        """,
        line=line_id,
        language=language,
        pattern=pattern,
        limit=CANNED_SHOWN,
    )


async def count_canned_use(tx: Transaction, line_id: str, canned_id: UUID) -> None:
    """A ready reply was taken: those used most come first. Raises NotFoundError."""
    counted = await tx.run(
        "update canned_replies set used_count = used_count + 1 where id = :id and line_id = :line",
        id=canned_id,
        line=line_id,
    )
    if not counted:
        raise NotFoundError("canned reply")


async def colleagues(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Everybody of the line who may be mentioned; agents with presence and load, the reachable first."""
    return await tx.all(
        """
        select u.id, u.name, u.name_en, a.nickname_zh, a.nickname_en, a.presence, a.load, a.capacity,
               a.user_id is not null as takes_work,
               coalesce(h.seen_at > clock_timestamp() - interval '90 seconds', false) as screen_alive
        from users u
        left join agents a on a.user_id = u.id and a.line_id = :line
        left join agent_heartbeats h on h.agent_id = u.id
        where u.disabled_at is null
          and exists (select from user_roles r where r.user_id = u.id and r.line_id = :line)
        order by (a.presence = 'ready') is true desc, (a.presence = 'busy') is true desc, u.name
        """,
        line=line_id,
    )


async def queues(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Queues that work can be passed to, with how many wait there."""
    return await tx.all(
        """select q.key, q.name_zh, q.name_en,
                  (select count(*) from waiting_work w where w.queue_id = q.id and not w.offered) as waiting
           from queues q where q.line_id = :line and q.active order by q.key""",
        line=line_id,
    )
