"""kill -9 at the worst moment, on the real engine: between a step's commit and its marker."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from adapters.db.checking import check_ledger
from adapters.db.engine import Database
from adapters.db.intake import want_human
from adapters.settings import Settings
from adapters.temporal import connect
from tests.support.dev_server import dev_server, settings_for
from tests.support.line import Line, open_line
from workflows.dispatcher import Dispatcher, workflow_id

ROOT = Path(__file__).parents[2]


def _start(settings: Settings, module: str, *words: str, **more: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {
        "HOLDFAST_ENVIRONMENT": "development",
        "HOLDFAST_DATABASE_URL": settings.database_url,
        "HOLDFAST_TEMPORAL_ADDRESS": settings.temporal_address,
        "HOLDFAST_TEMPORAL_TASK_QUEUE": settings.temporal_task_queue,
    }
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], cwd=ROOT, env=environment | more, stdin=subprocess.DEVNULL
    )


@asynccontextmanager
async def _dispatching(client: Client, settings: Settings) -> AsyncIterator[None]:
    database = Database(settings.database_url, pool_size=2)
    task = asyncio.create_task(
        Dispatcher(client, database, settings.database_url, settings.temporal_task_queue).run()
    )
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.close()


async def _until(happened: Any, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await happened():  # noqa: ASYNC110 - a plain condition, of several kinds
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
async def test_killed_between_commit_and_marker_with_a_new_signal_pending(
    fresh_database_url: str, tmp_path: Path
) -> None:
    async with dev_server() as address:
        settings = settings_for(fresh_database_url, address, "killed")
        database = Database(fresh_database_url, pool_size=4)
        line = await open_line(database)
        client = await connect(settings)
        stalled = tmp_path / "stalled"
        async with _dispatching(client, settings):
            victim = _start(settings, "tests.support.stalling_worker", STALL_FILE=str(stalled))
            try:
                received = await line.say(await line.customer(), "你好")
                await _until(lambda: _exists(stalled))
                assert stalled.read_text() == "bot_turn"
                assert (await line.case(received.contact_id)).step_no == 1, "it was committed"
                async with database.transaction() as tx:
                    await want_human(tx, line.line_id, received.contact_id)

                async def told() -> bool:
                    return bool((await line.case(received.contact_id)).signalled_seq == 2)

                await _until(told)
            finally:
                victim.kill()
                victim.wait()
            rescuer = _start(settings, "ops.cli", "worker")
            try:
                await _continues(line, received.contact_id)
            finally:
                rescuer.terminate()
                rescuer.wait()
        await _once_each(line, received.contact_id)
        assert await check_ledger(database) == []
        history = await client.get_workflow_handle(
            workflow_id("contact", received.contact_id)
        ).fetch_history()
        kinds = [event.WhichOneof("attributes") for event in history.events]
        assert not any(kind is not None and "task_failed" in kind for kind in kinds), "no nondeterminism"
        await database.close()


async def _exists(path: Path) -> bool:
    return path.exists()


async def _continues(line: Line, contact_id: Any) -> None:
    async def rests() -> bool:
        case = await line.case(contact_id)
        return bool(case.folded_seq == case.fact_seq and (await line.contact(contact_id)).stage == "queued")

    await _until(rests)


async def _once_each(line: Line, contact_id: Any) -> None:
    kinds = await line.event_kinds(contact_id)
    assert [kind for kind in kinds if kind in {"bot_turn", "handed_over"}] == ["bot_turn", "handed_over"]
    codes = [message.attrs.get("code") for message in await line.messages(contact_id)]
    assert codes.count("greeting") == 1
    assert (await line.case(contact_id)).step_no == 2, "the replay's other choice took the recorded outcome"
