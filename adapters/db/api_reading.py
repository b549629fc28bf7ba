"""What the API lists besides what the desk's queries give."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import Transaction

LONGEST_PAGE = 200


async def messages_after(
    tx: Transaction, contact_id: UUID, *, after_seq: int, limit: int, with_notes: bool
) -> list[Row[Any]]:
    """Messages of a contact in order of their sequence."""
    return await tx.all(
        """select id, seq, author, user_id, kind, body, attrs, channel, state, at from messages
           where contact_id = :id and seq > :after and (:notes or kind <> 'note') order by seq limit :limit""",
        id=contact_id,
        after=after_seq,
        notes=with_notes,
        limit=limit,
    )


async def agents(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """The agents of a line with presence, load, skills and queues."""
    return await tx.all(
        """
        select a.user_id as id, u.name, u.name_en, a.nickname_zh, a.nickname_en, a.job_number, a.presence,
               a.presence_reason, a.presence_at, a.load, a.capacity, u.disabled_at is not null as disabled,
               coalesce((select jsonb_object_agg(skill, level) from agent_skills s
                         where s.agent_id = a.user_id), '{}') as skills,
               coalesce((select jsonb_agg(q.key order by q.key) from queue_members m
                         join queues q on q.id = m.queue_id where m.agent_id = a.user_id), '[]') as queues
        from agents a join users u on u.id = a.user_id where a.line_id = :line order by u.login
        """,
        line=line_id,
    )


async def queues(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """The queues of a line with what waits in each."""
    return await tx.all(
        """
        select q.key, q.name_zh, q.name_en, q.offer_seconds, q.acceptance, q.calendar_key, q.active,
               (select count(*) from waiting_work w where w.queue_id = q.id) as waiting,
               (select min(w.since) from waiting_work w where w.queue_id = q.id) as longest_since
        from queues q where q.line_id = :line order by q.key
        """,
        line=line_id,
    )


async def customers(tx: Transaction, line_id: str, *, after: UUID | None, limit: int) -> list[Row[Any]]:
    """Customers by id, which is by age."""
    return await tx.all(
        """select id, name, language, tier, tags, notes, city, version, created_at from customers
           where line_id = :line and (cast(:after as uuid) is null or id > :after) order by id limit :limit""",
        line=line_id,
        after=after,
        limit=limit,
    )
