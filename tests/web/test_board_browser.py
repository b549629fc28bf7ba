"""The board and the tasks in a real Chromium: they follow what happens, and clicks do what they say."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from adapters.db import accounts
from adapters.db.conversation import add_task
from adapters.db.engine import Database
from ops.embedded import ports
from tests.support.line import Line, open_line
from tests.support.signed_in import app_of
from tests.web.test_board import queue_up

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium"),
]


@dataclass
class World:
    database: Database
    line: Line
    page: Page
    address: str
    boss: UUID
    complaints: list[str]


@asynccontextmanager
async def served(database: Database, folder: object) -> AsyncIterator[int]:
    port = ports.choose(None)
    app = app_of(database, folder, port=port)  # type: ignore[arg-type] # a path
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by no event
        await asyncio.sleep(0.05)
    yield port
    server.should_exit = True
    server.force_exit = True
    await task


@pytest.fixture
async def world(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    database = Database(fresh_database_url, pool_size=5)
    line = await open_line(database)
    await line.agent("anna", capacity=2)
    boss = await line.agent("boss", role="supervisor", queues=(), presence=None)
    async with database.transaction() as tx:
        token = (await accounts.sign_in(tx, boss)).token
        await accounts.set_preferences(tx, boss, language="en")
    complaints: list[str] = []
    async with served(database, tmp_path_factory.mktemp("data")) as port, async_playwright() as playwright:
        address = f"http://127.0.0.1:{port}"
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context()
        await context.add_cookies([{"name": "hf_session", "value": token, "url": address}])
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        yield World(database, line, page, address, boss, complaints)
        await browser.close()
    await database.close()


async def test_the_board_follows_and_a_supervisor_steers(world: World) -> None:
    page, line = world.page, world.line
    await page.goto(f"{world.address}/board")
    await page.wait_for_selector(".tile")
    waiting = (await line.say(await line.customer(), "Where is my parcel?")).contact_id
    await queue_up(line, waiting, minutes=4)
    await line.say(await line.customer(), "another event")
    await page.wait_for_selector("[data-board-part=queue]", timeout=15_000)
    await page.click("[data-board-part=queue]")
    await page.wait_for_selector("#board-contacts[open] .board-case")
    await page.get_by_role("button", name="Take over").click()
    await page.wait_for_selector("#board-contacts .empty", timeout=10_000)
    assert (await line.contact(waiting)).owner_id == world.boss
    await page.keyboard.press("Escape")
    menu = page.locator(".agent", has_text="anna").locator("details")
    await menu.locator("summary").click()
    await menu.get_by_role("button", name="Offline").click()
    await page.wait_for_selector("text=set by a supervisor", timeout=15_000)
    assert (await line.agent_row("anna")).presence == "offline"
    assert world.complaints == []


async def test_a_task_arrives_is_settled_and_taken_back(world: World) -> None:
    page, line = world.page, world.line
    await page.goto(f"{world.address}/tasks?whose=role")
    await page.wait_for_selector(".empty")
    contact = (await line.say(await line.customer(), "hello")).contact_id
    async with world.database.transaction() as tx:
        await tx.lock_case(contact)
        await add_task(tx, "shop", contact, key="t", kind="left_matter", role="supervisor")
    await page.wait_for_selector(".task", timeout=15_000)
    await page.get_by_role("button", name="Answered").click()
    await page.wait_for_selector(".tasks-undo")
    assert await page.locator(".task").count() == 0
    await page.get_by_role("button", name="Undo").click()
    await page.wait_for_selector(".task")
    async with world.database.reading() as tx:
        assert await tx.scalar("select done_at from tasks") is None
    assert world.complaints == []
