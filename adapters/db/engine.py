"""Connections and transactions.

`Transaction` is the only way to write: it takes locks in the order of DESIGN §3, numbers the facts,
and appends the events as its last statements under the bus lock.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

BUS_LOCK = 0x686F6C6466617374  # "holdfast"
ROUTING_LOCK_CLASS = 0x726F7574  # "rout"
EVENTS_CHANNEL = "holdfast_events"
FACTS_CHANNEL = "holdfast_facts"


class LockRank(IntEnum):
    """The order in which locks are taken (DESIGN §3)."""

    NONE = 0
    ROUTING = 1
    CASES = 2
    AGENTS = 3
    BUS = 4


class LockOrderError(RuntimeError):
    """A transaction asked for a lock that must have been taken earlier: a mistake in our code."""


class NotFoundError(LookupError):
    """The row does not exist, or not in this business line."""


def sqlalchemy_url(database_url: str) -> str:
    """The URL with the driver that we use."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if database_url.startswith(prefix):
            return "postgresql+psycopg://" + database_url.removeprefix(prefix)
    raise ValueError("DATABASE_URL must begin with postgresql://")


def canonical(value: Any) -> str:
    """One text for one JSON value: what the chain's hash is taken over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def as_json(value: Any) -> str:
    """JSON for a jsonb parameter."""
    return json.dumps(value, ensure_ascii=False, default=str)


def chain_hash(previous: bytes | None, *, seq: int, kind: str, actor: str, attrs: Any, at: datetime) -> bytes:
    """The hash of one event: over its predecessor's hash and all that it says."""
    body = canonical([seq, kind, actor, attrs, at.isoformat()])
    return sha256((previous or b"") + body.encode()).digest()


@lru_cache(maxsize=4096)
def _statement(sql: str) -> TextClause:
    """A statement is parsed once: doing it at every call costs more than many a query."""
    return text(sql)


@dataclass
class _PendingEvent:
    subject: str
    line_id: str
    case_id: UUID | None
    kind: str
    actor: str
    attrs: dict[str, Any]


@dataclass
class Transaction:
    """One short transaction on the ledger."""

    connection: AsyncConnection
    rank: LockRank = LockRank.NONE
    routing_lines: set[str] = field(default_factory=set)
    locked_cases: dict[UUID, Row[Any]] = field(default_factory=dict)
    fact_seqs: dict[UUID, int] = field(default_factory=dict)
    """The last fact of each case that this transaction recorded one for."""
    _events: list[_PendingEvent] = field(default_factory=list)
    _facts_recorded: bool = False

    async def all(self, sql: str, **parameters: Any) -> list[Row[Any]]:
        return list((await self.connection.execute(_statement(sql), parameters)).fetchall())

    async def first(self, sql: str, **parameters: Any) -> Row[Any] | None:
        return (await self.connection.execute(_statement(sql), parameters)).first()

    async def one(self, sql: str, **parameters: Any) -> Row[Any]:
        row = await self.first(sql, **parameters)
        if row is None:
            raise NotFoundError
        return row

    async def scalar(self, sql: str, **parameters: Any) -> Any:
        return (await self.connection.execute(_statement(sql), parameters)).scalar()

    async def run(self, sql: str, **parameters: Any) -> int:
        """Execute a statement; the number of rows it touched."""
        return (await self.connection.execute(_statement(sql), parameters)).rowcount

    async def clock(self) -> datetime:
        """The database's clock, the only judge of what is due or expired; asked after locks are held."""
        now: datetime = await self.scalar("select ledger_now()")
        return now

    # Locks

    async def lock_routing(self, line_id: str) -> None:
        """Serialise matching in a line; must come before any other lock."""
        if line_id in self.routing_lines:
            return
        if self.rank > LockRank.ROUTING:
            raise LockOrderError("the routing lock comes first")
        self.rank = LockRank.ROUTING
        await self.run(
            "select pg_advisory_xact_lock(:klass, hashtext(:line))", klass=ROUTING_LOCK_CLASS, line=line_id
        )
        self.routing_lines.add(line_id)

    async def lock_case(self, case_id: UUID) -> Row[Any]:
        """Lock one case's row and return it as it is now.

        Several cases may be locked in any order, and after agents, only within the routing lock:
        nobody else locks two of them. `no key`: a foreign key that names a locked row (a contact's new owner)
        must not wait for it, which would close circles outside the order of locks.
        """
        if case_id in self.locked_cases:
            return self.locked_cases[case_id]
        if self.locked_cases and not self.routing_lines:
            raise LockOrderError("a second case needs the routing lock")
        if self.rank >= LockRank.BUS or (self.rank == LockRank.AGENTS and not self.routing_lines):
            raise LockOrderError("cases come before agents and the bus")
        self.rank = max(self.rank, LockRank.CASES)
        row = await self.first(
            """select cases.*, ledger_now() as locked_at,
                      (select config_version from business_lines where id = cases.line_id) as config_version
               from cases where id = :id for no key update of cases""",
            id=case_id,
        )
        if row is None:
            raise NotFoundError("case")
        self.locked_cases[case_id] = row
        return row

    def forget_case(self, case_id: UUID) -> None:
        """Let go of a case that turned out to be closed (its row lock lasts, harmlessly)."""
        del self.locked_cases[case_id]

    async def lock_agent(self, agent_id: UUID) -> Row[Any]:
        """Lock one agent's row (load and presence); only within the routing lock."""
        if not self.routing_lines or self.rank >= LockRank.BUS:
            raise LockOrderError("an agent's row is locked within the routing lock")
        self.rank = LockRank.AGENTS
        row = await self.first("select * from agents where user_id = :id for no key update", id=agent_id)
        if row is None:
            raise NotFoundError("agent")
        return row

    # The fact log and the events

    async def record_fact(
        self, case_id: UUID, kind: str, ref: str | None = None, attrs: dict[str, Any] | None = None
    ) -> int:
        """Number a fact under the case's row lock; its sequence."""
        if case_id not in self.locked_cases:
            raise LockOrderError("a fact is recorded under its case's lock")
        seq: int = await self.scalar(
            """
            with numbered as (
                update cases set fact_seq = fact_seq + 1, touched_at = now()
                where id = :case_id and closed_at is null returning fact_seq, line_id
            )
            insert into facts (case_id, seq, line_id, kind, ref, attrs)
            select :case_id, fact_seq, line_id, :kind, :ref, cast(:attrs as jsonb) from numbered
            returning seq
            """,
            case_id=case_id,
            kind=kind,
            ref=ref,
            attrs=as_json(attrs or {}),
        )
        if seq is None:
            raise LockOrderError("a closed case records no facts")
        self._facts_recorded = True
        self.fact_seqs[case_id] = seq
        return seq

    def event(
        self, line_id: str, case_id: UUID, kind: str, actor: str, attrs: dict[str, Any] | None = None
    ) -> None:
        """An event of a case, written when the transaction ends."""
        self._events.append(_PendingEvent(f"case:{case_id}", line_id, case_id, kind, actor, attrs or {}))

    def subject_event(
        self, line_id: str, subject: str, kind: str, actor: str, attrs: dict[str, Any] | None = None
    ) -> None:
        """An event of a subject that is no case: an agent's presence, a change of configuration."""
        self._events.append(_PendingEvent(subject, line_id, None, kind, actor, attrs or {}))

    async def finish(self) -> None:
        """Append the events under the bus lock and ring the doorbells; the last statements."""
        if self._events:
            await self._append_events()
        if self._facts_recorded:
            await self.run("select pg_notify(:channel, '')", channel=FACTS_CHANNEL)

    async def _append_events(self) -> None:
        self.rank = LockRank.BUS
        at = await self.scalar(
            """select clock_timestamp() from (select pg_advisory_xact_lock(:key)) as bus,
               pg_notify(:channel, '')""",
            key=BUS_LOCK,
            channel=EVENTS_CHANNEL,
        )
        by_subject: dict[str, list[_PendingEvent]] = {}
        for event in self._events:
            by_subject.setdefault(event.subject, []).append(event)
        for subject, events in by_subject.items():
            seq, head = await self._chain_head(subject, events[0])
            await self._append_chain(subject, events, seq, head, at)

    async def _append_chain(
        self, subject: str, events: list[_PendingEvent], seq: int, head: bytes | None, at: datetime
    ) -> None:
        """One subject's events and its new head, in one statement; ids rise in the order of the chain."""
        rows = []
        for number, event in enumerate(events, start=seq + 1):
            attrs = json.loads(as_json(event.attrs))
            new_head = chain_hash(head, seq=number, kind=event.kind, actor=event.actor, attrs=attrs, at=at)
            rows.append(
                {
                    "seq": number,
                    "kind": event.kind,
                    "actor": event.actor,
                    "attrs": attrs,
                    "previous_hash": head.hex() if head is not None else None,
                    "hash": new_head.hex(),
                }
            )
            head = new_head
        first = events[0]
        of_case = first.case_id is not None
        await self.run(
            _APPEND.format(head=_CASE_HEAD if of_case else _CHAIN_HEAD),
            line_id=first.line_id,
            subject=subject,
            at=at,
            rows=as_json(rows),
            last_seq=seq + len(events),
            head=head,
            case_id=first.case_id,
        )

    async def _chain_head(self, subject: str, event: _PendingEvent) -> tuple[int, bytes | None]:
        if event.case_id is not None:
            # Events are written once, at the end: what the lock showed is still the head.
            case = self.locked_cases.get(event.case_id)
            if case is None:
                raise LockOrderError("a case's event is appended under its lock")
            return case.event_seq, case.head_hash
        await self.run(
            "insert into chains (subject, line_id) values (:subject, :line_id) on conflict do nothing",
            subject=subject,
            line_id=event.line_id,
        )
        row = await self.one(
            "select seq, head_hash from chains where subject = :subject for update", subject=subject
        )
        return row.seq, row.head_hash


_CASE_HEAD = "update cases set event_seq = :last_seq, head_hash = :head where id = :case_id"
_CHAIN_HEAD = "update chains set seq = :last_seq, head_hash = :head where subject = :subject"
_APPEND = """
    with moved as ({head})
    insert into events (line_id, subject, seq, case_id, kind, actor, attrs, at, previous_hash, hash)
    select :line_id, :subject, row.seq, cast(:case_id as uuid), row.kind, row.actor, row.attrs, :at,
           decode(row.previous_hash, 'hex'), decode(row.hash, 'hex')
    from jsonb_to_recordset(cast(:rows as jsonb)) as row (
        seq bigint, kind text, actor text, attrs jsonb, previous_hash text, hash text)
    order by row.seq
"""


class Database:
    """A pool of connections to the ledger."""

    def __init__(self, database_url: str, *, pool_size: int = 10, application: str = "holdfast") -> None:
        self.url = database_url
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(database_url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=False,
            connect_args={
                "application_name": application,
                "connect_timeout": 5,
                "options": "-c idle_in_transaction_session_timeout=5000 -c timezone=UTC -c jit=off",
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A writing transaction: commits when the block ends well, else rolls back."""
        async with self.engine.begin() as connection:
            transaction = Transaction(connection)
            yield transaction
            await transaction.finish()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A reading transaction: sees one moment, writes nothing."""
        async with self.engine.connect() as connection:
            yield Transaction(connection)

    async def close(self) -> None:
        await self.engine.dispose()
