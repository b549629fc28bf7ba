"""What the pages of administration list."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction

_PERSON = """
    select u.id, u.login, u.name, u.name_en, u.disabled_at, u.created_at,
           coalesce((select jsonb_agg(r.role order by r.role) from user_roles r
                     where r.user_id = u.id and r.line_id = :line), '[]') as roles,
           a.user_id is not null as has_seat, a.nickname_zh, a.nickname_en, a.job_number, a.capacity, a.load,
           a.presence,
           coalesce((select jsonb_object_agg(s.skill, s.level) from agent_skills s where s.agent_id = u.id), '{}')
               as skills,
           coalesce((select jsonb_agg(q.key order by q.key) from queue_members m join queues q on q.id = m.queue_id
                     where m.agent_id = u.id), '[]') as queues
    from users u left join agents a on a.user_id = u.id and a.line_id = :line
"""
_OF_LINE = """(exists (select from user_roles r where r.user_id = u.id and r.line_id = :line)
               or a.user_id is not null
               or exists (select from configuration_changes x where x.line_id = :line
                          and x.subject = 'users:' || u.id))"""


async def people(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Everybody of the line with roles and seat; those who cannot sign in last."""
    return await tx.all(
        f"{_PERSON} where {_OF_LINE} order by u.disabled_at is not null, u.login",  # constants of this module
        line=line_id,
    )


async def person(tx: Transaction, line_id: str, user_id: UUID) -> Row[Any]:
    """Raises NotFoundError."""
    return await tx.one(f"{_PERSON} where u.id = :id and {_OF_LINE}", id=user_id, line=line_id)


async def skills(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Skills with how many agents have them."""
    return await tx.all(
        """select s.key, s.name_zh, s.name_en,
                  (select count(*) from agent_skills a where a.line_id = s.line_id and a.skill = s.key) as agents,
                  exists (select from routing_plans p where p.line_id = s.line_id
                          and jsonb_path_exists(p.steps, '$[*].skills.keyvalue() ? (@.key == $key)',
                                                jsonb_build_object('key', s.key))) as planned
           from skills s where s.line_id = :line order by s.key""",
        line=line_id,
    )


async def queues(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Queues with members and what waits."""
    return await tx.all(
        """select q.key, q.name_zh, q.name_en, q.offer_seconds, q.acceptance, q.calendar_key, q.active,
                  (select count(*) from queue_members m where m.queue_id = q.id) as members,
                  (select count(*) from waiting_work w where w.queue_id = q.id) as waiting
           from queues q where q.line_id = :line order by not q.active, q.key""",
        line=line_id,
    )


async def plans(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Routing plans."""
    return await tx.all(
        "select key, name_zh, name_en, steps from routing_plans where line_id = :line order by key",
        line=line_id,
    )


async def calendars(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Calendars."""
    return await tx.all(
        "select key, name_zh, name_en, definition, version from calendars where line_id = :line order by key",
        line=line_id,
    )


async def canned(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Ready replies, both languages of one shortcut beside each other."""
    return await tx.all(
        """select shortcut, max(title) filter (where language = 'zh') as title_zh,
                  max(body) filter (where language = 'zh') as body_zh,
                  max(title) filter (where language = 'en') as title_en,
                  max(body) filter (where language = 'en') as body_en, sum(used_count) as used
           from canned_replies where line_id = :line group by shortcut order by shortcut""",
        line=line_id,
    )


async def flows(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Flows with their definitions."""
    return await tx.all(
        "select key, definition, enabled, version from flows where line_id = :line order by key", line=line_id
    )


async def setting(tx: Transaction, line_id: str, key: str) -> Any:
    """One setting's value; None when it is not set."""
    return await tx.scalar(
        "select value from settings where line_id = :line and key = :key", line=line_id, key=key
    )


async def line(tx: Transaction, line_id: str) -> Row[Any]:
    """The business line, without its secret."""
    return await tx.one(
        "select id, name_zh, name_en, time_zone, default_language, allowed_origins from business_lines where id = :id",
        id=line_id,
    )


async def rotate_member_secret(tx: Transaction, line_id: str, secret: str) -> None:
    """Member tokens signed with the former secret end at once."""
    if not await tx.run(
        "update business_lines set member_secret = :secret where id = :id", secret=secret, id=line_id
    ):
        raise NotFoundError("line")


async def counts(tx: Transaction, line_id: str) -> dict[str, int]:
    """How many of each there are, for the overview."""
    row = await tx.one(
        """select (select count(distinct r.user_id) from user_roles r join users u on u.id = r.user_id
                   where r.line_id = :line and u.disabled_at is null) as people,
                  (select count(*) from skills where line_id = :line) as skills,
                  (select count(*) from queues where line_id = :line and active) as queues,
                  (select count(*) from routing_plans where line_id = :line) as plans,
                  (select count(*) from calendars where line_id = :line) as hours,
                  (select count(*) from articles where line_id = :line and status = 'published') as articles,
                  (select count(distinct shortcut) from canned_replies where line_id = :line) as canned,
                  (select count(*) from flows where line_id = :line and enabled) as bot,
                  (select jsonb_array_length(allowed_origins) from business_lines where id = :line) as widget""",
        line=line_id,
    )
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name of a row's mapping
