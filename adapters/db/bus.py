"""The live bus: one reader per web process follows `events` (DESIGN §8).

Events are appended under the bus lock, so their ids commit in order and `id > last` misses nothing.
NOTIFY is only the doorbell; a slow poll stands in for a doorbell that was not heard. Whispers (typing,
looking) pass through NOTIFY alone: they are never stored and may be lost.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from sqlalchemy.exc import SQLAlchemyError

from adapters.db.engine import EVENTS_CHANNEL, Transaction, as_json

logger = logging.getLogger(__name__)

WHISPERS_CHANNEL = "holdfast_whispers"
BATCH_SIZE = 500
_SAFETY_POLL_SECONDS = 5.0
_QUERY_LIMIT_SECONDS = 10.0
_FIRST_RECONNECT_SECONDS = 0.1
_LONGEST_RECONNECT_SECONDS = 2.0

_COLUMNS = "id, line_id, subject, seq, case_id, kind, actor, attrs, at"


@dataclass(frozen=True)
class BusEvent:
    """One row of `events`: ids and codes only."""

    id: int
    line_id: str
    subject: str
    seq: int
    case_id: UUID | None
    kind: str
    actor: str
    attrs: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Whisper:
    """Something that is true for a moment: typing, looking. Ids and codes only."""

    line_id: str
    kind: str
    actor: str
    case_id: UUID | None = None
    attrs: dict[str, Any] | None = None


async def whisper(tx: Transaction, said: Whisper) -> None:
    """Tell every web process when this transaction commits."""
    body = as_json([said.line_id, said.kind, said.actor, said.case_id, said.attrs])
    await tx.run("select pg_notify(:channel, :body)", channel=WHISPERS_CHANNEL, body=body)


def _heard(payload: str) -> Whisper:
    line_id, kind, actor, case_id, attrs = json.loads(payload)
    return Whisper(line_id, kind, actor, UUID(case_id) if case_id else None, attrs)


async def events_between(tx: Transaction, after: int, until: int, limit: int) -> list[BusEvent]:
    """Events with `after < id <= until`, oldest first: what a resuming screen has missed."""
    rows = await tx.all(
        f"select {_COLUMNS} from events where id > :after and id <= :until order by id limit :limit",  # noqa: S608 - constant columns
        after=after,
        until=until,
        limit=limit,
    )
    return [BusEvent(*tuple(row)) for row in rows]


class BusReader:
    """Follows the events from the moment `run` first connects, across lost connections."""

    def __init__(
        self,
        database_url: str,
        *,
        on_events: Callable[[list[BusEvent]], Awaitable[None]],
        on_whisper: Callable[[Whisper], Awaitable[None]] | None = None,
        on_connection: Callable[[bool], None] | None = None,
    ) -> None:
        self._url = "postgresql://" + database_url.split("://", 1)[1]
        self._on_events = on_events
        self._on_whisper = on_whisper
        self._on_connection = on_connection or (lambda _: None)
        self.last_id: int | None = None
        """The last event handed on; None before the first connection."""

    async def run(self) -> None:
        """Follow until cancelled; connection losses are waited out."""
        wait_seconds = _FIRST_RECONNECT_SECONDS
        while True:
            connected_at_id = self.last_id
            try:
                await self._follow()
            except (OSError, TimeoutError, psycopg.Error, SQLAlchemyError) as error:
                logger.warning("the live bus lost its connection: %s", type(error).__name__)
            except Exception:  # a listener's mistake must not silence every screen for good
                logger.exception("the live bus stumbled")
            self._on_connection(False)
            has_moved = self.last_id != connected_at_id
            wait_seconds = (
                _FIRST_RECONNECT_SECONDS if has_moved else min(wait_seconds * 2, _LONGEST_RECONNECT_SECONDS)
            )
            await asyncio.sleep(wait_seconds)

    async def _follow(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name="holdfast-bus",
            connect_timeout=5,
            tcp_user_timeout=10_000,
            row_factory=dict_row,
        )
        async with connection:
            await connection.execute(f"listen {EVENTS_CHANNEL}")
            await connection.execute(f"listen {WHISPERS_CHANNEL}")
            if self.last_id is None:
                found = await connection.execute("select coalesce(max(id), 0) as id from events")
                row = await found.fetchone()
                assert row is not None
                self.last_id = row["id"]
            self._on_connection(True)
            while True:
                await self._read_new(connection)
                await self._wait(connection)

    async def _read_new(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        while True:
            async with asyncio.timeout(_QUERY_LIMIT_SECONDS):
                found = await connection.execute(
                    f"select {_COLUMNS} from events where id > %s order by id limit %s",  # noqa: S608 - constant columns
                    [self.last_id, BATCH_SIZE],
                )
                events = [BusEvent(**row) for row in await found.fetchall()]
            if events:
                await self._on_events(events)
                self.last_id = events[-1].id
            if len(events) < BATCH_SIZE:
                return

    async def _wait(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        """Until a doorbell rings or the safety poll is due; whispers are handed on meanwhile."""
        deadline = asyncio.get_running_loop().time() + _SAFETY_POLL_SECONDS
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            async for notice in connection.notifies(timeout=left, stop_after=1):
                if notice.channel != WHISPERS_CHANNEL:
                    return
                if self._on_whisper is not None:
                    await self._on_whisper(_heard(notice.payload))
