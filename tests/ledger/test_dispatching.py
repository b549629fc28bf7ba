"""Dispatchers share the cases, tell each fact in order, and wait out a Temporal that is away."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, cast
from uuid import UUID

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.db.engine import Database
from adapters.db.tables.cases import PARTITIONS
from adapters.settings import Settings
from adapters.temporal import connect
from tests.ledger.acts import at_once
from tests.support.line import Line
from workflows import dispatcher as dispatcher_module
from workflows.dispatcher import Dispatcher, workflow_id


class Heard:
    """Temporal's double: keeps what it was told, slowly, or refuses as told."""

    def __init__(self) -> None:
        self.signals: list[tuple[UUID, list[int]]] = []
        self.in_flight: dict[UUID, int] = {}
        self.most_of_one_case = 0
        self.most_at_once = 0
        self.refuse: Callable[[UUID], RPCStatusCode | None] = lambda _: None
        self.pause_seconds = 0.004

    async def start_workflow(
        self, name: str, case: str, *, id: str, start_signal_args: list[Any], **_: Any
    ) -> None:
        case_id = UUID(case)
        assert (name, id) == ("ContactWorkflow", workflow_id("contact", case_id))
        self.in_flight[case_id] = self.in_flight.get(case_id, 0) + 1
        self.most_of_one_case = max(self.most_of_one_case, self.in_flight[case_id])
        self.most_at_once = max(self.most_at_once, sum(self.in_flight.values()))
        try:
            await asyncio.sleep(self.pause_seconds)
            status = self.refuse(case_id)
            if status is not None:
                raise RPCError("refused", status, b"")
            self.signals.append((case_id, [fact["seq"] for fact in start_signal_args[0]]))
        finally:
            self.in_flight[case_id] -= 1

    def of(self, case_id: UUID) -> list[int]:
        return [seq for told, seqs in self.signals if told == case_id for seq in seqs]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares are looked at often, so that a test sees them change."""
    monkeypatch.setattr(dispatcher_module, "REBALANCE_SECONDS", 0.2)
    monkeypatch.setattr(dispatcher_module, "SAFETY_POLL_SECONDS", 0.2)


@asynccontextmanager
async def dispatching(
    line: Line, client: object, count: int = 1
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    databases = [Database(line.database.url, pool_size=2) for _ in range(count)]
    tasks = [
        asyncio.create_task(Dispatcher(cast(Client, client), each, line.database.url, "ledger-test").run())
        for each in databases
    ]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in databases:
            await each.close()


async def until(happened: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await happened():  # noqa: ASYNC110 - a plain condition, of several kinds
            await asyncio.sleep(0.03)


async def unsignalled(line: Line) -> int:
    async with line.database.reading() as tx:
        return int(await tx.scalar("select count(*) from cases where signalled_seq < fact_seq"))


async def everything_told(line: Line) -> bool:
    return await unsignalled(line) == 0


async def held(line: Line) -> list[tuple[int, int]]:
    """(backend, partitions) of each dispatcher's connection."""
    async with line.database.reading() as tx:
        rows = await tx.all(
            """select pid, count(*) filter (where classid = :part) as partitions from pg_locks
               where locktype = 'advisory' and objsubid = 2 and granted and classid in (:part, :presence)
                 and database = (select oid from pg_database where datname = current_database())
               group by pid order by pid""",
            part=0x70617274,
            presence=0x64697370,
        )
    return [(row.pid, row.partitions) for row in rows]


async def chatter(line: Line, customers: int, messages: int) -> list[UUID]:
    """Customers who write one message after another, all of them at once."""

    async def one() -> UUID:
        identity = await line.customer()
        for number in range(messages):
            received = await line.say(identity, f"第{number}条")
            await asyncio.sleep(0.005)
        return received.contact_id

    contacts = await at_once(one() for _ in range(customers))
    assert all(isinstance(contact, UUID) for contact in contacts)
    return contacts


async def is_fair(line: Line, count: int) -> bool:
    shares = [partitions for _, partitions in await held(line)]
    return len(shares) == count and sum(shares) == PARTITIONS and max(shares) <= -(-PARTITIONS // count)


@pytest.mark.usefixtures("quick")
async def test_three_dispatchers_share_and_tell_each_fact_once_in_order(line: Line) -> None:
    heard = Heard()
    async with dispatching(line, heard, 3):
        await until(lambda: is_fair(line, 3))
        contacts = await chatter(line, 12, 8)
        await until(lambda: everything_told(line))
    for contact_id in contacts:
        assert heard.of(contact_id) == list(range(1, 9)), "each once, in order"
    assert heard.most_of_one_case == 1, "one signal of a case at a time"
    assert len({told for told, _ in heard.signals}) == 12


@pytest.mark.usefixtures("quick")
async def test_a_new_dispatcher_gets_its_share_without_a_second_signal_in_flight(line: Line) -> None:
    heard = Heard()
    heard.pause_seconds = 0.05
    async with dispatching(line, heard, 1):
        await until(lambda: is_fair(line, 1))
        talking = asyncio.create_task(chatter(line, 12, 40))
        await asyncio.sleep(0.2)
        async with dispatching(line, heard, 2):
            await until(lambda: is_fair(line, 3))
            contacts = await talking
            await until(lambda: everything_told(line))
    for contact_id in contacts:
        assert heard.of(contact_id) == list(range(1, 41))
    assert heard.most_of_one_case == 1


@pytest.mark.usefixtures("quick")
async def test_when_a_dispatchers_connection_is_killed_the_others_take_over(line: Line) -> None:
    heard = Heard()
    async with dispatching(line, heard, 2):
        await until(lambda: is_fair(line, 2))
        talking = asyncio.create_task(chatter(line, 8, 20))
        victim = (await held(line))[0][0]
        async with line.database.transaction() as tx:
            assert await tx.scalar("select pg_terminate_backend(:pid)", pid=victim)
        contacts = await talking
        await until(lambda: everything_told(line))
        await until(lambda: is_fair(line, 2))
        assert victim not in [pid for pid, _ in await held(line)]
    for contact_id in contacts:
        told = heard.of(contact_id)
        assert sorted(set(told)) == list(range(1, 21)), "nothing lost"
        first_times = list(dict.fromkeys(told))
        assert first_times == sorted(first_times), "in order, even if something was told twice"


@pytest.mark.usefixtures("quick")
async def test_a_dispatcher_that_is_gone_leaves_its_partitions_to_the_rest(line: Line) -> None:
    heard = Heard()
    async with dispatching(line, heard, 3) as tasks:
        await until(lambda: is_fair(line, 3))
        tasks[1].cancel()
        await until(lambda: is_fair(line, 2))
        contacts = await chatter(line, 8, 3)
        await until(lambda: everything_told(line))
    assert all(heard.of(contact_id) == [1, 2, 3] for contact_id in contacts)


@pytest.mark.usefixtures("quick")
async def test_only_refusals_that_cannot_heal_put_a_case_aside(line: Line) -> None:
    heard = Heard()
    contacts = await chatter(line, 6, 1)
    poisoned, *others = contacts
    away = {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.NOT_FOUND,
    }
    statuses = iter(away)
    heard.refuse = lambda case_id: (
        RPCStatusCode.INVALID_ARGUMENT if case_id == poisoned else next(statuses, None)
    )
    async with dispatching(line, heard):

        async def all_but_one() -> bool:
            return await unsignalled(line) == 1

        await until(all_but_one)
        await asyncio.sleep(0.3)
    assert all(heard.of(contact_id) == [1] for contact_id in others)
    for contact_id in contacts:
        assert ((await line.case(contact_id)).quarantined_at is not None) == (contact_id == poisoned)
    async with line.database.reading() as tx:
        task = await tx.one("select role, done_at from tasks where case_id = :id", id=poisoned)
    assert (task.role, task.done_at) == ("administrator", None)
    assert "quarantined" in await line.event_kinds(poisoned)


@pytest.mark.usefixtures("quick")
async def test_a_temporal_that_is_away_is_not_stormed(line: Line) -> None:
    heard = Heard()
    tries = []

    def away(_: UUID) -> RPCStatusCode:
        tries.append(time.monotonic())
        return RPCStatusCode.UNAVAILABLE

    heard.refuse = away
    await chatter(line, 10, 1)
    async with dispatching(line, heard):
        await asyncio.sleep(2.5)
        assert 0 < len(tries) <= 60, "backs off as a whole"
        heard.refuse = lambda _: None
        await until(lambda: everything_told(line))


class SilentServer:
    """Accepts every connection and never answers."""

    def __init__(self) -> None:
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        while await reader.read(4096):
            pass
        writer.close()

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()


def _refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _lazy_client(port: int) -> Client:
    settings = Settings(
        database_url="postgresql://x/y", environment="development", temporal_address=f"127.0.0.1:{port}"
    )
    return await connect(settings, lazy=True)


class Changeable:
    """A client whose Temporal comes back at another address."""

    def __init__(self, client: object) -> None:
        self.client = client

    async def start_workflow(self, *arguments: Any, **named: Any) -> None:
        await cast(Any, self.client).start_workflow(*arguments, **named)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["hangs", "refuses"])
async def test_intake_goes_on_while_temporal_is_away_and_all_drains_in_order(
    line: Line, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatcher_module, "CALL_SECONDS", 0.5)
    heard = Heard()
    async with SilentServer() as silent:
        client = Changeable(await _lazy_client(silent.port if how == "hangs" else _refused_port()))
        async with dispatching(line, client) as tasks:
            await until(lambda: is_fair(line, 1))
            started = time.monotonic()
            contacts = await chatter(line, 6, 10)
            assert time.monotonic() - started < 5, "nobody's message waits for Temporal"
            await asyncio.sleep(2)
            assert not tasks[0].done()
            assert await unsignalled(line) == 6
            if how == "hangs":
                assert silent.accepted >= 1, "the fault took place"
            client.client = heard
            await until(lambda: everything_told(line))
    for contact_id in contacts:
        assert heard.of(contact_id) == list(range(1, 11)), "nothing lost, in order"
        assert (await line.case(contact_id)).quarantined_at is None
    assert "exception was never retrieved" not in caplog.text
