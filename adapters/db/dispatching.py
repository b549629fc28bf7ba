"""What the dispatcher asks of the ledger: its share of the cases, what is unsignalled, what is in flight."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from adapters.db.engine import FACTS_CHANNEL, Database, as_json
from adapters.db.tables.cases import PARTITIONS

PARTITION_LOCK_CLASS = 0x70617274  # "part"
PRESENCE_LOCK_CLASS = 0x64697370  # "disp"
MAXIMUM_DISPATCHERS = 16
FACTS_A_SIGNAL = 200


@dataclass(frozen=True)
class Unsignalled:
    """A case with facts that its workflow has not heard of."""

    case_id: UUID
    kind: str
    partition: int
    facts: list[dict[str, Any]]

    @property
    def last_seq(self) -> int:
        return int(self.facts[-1]["seq"])


class Share:
    """The partitions of one dispatcher, held by session advisory locks on one connection of its own.

    When the connection breaks the locks are gone with it and another dispatcher takes over.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self.held: set[int] = set()
        self._leaving: set[int] = set()
        self._slot: int | None = None

    @classmethod
    async def join(cls, database_url: str) -> "Share":
        """Connect, listen for facts, and register among the dispatchers."""
        connection = await psycopg.AsyncConnection.connect(
            database_url,
            autocommit=True,
            connect_timeout=5,
            tcp_user_timeout=10_000,
            application_name="holdfast-dispatcher",
        )
        share = cls(connection)
        await connection.execute(f"listen {FACTS_CHANNEL}")
        for slot in range(MAXIMUM_DISPATCHERS):
            if await share._try_lock(PRESENCE_LOCK_CLASS, slot):
                share._slot = slot
                break
        return share

    async def close(self) -> None:
        await self._connection.close()

    async def rebalance(self) -> None:
        """Hold a fair share: prepare to leave what is too much, take what is free."""
        row = await (
            await self._connection.execute(
                """select count(*) from pg_locks where locktype = 'advisory' and classid = %s and granted
                   and database = (select oid from pg_database where datname = current_database())""",
                (PRESENCE_LOCK_CLASS,),
            )
        ).fetchone()
        dispatchers = max(1, int(row[0]) if row is not None else 1)
        fair = -(-PARTITIONS // dispatchers)
        surplus = sorted(self.held)[fair:]
        self.held.difference_update(surplus)
        self._leaving.update(surplus)
        for partition in range(PARTITIONS):
            if len(self.held) >= fair:
                break
            if partition not in self.held | self._leaving and await self._try_lock(
                PARTITION_LOCK_CLASS, partition
            ):
                self.held.add(partition)

    async def let_go(self, busy: Collection[int]) -> None:
        """Release what we are leaving, once none of its signals is in flight: the next holder sends the next."""
        for partition in sorted(self._leaving.difference(busy)):
            await self._connection.execute(
                "select pg_advisory_unlock(%s, %s)", (PARTITION_LOCK_CLASS, partition)
            )
            self._leaving.remove(partition)

    async def wait_for_bell(self, seconds: float) -> None:
        """Until facts are recorded anywhere, or `seconds` have passed."""
        async for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def _try_lock(self, lock_class: int, key: int) -> bool:
        row = await (
            await self._connection.execute("select pg_try_advisory_lock(%s, %s)", (lock_class, key))
        ).fetchone()
        return row is not None and bool(row[0])


async def unsignalled(
    database: Database, partitions: Sequence[int], excluded: Sequence[UUID], limit: int
) -> list[Unsignalled]:
    """The cases of these partitions with something to signal, longest waiting first."""
    if limit <= 0 or not partitions:
        return []
    async with database.reading() as tx:
        rows = await tx.all(
            """
            select c.id, c.kind, c.partition, jsonb_agg(
                       jsonb_build_object('seq', f.seq, 'kind', f.kind, 'ref', f.ref, 'attrs', f.attrs)
                       order by f.seq) as facts
            from (
                select id, kind, partition, signalled_seq, touched_at from cases
                where fact_seq > signalled_seq and quarantined_at is null
                  and partition = any(:partitions) and not (id = any(:excluded))
                order by touched_at limit :limit
            ) c
            join facts f on f.case_id = c.id and f.seq > c.signalled_seq
                        and f.seq <= c.signalled_seq + :most
            group by c.id, c.kind, c.partition, c.touched_at order by c.touched_at
            """,
            partitions=list(partitions),
            excluded=list(excluded),
            limit=limit,
            most=FACTS_A_SIGNAL,
        )
    return [Unsignalled(row.id, row.kind, row.partition, row.facts) for row in rows]


async def still_unfolded(database: Database, case_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the cases whose workflow has not committed its reaction yet."""
    async with database.reading() as tx:
        rows = await tx.all(
            "select id from cases where id = any(:ids) and signalled_seq > folded_seq", ids=list(case_ids)
        )
    return {row.id for row in rows}


async def mark_signalled(database: Database, case_id: UUID, seq: int) -> None:
    """The workflow has been told up to `seq` (a step may have gone further meanwhile)."""
    async with database.transaction() as tx:
        await tx.run(
            "update cases set signalled_seq = greatest(signalled_seq, :seq) where id = :id and fact_seq >= :seq",
            seq=seq,
            id=case_id,
        )


async def quarantine(database: Database, case_id: UUID, reason: str) -> None:
    """Stop trying a case that Temporal refuses for good; the operator gets a task."""
    async with database.transaction() as tx:
        case = await tx.lock_case(case_id)
        await tx.run(
            "update cases set quarantined_at = ledger_now(), quarantine_reason = :reason where id = :id",
            reason=reason[:200],
            id=case_id,
        )
        await tx.run(
            """insert into tasks (id, line_id, case_id, key, kind, role, attrs)
               values (gen_random_uuid(), :line, :case, 'quarantined', 'quarantined', 'administrator',
                       cast(:attrs as jsonb))
               on conflict (case_id, key) do update set done_at = null""",
            line=case.line_id,
            case=case_id,
            attrs=as_json({"reason": reason[:200]}),
        )
        tx.event(case.line_id, case_id, "quarantined", "system", {"reason": reason[:200]})


async def open_cases(
    database: Database, after: UUID | None = None, limit: int = 1000
) -> list[tuple[UUID, str]]:
    """The open cases that follow `after`, a page at a time: (id, kind)."""
    async with database.reading() as tx:
        rows = await tx.all(
            """select id, kind from cases
               where closed_at is null and (cast(:after as uuid) is null or id > :after)
               order by id limit :limit""",
            after=after,
            limit=limit,
        )
    return [(row.id, row.kind) for row in rows]
