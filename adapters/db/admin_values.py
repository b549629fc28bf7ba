"""The values of configuration subjects: read as JSON, written as rows."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db import accounts, offers
from adapters.db.engine import NotFoundError, Transaction, as_json
from adapters.db.knowledge import index_article
from adapters.db.routing import refresh_qualifications
from adapters.ids import new_id
from domain.refusals import Refusal, RefusalCode
from domain.roles import Role

Value = dict[str, Any]


class LastAdministratorError(ValueError):
    """Nobody would be left to administer the line."""


@dataclass(frozen=True)
class _Table:
    key: tuple[str, ...]
    columns: tuple[str, ...]
    has_id: bool = False
    routes: bool = False
    """Who qualifies for what depends on it."""


_TABLES = {
    "queues": _Table(
        ("key",),
        ("name_zh", "name_en", "offer_seconds", "acceptance", "calendar_key", "active"),
        has_id=True,
        routes=True,
    ),
    "skills": _Table(("key",), ("name_zh", "name_en")),
    "routing_plans": _Table(("key",), ("name_zh", "name_en", "steps")),
    "calendars": _Table(("key",), ("name_zh", "name_en", "definition"), has_id=True),
    "settings": _Table(("key",), ("value",)),
    "flows": _Table(("key",), ("definition", "enabled")),
    "canned_replies": _Table(("shortcut", "language"), ("title", "body"), has_id=True),
}
_DOCUMENTS = frozenset({"steps", "definition", "value"})
_ARTICLE = (
    "title",
    "questions",
    "body",
    "category",
    "skill",
    "status",
    "valid_from",
    "valid_until",
    "review_at",
)
_LINE = ("name_zh", "name_en", "time_zone", "default_language", "allowed_origins")


def as_stored(value: Value | None) -> Value | None:
    """The value as a snapshot would give it back: dates as text, tuples as lists."""
    return None if value is None else json.loads(as_json(value))


# Values of subjects


async def snapshot(tx: Transaction, line_id: str, subject: str) -> Value | None:
    """A subject's present value as JSON; None when it does not exist. Raises NotFoundError for an odd subject."""
    table, _, key = subject.partition(":")
    if table == "agents":
        return await _agent(tx, line_id, _uuid(key))
    if table == "users":
        return await _user(tx, line_id, _uuid(key))
    if table == "business_lines":
        row = await tx.first(f"select {', '.join(_LINE)} from business_lines where id = :id", id=line_id)  # noqa: S608 - constants
        return _plain(row)
    if table == "articles":
        return _plain(await _article(tx, line_id, key))
    shape = _shape(table)
    parts = _key_parts(shape, key)
    where = " and ".join(f"{name} = :{name}" for name in shape.key)
    row = await tx.first(
        f"select {', '.join(shape.columns)} from {table} where line_id = :line and {where}",  # noqa: S608 - constants of this module
        line=line_id,
        **parts,
    )
    return _plain(row)


def _plain(row: Row[Any] | None) -> Value | None:
    return None if row is None else as_stored(dict(row._mapping))  # noqa: SLF001 - SQLAlchemy's public name of a row's mapping


def _shape(table: str) -> _Table:
    if table not in _TABLES:
        raise NotFoundError("subject")
    return _TABLES[table]


def _key_parts(shape: _Table, key: str) -> dict[str, str]:
    parts = key.rsplit(".", len(shape.key) - 1)
    if len(parts) != len(shape.key):
        raise NotFoundError("subject")
    return dict(zip(shape.key, parts, strict=True))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("subject") from None


async def _agent(tx: Transaction, line_id: str, user_id: UUID) -> Value | None:
    return _plain(
        await tx.first(
            """select nickname_zh, nickname_en, job_number, capacity,
                      coalesce((select jsonb_object_agg(skill, level) from agent_skills where agent_id = :id), '{}')
                          as skills,
                      coalesce((select jsonb_agg(q.key order by q.key) from queue_members m
                                join queues q on q.id = m.queue_id where m.agent_id = :id), '[]') as queues
               from agents where user_id = :id and line_id = :line""",
            id=user_id,
            line=line_id,
        )
    )


async def _user(tx: Transaction, line_id: str, user_id: UUID) -> Value | None:
    return _plain(
        await tx.first(
            """select u.name, u.name_en, u.disabled_at is not null as disabled,
                      coalesce((select jsonb_agg(role order by role) from user_roles
                                where user_id = u.id and line_id = :line), '[]') as roles
               from users u where u.id = :id
                 and (exists (select from user_roles where user_id = u.id and line_id = :line)
                      or exists (select from configuration_changes where line_id = :line
                                 and subject = 'users:' || u.id))""",
            id=user_id,
            line=line_id,
        )
    )


async def _article(tx: Transaction, line_id: str, key: str) -> Row[Any] | None:
    name, _, language = key.rpartition(".")
    return await tx.first(
        f"select {', '.join(_ARTICLE)} from articles where line_id = :line and key = :key and language = :language",  # noqa: S608 - constants
        line=line_id,
        key=name,
        language=language,
    )


# Writing


async def write_first(tx: Transaction, line_id: str, subject: str, value: Value) -> None:
    """A row's first value, by nobody and on no record: what a new shop starts from."""
    table, _, key = subject.partition(":")
    await _write_row(tx, line_id, None, table, key, value)


async def write_value(
    tx: Transaction, line_id: str, user_id: UUID, subject: str, value: Value | None
) -> None:
    table, _, key = subject.partition(":")
    if table == "agents":
        await _write_agent(tx, line_id, _uuid(key), value)
    elif table == "users":
        await _write_user(tx, line_id, user_id, _uuid(key), value)
    elif table == "business_lines":
        await _write_line(tx, line_id, value)
    elif table == "articles":
        await _write_article(tx, line_id, user_id, key, value)
    else:
        await _write_row(tx, line_id, user_id, table, key, value)


async def _write_row(
    tx: Transaction, line_id: str, user_id: UUID | None, table: str, key: str, value: Value | None
) -> None:
    shape = _shape(table)
    parts = _key_parts(shape, key)
    if value is None:
        await _remove_row(tx, line_id, table, shape, parts)
    else:
        row: dict[str, Any] = {"line_id": line_id, **parts, **{name: value[name] for name in shape.columns}}
        if shape.has_id:
            row["id"] = new_id()
        marks = ", ".join(f"cast(:{name} as jsonb)" if name in _DOCUMENTS else f":{name}" for name in row)
        renewed = [f"{name} = excluded.{name}" for name in shape.columns]
        if table in ("settings", "flows", "calendars"):
            renewed.append(f"version = {table}.version + 1")
        await tx.run(
            f"""insert into {table} ({", ".join(row)}) values ({marks})
                on conflict ({", ".join(("line_id", *shape.key))}) do update set {", ".join(renewed)}""",  # noqa: S608 - constants
            **{name: as_json(item) if name in _DOCUMENTS else item for name, item in row.items()},
        )
        if table == "settings":
            await tx.run(
                "update settings set changed_at = now(), changed_by = :user where line_id = :line and key = :key",
                user=user_id,
                line=line_id,
                key=key,
            )
    if shape.routes:
        await refresh_qualifications(tx, line_id)


async def _remove_row(
    tx: Transaction, line_id: str, table: str, shape: _Table, parts: dict[str, str]
) -> None:
    """Queues are part of what happened, so they are only closed; other rows go."""
    where = " and ".join(f"{name} = :{name}" for name in shape.key)
    verb = "update queues set active = false" if table == "queues" else f"delete from {table}"  # noqa: S608 - constants
    await tx.run(f"{verb} where line_id = :line and {where}", line=line_id, **parts)


async def _write_agent(tx: Transaction, line_id: str, agent_id: UUID, value: Value | None) -> None:
    """None takes the seat's queues and skills away; the row stays, for it is part of what happened."""
    known = await tx.first(
        "select load from agents where user_id = :id and line_id = :line", id=agent_id, line=line_id
    )
    if value is None:
        value = {"skills": {}, "queues": []}
    else:
        if known is not None and value["capacity"] < known.load:
            raise Refusal(RefusalCode.CAPACITY_BELOW_LOAD)
        await tx.run(
            """insert into agents (user_id, line_id, nickname_zh, nickname_en, job_number, capacity)
               values (:id, :line, :zh, :en, :number, :capacity)
               on conflict (user_id) do update set nickname_zh = excluded.nickname_zh,
                   nickname_en = excluded.nickname_en, job_number = excluded.job_number,
                   capacity = excluded.capacity""",
            id=agent_id,
            line=line_id,
            zh=value["nickname_zh"],
            en=value["nickname_en"],
            number=value["job_number"],
            capacity=value["capacity"],
        )
    await tx.run("delete from agent_skills where agent_id = :id", id=agent_id)
    await tx.run(
        """insert into agent_skills (agent_id, line_id, skill, level)
           select :id, :line, key, value::int from jsonb_each_text(cast(:skills as jsonb))""",
        id=agent_id,
        line=line_id,
        skills=as_json(value["skills"]),
    )
    await tx.run("delete from queue_members where agent_id = :id", id=agent_id)
    await tx.run(
        """insert into queue_members (queue_id, agent_id, line_id)
           select id, :id, line_id from queues where line_id = :line and key = any(:queues)""",
        id=agent_id,
        line=line_id,
        queues=list(value["queues"]),
    )
    await refresh_qualifications(tx, line_id, agent_id=agent_id)


async def _write_user(tx: Transaction, line_id: str, by: UUID, user_id: UUID, value: Value | None) -> None:
    """None disables: what a user did stays theirs."""
    actor = f"user:{by}"
    known = await accounts.get_user(tx, user_id)
    if value is None:
        value = {"name": known.name, "name_en": "", "roles": [], "disabled": True}
    roles = [Role(role) for role in value["roles"]]
    if known.roles.get(line_id, frozenset()) != frozenset(roles):
        await accounts.set_roles(tx, user_id, line_id, roles, actor=actor)
    await tx.run(
        "update users set name = :name, name_en = :name_en where id = :id",
        name=value["name"],
        name_en=value["name_en"],
        id=user_id,
    )
    if value["disabled"] and known.disabled_at is None:
        presence = await tx.scalar(
            "select presence from agents where user_id = :id and line_id = :line", id=user_id, line=line_id
        )
        if presence not in (None, "offline"):
            await offers.set_presence(tx, line_id, user_id, "offline", reason="disabled", actor=actor)
        await accounts.disable_user(tx, user_id, actor=actor)
    elif not value["disabled"] and known.disabled_at is not None:
        await accounts.enable_user(tx, user_id, actor=actor)
    await refresh_qualifications(tx, line_id, agent_id=user_id)
    left = await tx.scalar(
        """select count(*) from user_roles r join users u on u.id = r.user_id
           where r.line_id = :line and r.role = 'administrator' and u.disabled_at is null""",
        line=line_id,
    )
    if not left:
        raise LastAdministratorError


async def _write_line(tx: Transaction, line_id: str, value: Value | None) -> None:
    if value is None:
        raise NotFoundError("subject")
    await tx.run(
        """update business_lines set name_zh = :name_zh, name_en = :name_en, time_zone = :time_zone,
                  default_language = :default_language, allowed_origins = cast(:origins as jsonb)
           where id = :id""",
        id=line_id,
        origins=as_json(value["allowed_origins"]),
        **{name: value[name] for name in _LINE if name != "allowed_origins"},
    )


async def _write_article(tx: Transaction, line_id: str, user_id: UUID, key: str, value: Value | None) -> None:
    """None archives it: answers that cited it still point at it."""
    name, _, language = key.rpartition(".")
    found = await tx.scalar(
        "select id from articles where line_id = :line and key = :key and language = :language",
        line=line_id,
        key=name,
        language=language,
    )
    if found is None and value is None:
        raise NotFoundError("article")
    article_id = found or new_id()
    if value is None:
        await tx.run("update articles set status = 'archived' where id = :id", id=article_id)
    else:
        await tx.run(
            """insert into articles (id, line_id, key, language, title, questions, body, category, skill, status,
                                     valid_from, valid_until, review_at, owner_id)
               values (:id, :line, :key, :language, :title, cast(:questions as jsonb), :body, :category, :skill,
                       :status, cast(:valid_from as date), cast(:valid_until as date), cast(:review_at as date), :user)
               on conflict (line_id, key, language) do update set title = excluded.title,
                   questions = excluded.questions, body = excluded.body, category = excluded.category,
                   skill = excluded.skill, status = excluded.status, valid_from = excluded.valid_from,
                   valid_until = excluded.valid_until, review_at = excluded.review_at""",
            id=article_id,
            line=line_id,
            key=name,
            language=language,
            user=user_id,
            questions=as_json(value["questions"]),
            **{item: value[item] for item in _ARTICLE if item != "questions"},
        )
        await index_article(tx, article_id)
    await tx.run(
        "update articles set version = version + 1, changed_at = now(), changed_by = :user where id = :id",
        user=user_id,
        id=article_id,
    )


def undoable(subject: str) -> bool:
    """Whether a change of this subject can be taken back; of secrets nothing is kept."""
    table, _, key = subject.partition(":")
    return (
        table in _TABLES or table in ("agents", "users", "articles", "business_lines")
    ) and key != "secret"
