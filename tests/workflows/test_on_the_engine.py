"""What only the real engine shows: runs that follow one another, lost workflows, what a message costs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from adapters.business_system import BusinessSystem
from adapters.db.checking import Violation, check_ledger
from adapters.db.conversation import answer_survey, end, wrap_up
from adapters.db.dispatching import open_cases
from adapters.db.engine import Database
from adapters.db.intake import want_human
from adapters.db.offers import accept_offer
from adapters.settings import Settings
from adapters.temporal import connect
from ops.checking import EngineAwayError, check_engine
from tests.support.dev_server import dev_server, settings_for
from tests.support.line import Line, open_line
from tests.workflows.hasty import HastyContactWorkflow
from workflows import worker as worker_module
from workflows.dispatcher import Dispatcher, adopt, workflow_id
from workflows.worker import build_worker

PATIENCE_SECONDS = 40


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[str]:
    """The address of one dev server for this file."""
    async with dev_server() as address:
        yield address


@dataclass
class Product:
    """Ledger, worker and dispatcher around the real engine."""

    line: Line
    client: Client
    settings: Settings
    database: Database

    async def stage(self, contact_id: UUID, stage: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.line.contact(contact_id)).stage != stage:  # noqa: ASYNC110 - another process acts
                await asyncio.sleep(0.05)

    async def settled(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with self.database.reading() as tx:
                    if not await tx.scalar("select 1 from cases where folded_seq < fact_seq limit 1"):
                        return
                await asyncio.sleep(0.03)

    async def check(self) -> list[Violation]:
        return await check_ledger(self.database) + await check_engine(self.settings, self.database)

    async def runs(self, contact_id: UUID) -> list[Any]:
        """The histories of every run of a contact's workflow, the newest last."""
        histories: list[Any] = []
        run_id: str | None = None
        while True:
            handle = self.client.get_workflow_handle(workflow_id("contact", contact_id), run_id=run_id)
            history = await handle.fetch_history()
            histories.insert(0, history.events)
            started = history.events[0].workflow_execution_started_event_attributes
            run_id = started.continued_execution_run_id or None
            if run_id is None:
                return histories


@asynccontextmanager
async def product(engine: str, database_url: str, **options: Any) -> AsyncIterator[Product]:
    settings = settings_for(database_url, engine, database_url.rsplit("/", 1)[1])
    database = Database(database_url, pool_size=10)
    line = await open_line(database, **options)
    client = await connect(settings)
    shop = BusinessSystem(None, None)
    dispatcher = Dispatcher(client, database, database_url, settings.temporal_task_queue)
    async with build_worker(client, settings, database, shop):
        dispatching = asyncio.create_task(dispatcher.run())
        try:
            yield Product(line, client, settings, database)
        finally:
            dispatching.cancel()
            await asyncio.gather(dispatching, return_exceptions=True)
    await shop.close()
    await database.close()


def kinds_of(events: Any) -> Counter[str]:
    return Counter(event.WhichOneof("attributes").removesuffix("_event_attributes") for event in events)


async def test_a_message_costs_at_most_one_signal_one_task_and_one_activity(
    engine: str, fresh_database_url: str
) -> None:
    async with product(engine, fresh_database_url, bot=True) as running:
        identity = await running.line.customer()
        for number in range(10):
            received = await running.line.say(identity, ["你好", "在吗"][number % 2])
            await running.settled()
            await asyncio.sleep(0.1)
            if number == 0:
                (history,) = await running.runs(received.contact_id)
                before = kinds_of(history)
        (history,) = await running.runs(received.contact_id)
        cost = kinds_of(history) - before
        stage = (await running.line.contact(received.contact_id)).stage
    assert stage == "bot", "ten answered messages"
    assert cost["workflow_execution_signaled"] <= 9
    assert cost["workflow_task_completed"] <= 9
    assert cost["marker_recorded"] <= 9
    assert cost["activity_task_scheduled"] == 0


@pytest.mark.timeout(150)
async def test_a_burst_in_short_runs_loses_nothing_and_keeps_the_order(
    engine: str, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "ContactWorkflow", HastyContactWorkflow)
    async with product(engine, fresh_database_url, bot=True) as running:
        identity = await running.line.customer()
        sent = []
        for number in range(40):
            received = await running.line.say(identity, ["你好", "在吗"][number % 2])
            sent.append(received.message_id)
            await asyncio.sleep(0.02 if number % 4 else 0.3)
        await running.settled()
        histories = await running.runs(received.contact_id)
        messages = await running.line.messages(received.contact_id)
        assert len(histories) >= 3, "it did continue as new"
        for history in histories[:-1]:
            assert history[-1].WhichOneof("attributes").startswith("workflow_execution_continued_as_new")
        assert [m.id for m in messages if m.author == "customer"] == sent
        contact = await running.line.contact(received.contact_id)
        assert (contact.stage, contact.handled_seq) == ("bot", contact.customer_seq), "all were answered"
        assert await running.check() == []


async def _at(running: Product, stage: str) -> UUID:
    """A contact at this stage."""
    line = running.line
    if stage == "bot":
        return (await line.say(await line.customer(), "你好")).contact_id
    if stage != "queued":
        await line.agent("wang", capacity=1)
    contact_id = (await line.say(await line.customer(), "转人工")).contact_id
    async with line.database.transaction() as tx:
        await want_human(tx, "shop", contact_id)
    await running.stage(contact_id, "queued" if stage == "queued" else "offered")
    if stage in {"queued", "offered"}:
        return contact_id
    await _accept(running, contact_id)
    if stage != "talking":
        await _end(running, contact_id)
    if stage == "survey":
        await _wrap_up(running, contact_id)
    await running.settled()
    return contact_id


async def _accept(running: Product, contact_id: UUID) -> None:
    await running.stage(contact_id, "offered")
    offer = await running.line.pending_offer(contact_id)
    async with running.database.transaction() as tx:
        await accept_offer(tx, "shop", offer.id, offer.agent_id)


async def _end(running: Product, contact_id: UUID) -> None:
    async with running.database.transaction() as tx:
        await end(tx, "shop", contact_id, running.line.agents["wang"], seen_seq=99)


async def _wrap_up(running: Product, contact_id: UUID) -> None:
    async with running.database.transaction() as tx:
        await wrap_up(
            tx, "shop", contact_id, running.line.agents["wang"], category="orders", subcategory="", solved=True,
            next_step="",
        )  # fmt: skip


async def _to_the_end(running: Product, contact_id: UUID, stage: str) -> None:
    """From this stage to closed."""
    if stage in {"bot", "queued"}:
        if stage == "bot":
            async with running.database.transaction() as tx:
                await want_human(tx, "shop", contact_id)
            await running.stage(contact_id, "queued")
        await running.line.agent("wang", capacity=1)
    if stage in {"bot", "queued", "offered"}:
        await _accept(running, contact_id)
    if stage not in {"wrap_up", "survey"}:
        await _end(running, contact_id)
    if stage != "survey":
        await _wrap_up(running, contact_id)
    async with running.database.transaction() as tx:
        await answer_survey(tx, "shop", contact_id, score=5, solved=True, reasons=[], comment="")
    await running.stage(contact_id, "closed")


@pytest.mark.parametrize("stage", ["bot", "queued", "offered", "talking", "wrap_up", "survey"])
async def test_a_lost_workflow_is_rebuilt_from_the_ledger_and_goes_on(
    engine: str, fresh_database_url: str, stage: str
) -> None:
    async with product(engine, fresh_database_url) as running:
        contact_id = await _at(running, stage)
        handle = running.client.get_workflow_handle(workflow_id("contact", contact_id))
        await running.settled()
        await handle.terminate()
        lost = [each for each in await running.check() if each.code == "case_without_workflow"]
        assert [(each.invariant.value, each.subject) for each in lost] == [("I7", f"contact/{contact_id}")]
        queue = running.settings.temporal_task_queue
        assert await adopt(running.client, running.database, queue) == 1
        assert await adopt(running.client, running.database, queue) == 0, "once is enough"
        assert await running.check() == []
        await _to_the_end(running, contact_id, stage)
        await running.settled()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await handle.result()
        assert await running.check() == []


async def test_a_bot_with_a_message_pending_answers_it_after_the_rebuild(
    engine: str, fresh_database_url: str
) -> None:
    """The workflow is gone, and so is its signal: the rows alone say what is owed."""
    settings = settings_for(fresh_database_url, engine, "rebuilt")
    database = Database(fresh_database_url, pool_size=4)
    line = await open_line(database)
    received = await line.say(await line.customer(), "你好")
    client = await connect(settings)
    shop = BusinessSystem(None, None)
    async with build_worker(client, settings, database, shop):
        assert await adopt(client, database, "rebuilt") == 1
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await line.case(received.contact_id)).folded_seq == 0:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.05)
    assert "greeting" in [message.attrs.get("code") for message in await line.messages(received.contact_id)]
    await shop.close()
    await database.close()


async def test_a_signal_sent_again_to_a_closed_case_starts_a_run_that_ends_at_once(
    engine: str, fresh_database_url: str
) -> None:
    async with product(engine, fresh_database_url) as running:
        contact_id = await _at(running, "survey")
        await _to_the_end(running, contact_id, "survey")
        handle = running.client.get_workflow_handle(workflow_id("contact", contact_id))
        await handle.result()
        before = (await running.line.case(contact_id), await running.line.contact(contact_id))
        first_run = (await handle.describe()).run_id
        again = [{"seq": n, "kind": "customer_message", "attrs": {"seq": n}} for n in (1, 2)]
        await running.client.start_workflow(
            "ContactWorkflow",
            str(contact_id),
            id=workflow_id("contact", contact_id),
            task_queue=running.settings.temporal_task_queue,
            start_signal="facts",
            start_signal_args=[again],
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            await handle.result()
        described = await handle.describe()
        assert described.run_id != first_run
        assert described.status == WorkflowExecutionStatus.COMPLETED
        assert (await running.line.case(contact_id), await running.line.contact(contact_id)) == before
        assert await running.check() == []


async def test_every_open_case_is_adopted_however_many(engine: str, fresh_database_url: str) -> None:
    database = Database(fresh_database_url, pool_size=4)
    line = await open_line(database)
    for _ in range(7):
        await line.say(await line.customer(), "你好")
    seen: list[UUID] = []
    while page := await open_cases(database, seen[-1] if seen else None, limit=3):
        seen += [case_id for case_id, _ in page]
    assert len(seen) == len(set(seen)) == 7
    client = await connect(settings_for(fresh_database_url, engine, "many"))
    assert await adopt(client, database, "many") == 7
    await database.close()


async def test_the_check_names_what_the_engine_shows(engine: str, fresh_database_url: str) -> None:
    async with product(engine, fresh_database_url) as running:
        contact_id = await _at(running, "bot")
        stray = f"contact/{UUID(int=7)}"
        queue = running.settings.temporal_task_queue
        await running.client.start_workflow("ContactWorkflow", str(UUID(int=7)), id=stray, task_queue=queue)
        await running.settled()
        found = {(each.invariant.value, each.code, each.subject) for each in await running.check()}
        assert ("I7", "workflow_without_case", stray) in found
        await running.client.get_workflow_handle(stray).terminate()
        handle = running.client.get_workflow_handle(workflow_id("contact", contact_id))
        # A fact without what its kind must have fails the workflow's task again and again.
        await handle.signal("facts", [{"seq": 2, "kind": "customer_message", "attrs": {}}])
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = set()
            while not found:
                await asyncio.sleep(0.3)
                found = {each.code for each in await check_engine(running.settings, running.database)}
        assert found == {"failed_task"}


async def test_an_engine_that_is_away_is_said_so(fresh_database_url: str) -> None:
    database = Database(fresh_database_url, pool_size=1)
    settings = settings_for(fresh_database_url, "127.0.0.1:1", "away")
    with pytest.raises(EngineAwayError):
        await check_engine(settings, database)
    await database.close()
