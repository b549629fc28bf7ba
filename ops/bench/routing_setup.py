"""A line with a crowd of agents, all busy, and a long queue: written in bulk."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from adapters.db.engine import Database, Transaction
from adapters.db.routing import requirement_id
from adapters.settings import DEVELOPMENT_SECRET, Environment, Settings
from ops.demo import load_demo

LINE = "shop"
QUEUE = "general"
CAPACITY = 4
SPECIALIST_SHARE = 20
"""Every so-many-th agent is a specialist: their queue is empty, so that customers and agents meet both ways."""
SPECIALITY = "complaints"
_TOPICS = ("orders", "logistics", "refunds", "presale", "payment")


@dataclass(frozen=True)
class Held:
    """A contact that an agent still has."""

    contact_id: UUID
    agent_id: UUID


@dataclass(frozen=True)
class Crowd:
    """What was written."""

    held: list[Held]
    arriving: list[UUID]
    """Contacts for specialists that have not been published yet."""


async def fill(database_url: str, *, agents: int, waiting: int, arriving: int) -> Crowd:
    """Write the demonstration's line, `agents` more agents who are all busy but for the specialists, and a queue."""
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        database_url=database_url,
        secret_key=SecretStr(DEVELOPMENT_SECRET),
    )
    await load_demo(settings, "ecommerce")
    database = Database(database_url, pool_size=1, application="holdfast-bench")
    try:
        async with database.transaction() as tx:
            await tx.run("update queues set acceptance = 'offer'")
            await _write_agents(tx, agents)
            requirements = [
                await requirement_id(tx, LINE, [QUEUE], {language: 1} | topic)
                for language in ("zh", "en")
                for topic in ({}, *({topic: 1} for topic in _TOPICS[:2]))
            ]
            await requirement_id(tx, LINE, [QUEUE], {SPECIALITY: 1})
            held = await _write_contacts(tx, agents * CAPACITY, stage="wrap_up")
            queued = await _write_contacts(tx, waiting, stage="queued")
            fresh = await _write_contacts(tx, arriving, stage="queued")
            await _give_out(tx, held)
            await _publish(tx, queued, requirements)
            owned = await tx.all("select id, owner_id from contacts where owner_id is not null order by id")
        async with database.engine.connect() as connection:
            await connection.exec_driver_sql("commit")
            for table in ("waiting_work", "qualifications", "agents", "contacts", "cases", "offers"):
                await connection.exec_driver_sql(f"analyze {table}")
            await connection.commit()
    finally:
        await database.close()
    return Crowd([Held(row.id, row.owner_id) for row in owned], fresh)


async def _write_agents(tx: Transaction, count: int) -> None:
    """Agents who speak both languages and know some topics; specialists know nothing but their speciality."""
    await tx.run("update agents set presence = 'offline'")  # the demonstration's own stay out of it
    await tx.run(
        """insert into users (id, login, name, password_hash)
           select gen_random_uuid(), 'bench-' || n, 'Bench ' || n, '-' from generate_series(1, :count) n""",
        count=count,
    )
    await tx.run(
        """insert into agents (user_id, line_id, nickname_zh, nickname_en, job_number, capacity, presence)
           select id, :line, login, login, substr(login, 7), :capacity, 'ready'
           from users where login like 'bench-%'""",
        line=LINE,
        capacity=CAPACITY,
    )
    await tx.run(
        """insert into agent_heartbeats (agent_id, line_id, seen_at)
           select user_id, line_id, ledger_now() + interval '1 hour' from agents where presence = 'ready'"""
    )
    await tx.run(
        """insert into queue_members (queue_id, agent_id, line_id)
           select q.id, a.user_id, :line from queues q, agents a
           where q.key = :queue and q.line_id = :line and a.presence = 'ready'""",
        line=LINE,
        queue=QUEUE,
    )
    await tx.run(
        """insert into agent_skills (agent_id, line_id, skill, level)
           select a.user_id, :line, s.skill, 1 + cast(a.job_number as integer) % 3
           from agents a cross join lateral (
               select :speciality as skill where cast(a.job_number as integer) % :share = 0
               union all
               select unnest(array['zh', 'en', (cast(:topics as text[]))[1 + cast(a.job_number as integer) % 5]])
               where cast(a.job_number as integer) % :share <> 0
           ) s where a.presence = 'ready'""",
        line=LINE,
        speciality=SPECIALITY,
        share=SPECIALIST_SHARE,
        topics=list(_TOPICS),
    )


async def _write_contacts(tx: Transaction, count: int, *, stage: str) -> list[UUID]:
    """Bare contacts; those in wrap-up get their owner afterwards."""
    rows = await tx.all(
        """
        with fresh as (
            insert into customers (id, line_id) select gen_random_uuid(), :line from generate_series(1, :count)
            returning id
        ), known as (
            insert into identities (id, line_id, channel, external_id, customer_id)
            select gen_random_uuid(), :line, 'visitor', id::text, id from fresh returning id, customer_id
        ), numbered as (
            insert into cases (id, line_id, kind) select id, :line, 'contact' from known returning id
        )
        insert into contacts (id, line_id, customer_id, identity_id, stage, speaker, enqueued_at)
        select known.id, :line, known.customer_id, known.id, 'queued', 'agent',
               ledger_now() - random() * interval '2 hours'
        from known join numbered on numbered.id = known.id returning id
        """,
        line=LINE,
        count=count,
    )
    ids = [row.id for row in rows]
    if stage != "queued":
        await tx.run("update contacts set plan_key = 'zh' where id = any(:ids)", ids=ids)
    return ids


async def _give_out(tx: Transaction, contacts: list[UUID]) -> None:
    """Every agent but the specialists holds as much as fits, by accepted offers."""
    await tx.run(
        """
        with places as (
            select user_id, row_number() over (order by user_id, place) as n
            from agents cross join generate_series(1, capacity) as place
            where presence = 'ready' and cast(job_number as integer) % :share <> 0
        ), given as (
            select places.user_id, c.id from places
            join (select id, row_number() over () as n from unnest(cast(:ids as uuid[])) as id) c on c.n = places.n
        ), owned as (
            update contacts set stage = 'wrap_up', owner_id = given.user_id, accepted_at = ledger_now()
            from given where contacts.id = given.id returning contacts.id
        ), loaded as (
            update agents set load = counted.number
            from (select user_id, count(*) as number from given group by user_id) counted
            where agents.user_id = counted.user_id returning agents.user_id
        )
        insert into offers (id, line_id, case_id, agent_id, queue_id, state, weight, expires_at, settled_at)
        select gen_random_uuid(), :line, given.id, given.user_id,
               (select id from queues where key = :queue and line_id = :line), 'accepted', 1,
               ledger_now(), ledger_now()
        from given where exists (select from owned) and exists (select from loaded)
        """,
        ids=contacts,
        line=LINE,
        queue=QUEUE,
        share=SPECIALIST_SHARE,
    )
    # Whoever was left over was only made to fill up.
    await tx.run(
        "update contacts set stage = 'closed', closed_at = now() where id = any(:ids) and owner_id is null",
        ids=contacts,
    )


async def _publish(tx: Transaction, contacts: list[UUID], requirements: list[int]) -> None:
    """The queue: every requirement in turn, at random ages."""
    await tx.run(
        """
        insert into waiting_work (case_id, line_id, requirement_id, queue_id, order_key, since)
        select c.id, :line, (cast(:requirements as integer[]))[1 + (row_number() over ()) % :kinds],
               (select id from queues where key = :queue and line_id = :line), c.enqueued_at, c.enqueued_at
        from contacts c where c.id = any(:ids)
        """,
        ids=contacts,
        line=LINE,
        requirements=requirements,
        kinds=len(requirements),
        queue=QUEUE,
    )
