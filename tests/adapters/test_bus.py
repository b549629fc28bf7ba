"""The live bus misses nothing: concurrent writers, lost connections, many at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest

from adapters.db import bus
from adapters.db.bus import BusEvent, BusReader, Whisper, whisper
from adapters.db.engine import Database


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    made = Database(module_database_url, pool_size=10)
    async with made.transaction() as tx:
        await tx.run(
            "insert into business_lines (id, name_zh, name_en, member_secret) values ('shop', '店', 'Shop', 's')"
        )
    yield made
    await made.close()


class Listener:
    """What a reader handed on."""

    def __init__(self) -> None:
        self.events: list[BusEvent] = []
        self.whispers: list[Whisper] = []
        self.states: list[bool] = []
        self.stumbles = 0

    async def on_events(self, events: list[BusEvent]) -> None:
        if self.stumbles:
            self.stumbles -= 1
            raise RuntimeError("a listener's mistake")
        self.events += events

    def has(self, count: int) -> bool:
        return len(self.events) >= count

    async def on_whisper(self, said: Whisper) -> None:
        self.whispers.append(said)


@asynccontextmanager
async def following(database: Database) -> AsyncIterator[Listener]:
    listener = Listener()
    reader = BusReader(
        database.url,
        on_events=listener.on_events,
        on_whisper=listener.on_whisper,
        on_connection=listener.states.append,
    )
    task = asyncio.create_task(reader.run())
    await until(lambda: reader.last_id is not None)
    yield listener
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(happened: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - a plain condition, of several kinds
            await asyncio.sleep(0.01)


async def write(database: Database, writer: int, count: int) -> None:
    for number in range(count):
        async with database.transaction() as tx:
            tx.subject_event("shop", f"test:{writer}", "tick", "system", {"number": number})
            tx.subject_event("shop", f"test:{writer}", "tock", "system", {"number": number})
            if number % 7 == 0:
                await asyncio.sleep(0.002)


async def all_ids(database: Database, after: int) -> list[int]:
    async with database.reading() as tx:
        return [
            row.id for row in await tx.all("select id from events where id > :after order by id", after=after)
        ]


async def test_concurrent_writers_are_all_heard_in_order(database: Database) -> None:
    async with following(database) as listener:
        await asyncio.gather(*(write(database, writer, 40) for writer in range(8)))
        await until(lambda: len(listener.events) >= 640)
    heard = [event.id for event in listener.events]
    assert heard == await all_ids(database, heard[0] - 1)
    assert len(heard) == 640
    for writer in range(8):
        seqs = [event.seq for event in listener.events if event.subject == f"test:{writer}"]
        assert seqs == list(range(1, 81))


async def cut(database: Database) -> None:
    """Terminate the reader's connection, as soon as it has one."""
    count = 0
    async with asyncio.timeout(10):
        while not count:
            # A transaction each: PostgreSQL shows one transaction the same list of sessions for ever.
            async with database.reading() as tx:
                count = await tx.scalar(
                    """select count(pg_terminate_backend(pid)) from pg_stat_activity
                       where application_name = 'holdfast-bus' and datname = current_database()"""
                )
            await asyncio.sleep(0.02)


async def test_a_lost_connection_loses_nothing(database: Database) -> None:
    async with following(database) as listener, asyncio.TaskGroup() as tasks:
        tasks.create_task(write(database, 20, 60))
        for _ in range(3):
            await asyncio.sleep(0.05)
            await cut(database)
        await until(lambda: len(listener.events) >= 120, 20)
        assert listener.states.count(False) == 3
    assert [event.seq for event in listener.events] == list(range(1, 121))


async def test_a_listener_that_stumbles_hears_it_again(database: Database) -> None:
    async with following(database) as listener:
        listener.stumbles = 2
        await write(database, 30, 3)
        await until(lambda: len(listener.events) >= 6)
    assert [event.seq for event in listener.events] == [1, 2, 3, 4, 5, 6]


async def test_more_than_a_batch_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "BATCH_SIZE", 10)
    async with following(database) as listener:
        async with database.transaction() as tx:
            for number in range(45):
                tx.subject_event("shop", "test:40", "tick", "system", {"number": number})
        await until(lambda: len(listener.events) >= 45)
    assert [event.attrs["number"] for event in listener.events] == list(range(45))


async def test_the_doorbell_is_quick(database: Database) -> None:
    async with following(database) as listener:
        loop = asyncio.get_running_loop()
        delays = []
        for number in range(10):
            await write(database, 50, 1)
            before = loop.time()
            await until(partial(listener.has, 2 * (number + 1)))
            delays.append(loop.time() - before)
    assert sorted(delays)[5] < 0.5, "the safety poll must not be what carries events"


async def test_whispers_pass_at_commit_and_leave_no_row(database: Database) -> None:
    async with following(database) as listener:
        before = await all_ids(database, 0)
        with suppress(ZeroDivisionError):
            async with database.transaction() as tx:
                await whisper(tx, Whisper("shop", "typing", "user:1"))
                raise ZeroDivisionError
        async with database.transaction() as tx:
            await whisper(tx, Whisper("shop", "typing", "user:2", attrs={"on": True}))
        await until(lambda: bool(listener.whispers))
        assert await all_ids(database, 0) == before
    assert listener.whispers == [Whisper("shop", "typing", "user:2", None, {"on": True})]
