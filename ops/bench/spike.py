"""The bare spike of DESIGN §10: the path of a message and nothing that a product needs besides.

HTTP → one transaction with message, event and queue row → dispatcher → signal-with-start → local activity with
one transaction → event on the screen. Two processes like the product's: `python -m ops.bench.spike web` and
`… worker`. It speaks the words that `load.py` speaks, so that both are measured by the same means.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from adapters.settings import Settings, load_settings
from adapters.temporal import connect
from ops.bench.spike_workflow import ACTIVITY, WORKFLOW, SpikeWorkflow

SCHEMA = """
create table if not exists spike_contacts (id uuid primary key, seq integer not null default 0);
create table if not exists spike_messages (
    id uuid primary key, contact_id uuid not null references spike_contacts, seq integer not null,
    author text not null, body text not null, at timestamptz not null default now(), unique (contact_id, seq));
create table if not exists spike_events (
    id bigint generated always as identity primary key, contact_id uuid not null, actor text not null,
    message_id uuid not null, seq integer not null, at timestamptz not null default now());
create table if not exists spike_queue (contact_id uuid not null, seq integer not null,
    at timestamptz not null default now(), primary key (contact_id, seq));
"""
MAXIMUM_IN_FLIGHT = 24
_TASK_QUEUE = "holdfast-spike"
_BUS_LOCK = 0x7370696B65  # "spike"
_EVENTS = "spike_events"
_FACTS = "spike_facts"
_POLL_SECONDS = 2.0
_STICKY_TIMEOUT = timedelta(seconds=2)
_TASK_TIMEOUT = timedelta(seconds=3)

Connection = psycopg.AsyncConnection[TupleRow]


def _pool(settings: Settings, size: int) -> AsyncConnectionPool[Connection]:
    return AsyncConnectionPool(settings.database_url, min_size=size, max_size=size, open=False)


async def _write(connection: Connection, contact_id: UUID, author: str, body: str) -> tuple[UUID, int]:
    """A message, numbered under the contact's row lock."""
    message_id = uuid4()
    found = await connection.execute(
        """insert into spike_contacts (id, seq) values (%s, 1)
           on conflict (id) do update set seq = spike_contacts.seq + 1 returning seq""",
        (contact_id,),
    )
    row = await found.fetchone()
    assert row is not None
    seq: int = row[0]
    await connection.execute(
        "insert into spike_messages (id, contact_id, seq, author, body) values (%s, %s, %s, %s, %s)",
        (message_id, contact_id, seq, author, body),
    )
    return message_id, seq


async def _tell(connection: Connection, contact_id: UUID, author: str, message: tuple[UUID, int]) -> None:
    """Its event, last and under the bus lock: without it ids commit out of order and a reader misses some."""
    await connection.execute("select pg_advisory_xact_lock(%s), pg_notify(%s, '')", (_BUS_LOCK, _EVENTS))
    await connection.execute(
        "insert into spike_events (contact_id, actor, message_id, seq) values (%s, %s, %s, %s)",
        (contact_id, author, *message),
    )


# The web process


class Web:
    """Takes messages in and shows events."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = _pool(settings, settings.web_pool_size)
        self._screens: set[asyncio.Queue[str]] = set()

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/readyz", self.ready),
            Route("/api/chat/session", self.session, methods=["POST"]),
            Route("/api/chat/messages", self.take_in, methods=["POST"]),
            Route("/live", self.live),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    async def ready(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def session(self, _: Request) -> JSONResponse:
        return JSONResponse({"token": str(uuid4())})

    async def take_in(self, request: Request) -> JSONResponse:
        """One transaction: message, event, queue row."""
        contact_id = UUID(request.headers["authorization"].removeprefix("Bearer "))
        wish = await request.json()
        async with self._pool.connection() as connection, connection.transaction():
            message = await _write(connection, contact_id, "customer", wish["text"])
            await connection.execute(
                "insert into spike_queue (contact_id, seq) values (%s, %s)", (contact_id, message[1])
            )
            await connection.execute("select pg_notify(%s, '')", (_FACTS,))
            await _tell(connection, contact_id, "customer", message)
        return JSONResponse({"message_id": str(message[0]), "seq": message[1]})

    async def live(self, _: Request) -> StreamingResponse:
        """Every event, as it is committed."""
        screen: asyncio.Queue[str] = asyncio.Queue()
        self._screens.add(screen)

        async def lines() -> AsyncIterator[str]:
            try:
                yield "event: hello\ndata: {}\n\n"
                while True:
                    yield await screen.get()
            finally:
                self._screens.discard(screen)

        return StreamingResponse(lines(), media_type="text/event-stream")

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with self._pool:
            following = asyncio.create_task(self._follow())
            yield
            following.cancel()

    async def _follow(self) -> None:
        last_id = 0
        async with await psycopg.AsyncConnection.connect(self._settings.database_url, autocommit=True) as bus:
            await bus.execute(f"listen {_EVENTS}")
            while True:
                found = await bus.execute(
                    """select id, contact_id, actor, message_id, seq from spike_events where id > %s
                       order by id limit 500""",
                    (last_id,),
                )
                for row in await found.fetchall():
                    last_id = row[0]
                    attrs = {"message_id": str(row[3]), "seq": row[4]}
                    event = {"kind": "message", "case_id": str(row[1]), "actor": row[2], "attrs": attrs}
                    for screen in self._screens:
                        screen.put_nowait(f"data: {json.dumps(event)}\n\n")
                async for _ in bus.notifies(timeout=_POLL_SECONDS, stop_after=1):
                    pass


# The worker process


class SpikeWorker:
    """Dispatches and answers."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._pool = _pool(settings, settings.worker_pool_size)
        self._in_flight: set[UUID] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    @activity.defn(name=ACTIVITY)
    async def reply(self, contact_id: str, upto: int) -> None:
        """One transaction: the answer, its event, and the queue rows that it settles."""
        known = UUID(contact_id)
        async with self._pool.connection() as connection, connection.transaction():
            message = await _write(connection, known, "bot", "Thank you.")
            await connection.execute(
                "delete from spike_queue where contact_id = %s and seq <= %s", (known, upto)
            )
            await _tell(connection, known, "bot", message)
        self._in_flight.discard(known)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        runner = SandboxedWorkflowRunner() if self._settings.worker_sandbox else UnsandboxedWorkflowRunner()
        worker = Worker(
            self._client,
            task_queue=_TASK_QUEUE,
            build_id="spike",
            workflows=[SpikeWorkflow],
            activities=[self.reply],
            workflow_runner=runner,
            max_concurrent_local_activities=self._settings.worker_pool_size,
            max_concurrent_workflow_tasks=self._settings.worker_pool_size,
            sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        )
        async with self._pool:
            dispatching = asyncio.create_task(self._dispatch())
            try:
                await worker.run()
            finally:
                dispatching.cancel()

    async def _dispatch(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self._settings.database_url, autocommit=True
        ) as bell:
            await bell.execute(f"listen {_FACTS}")
            listening = asyncio.create_task(self._listen(bell))
            try:
                while True:
                    self._wake.clear()
                    for contact_id, upto in await self._next():
                        self._in_flight.add(contact_id)
                        sending = asyncio.create_task(self._send(contact_id, upto))
                        self._sending.add(sending)
                        sending.add_done_callback(self._sending.discard)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
            finally:
                listening.cancel()

    async def _listen(self, bell: Connection) -> None:
        async for _ in bell.notifies():
            self._wake.set()

    async def _next(self) -> list[tuple[UUID, int]]:
        room = MAXIMUM_IN_FLIGHT - len(self._in_flight)
        if room <= 0:
            return []
        async with self._pool.connection() as connection:
            found = await connection.execute(
                """select contact_id, max(seq) from spike_queue where not (contact_id = any(%s))
                   group by contact_id order by min(at) limit %s""",
                (list(self._in_flight), room),
            )
            return [(row[0], row[1]) for row in await found.fetchall()]

    async def _send(self, contact_id: UUID, upto: int) -> None:
        await self._client.start_workflow(
            WORKFLOW,
            str(contact_id),
            id=f"spike/{contact_id}",
            task_queue=_TASK_QUEUE,
            task_timeout=_TASK_TIMEOUT,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal="facts",
            start_signal_args=[upto],
        )


async def _work(settings: Settings) -> None:
    await SpikeWorker(settings, await connect(settings)).run()


def main() -> None:
    """One process of the spike, configured like ours by the environment."""
    import uvicorn  # noqa: PLC0415 - only one of the roles pays for it

    settings = load_settings()
    if sys.argv[1] == "web":
        uvicorn.run(
            Web(settings).application(),
            host="127.0.0.1",
            port=settings.web_port,
            log_level="warning",
            access_log=False,
        )
    else:
        asyncio.run(_work(settings))


if __name__ == "__main__":
    main()
