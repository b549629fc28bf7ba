"""Stories: the real workflow, ledger and dispatcher, in virtual time."""

import asyncio
import json
import os
import re
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from adapters.business_system import BusinessSystem
from adapters.settings import Settings
from domain.bot.model import BusinessResult, BusinessStatus
from tests.support.line import Line, ShiftedDatabase, open_line
from workflows.dispatcher import Dispatcher, workflow_id
from workflows.worker import build_worker

HISTORIES = Path(__file__).parent / "histories"
RECORDED = os.environ.get("RECORD_HISTORIES", "")
"""The release whose histories are being recorded, for example `0.1`; empty: none."""
PATIENCE_SECONDS = 10


class Shop(BusinessSystem):
    """The business system's double: answers as told, after a while when told so."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self.calls: list[tuple[str, dict[str, Any], str | None]] = []
        self.answer: Callable[[str, dict[str, Any]], Awaitable[BusinessResult]] | None = None

    async def call(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        member_id: str | None,
        phone: str | None,
        idempotency_key: str | None,
    ) -> BusinessResult:
        self.calls.append((name, arguments, member_id))
        if self.answer is None:
            return BusinessResult(status=BusinessStatus.UNAVAILABLE, data={"code": "not_configured"})
        return await self.answer(name, arguments)


@dataclass
class Story:
    """One line in virtual time."""

    line: Line
    env: WorkflowEnvironment
    database: ShiftedDatabase
    dispatcher: Dispatcher
    shop: Shop

    async def now(self) -> datetime:
        return await self.env.get_current_time()

    async def pass_time(self, seconds: float) -> None:
        """Let virtual time pass in small steps, so that alarms ring at their time and not after it."""
        until = await self.now() + timedelta(seconds=seconds)
        step = max(1.0, seconds / 12)
        while (left := (until - await self.now()).total_seconds()) > 0:
            await self.env.sleep(min(step, left))
            await self.settled()

    async def settled(self) -> None:
        """Until every fact is signalled and folded."""
        await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with self.database.reading() as tx:
                    open_facts = await tx.scalar(
                        "select count(*) from cases where folded_seq < fact_seq and quarantined_at is null"
                    )
                if not open_facts:
                    return
                await asyncio.sleep(0.03)

    async def stage(self, contact_id: UUID, stage: str) -> Any:
        """Wait until the contact stands at a stage."""
        contact: Any = None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    contact = await self.line.contact(contact_id)
                    if contact.stage == stage:
                        return contact
                    await asyncio.sleep(0.03)
        kinds = await self.line.event_kinds(contact_id)
        raise AssertionError(f"stage {contact.stage}, not {stage}; events {kinds}")

    async def codes(self, contact_id: UUID) -> list[str]:
        """The codes of the process texts that the customer was shown."""
        return [
            message.attrs["code"]
            for message in await self.line.messages(contact_id)
            if "code" in message.attrs
        ]


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A server a story: an abandoned workflow would ring in the next one, a terminated one stops the skipping."""
    server = Path(sysconfig.get_path("scripts")) / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=str(server)
    ) as env:
        yield env


@pytest.fixture
async def story(
    environment: WorkflowEnvironment, fresh_database_url: str, request: Any
) -> AsyncIterator[Story]:
    options = dict(getattr(request, "param", {}))
    database = ShiftedDatabase(fresh_database_url, environment.get_current_time, pool_size=8)
    line = await open_line(database, **options)
    settings = Settings(
        database_url=fresh_database_url,
        environment="development",
        temporal_task_queue=f"story-{fresh_database_url.rsplit('/', 1)[1]}",
    )
    shop = Shop()
    worker = build_worker(environment.client, settings, database, shop)
    dispatcher = Dispatcher(environment.client, database, fresh_database_url, settings.temporal_task_queue)
    async with worker:
        dispatching = asyncio.create_task(dispatcher.run())
        try:
            yield Story(line, environment, database, dispatcher, shop)
        finally:
            if RECORDED:
                await _record_histories(environment, database, request.node.name)
            dispatching.cancel()
            await asyncio.gather(dispatching, return_exceptions=True)
            await database.close()
            await shop.close()


async def _record_histories(environment: WorkflowEnvironment, database: ShiftedDatabase, name: str) -> None:
    """Keep what Temporal remembers of a story, for the releases to come (`docs/changing-a-workflow.md`)."""
    story = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    async with database.reading() as tx:
        cases = await tx.all("select id, kind, number from cases order by number")
    for case in cases:
        handle = environment.client.get_workflow_handle(workflow_id(case.kind, case.id))
        history = await handle.fetch_history()
        file = HISTORIES / RECORDED / f"{story}-{case.number}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(json.loads(history.to_json()), separators=(",", ":"), ensure_ascii=False))
