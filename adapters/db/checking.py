"""The ledger's half of `holdfast check`: the invariants of RELIABILITY, asked of one moment.

Everything is read in one snapshot. Rules are answered by PostgreSQL; the hash chains are streamed, so the
memory needed does not grow with the ledger.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.checking_rules import COMMON, RULES, Invariant, Rule
from adapters.db.engine import Database, chain_hash

SHOWN_OF_ONE_KIND = 1000
"""More violations of one kind say nothing new."""
_CHAIN_BATCH = 2000
_REST_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Violation:
    """One thing that is not as it must be; `a` and `b` are what was found, by the code's sentence."""

    invariant: Invariant
    subject: str
    code: str
    a: str = ""
    b: str = ""

    @property
    def detail(self) -> str:
        """For scripts: the code and what was found."""
        return " ".join(part for part in (self.code, self.a, self.b) if part)


async def wait_for_rest(database: Database, seconds: float) -> bool:
    """Whether every fact was signalled and folded within that time."""
    deadline = time.monotonic() + seconds
    while True:
        async with database.reading() as tx:
            busy = await tx.scalar(
                """select 1 from cases where folded_seq < fact_seq and closed_at is null
                   and quarantined_at is null limit 1"""
            )
        if busy is None:
            return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_REST_POLL_SECONDS)


async def check_ledger(database: Database) -> list[Violation]:
    """Every violation that the ledger itself shows."""
    async with _snapshot(database) as connection:
        return await check_connection(connection)


async def check_connection(connection: AsyncConnection) -> list[Violation]:
    """The same, of what this connection's transaction sees."""
    found: list[Violation] = []
    for rule in RULES:
        found += await _ask(connection, rule)
    return found + await _check_chains(connection)


async def open_case_ids(database: Database) -> dict[UUID, str]:
    """The open cases and their kinds: those that must have a workflow."""
    async with database.reading() as tx:
        rows = await tx.all("select id, kind from cases where closed_at is null and kind = 'contact'")
    return {row.id: row.kind for row in rows}


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # Between two rules nothing waits for us: we hold no lock, and the answers may take their time.
        await connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
        yield connection


async def _ask(connection: AsyncConnection, rule: Rule) -> list[Violation]:
    prefix = COMMON if " moves " in rule.sql else ""
    rows = await connection.execute(
        text(f"{prefix}select * from ({rule.sql}) found order by subject limit :most"),  # noqa: S608 - constants
        {"most": SHOWN_OF_ONE_KIND},
    )
    return [Violation(rule.invariant, row.subject, rule.code, _shown(row.a), _shown(row.b)) for row in rows]


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


# The chains


async def _check_chains(connection: AsyncConnection) -> list[Violation]:
    heads = await connection.stream(
        text(
            """select coalesce(h.subject, e.subject) as subject, h.seq as head_seq, h.head_hash,
                      e.seq, e.kind, e.actor, e.attrs, e.at, e.previous_hash, e.hash
               from (select 'case:' || id as subject, event_seq as seq, head_hash from cases
                     union all select subject, seq, head_hash from chains) h
               full join events e on e.subject = h.subject
               order by 1, e.seq"""
        ),
        execution_options={"yield_per": _CHAIN_BATCH},
    )
    found: list[Violation] = []
    chain: _Chain | None = None
    async for row in heads:
        if chain is None or chain.subject != row.subject:
            found += chain.end() if chain is not None else []
            chain = _Chain(row)
        found += chain.follow(row) if row.seq is not None else []
        if len(found) > SHOWN_OF_ONE_KIND:
            return found
    return found + (chain.end() if chain is not None else [])


class _Chain:
    """One subject's events, followed from the first to the head."""

    def __init__(self, first: Row[Any]) -> None:
        self.subject: str = first.subject
        self._head_seq: int | None = first.head_seq
        self._head_hash = _bytes(first.head_hash)
        self._seq = 0
        self._hash: bytes | None = None
        self._is_broken = False

    def follow(self, event: Row[Any]) -> list[Violation]:
        """What is wrong with the next event; after a break only the break is told."""
        if self._is_broken:
            return []
        computed = chain_hash(
            self._hash, seq=event.seq, kind=event.kind, actor=event.actor, attrs=event.attrs, at=event.at
        )
        if event.seq != self._seq + 1:
            return self._break("event_gap", str(event.seq))
        if computed != _bytes(event.hash) or _bytes(event.previous_hash) != self._hash:
            return self._break("chain_broken", str(event.seq))
        self._seq, self._hash = event.seq, computed
        return []

    def end(self) -> list[Violation]:
        """Whether the head is the last event: nothing was cut off, nothing has no head."""
        if self._is_broken or (self._seq == (self._head_seq or 0) and self._hash == self._head_hash):
            return []
        return self._break("chain_cut", str(self._seq))

    def _break(self, code: str, seq: str) -> list[Violation]:
        self._is_broken = True
        return [Violation(Invariant.CHAINED, self.subject, code, seq, _shown(self._head_seq))]


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
