"""The live stream in a real Chromium: one stream for all tabs, the banner, catching up after a cut."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import BrowserContext, Page, async_playwright

from adapters.db.engine import Database
from ops.embedded import ports
from tests.web.conftest import PASSWORD

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
RECORD = """
    window.seen = [];
    for (const name of ["event", "resync", "state"])
      document.addEventListener(`hf:${name}`, ({ detail }) =>
        window.seen.push(`${name}:${detail.kind ?? detail.state ?? ""}`));
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium"),
    pytest.mark.usefixtures("users"),
]


class Wire:
    """A TCP relay in front of the server, which can be cut."""

    def __init__(self, server_port: int) -> None:
        self.port = ports.choose(None)
        self._server_port = server_port
        self._listening: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def join(self) -> None:
        self._listening = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def cut(self) -> None:
        assert self._listening is not None
        self._listening.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._open -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def wire(app: FastAPI) -> AsyncIterator[Wire]:
    port = ports.choose(None)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: asyncio.sleep(0, server.started))
    made = Wire(port)
    await made.join()
    yield made
    await made.cut()
    server.should_exit = True
    await serving


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        made = await browser.new_context(locale="zh-CN")
        await made.add_init_script(RECORD)
        yield made
        await browser.close()


async def until(asked: Callable[[], Awaitable[object]], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await asked():  # noqa: ASYNC110 - what is asked for happens in the browser
            await asyncio.sleep(0.02)


async def sees(page: Page, what: str) -> None:
    # Not wait_for_function: it evaluates text, which our Content-Security-Policy forbids.
    await until(lambda: page.evaluate("what => window.seen.includes(what)", what))


async def shows_banner(page: Page) -> bool:
    return await page.locator("#live-banner").is_visible()


async def happen(database: Database, kind: str) -> None:
    async with database.transaction() as tx:
        tx.subject_event("shop", "test:browser", kind, "system", {})


@asynccontextmanager
async def without_errors(page: Page) -> AsyncIterator[None]:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
    yield
    assert errors == []


async def test_two_tabs_share_one_stream_and_catch_up_after_a_cut(
    wire: Wire, context: BrowserContext, app: FastAPI, database: Database
) -> None:
    base = f"http://127.0.0.1:{wire.port}"
    first, second = await context.new_page(), await context.new_page()
    async with without_errors(first), without_errors(second):
        await first.goto(f"{base}/signin?next=/dev/look")
        await first.fill("#field-login", "chen")
        await first.fill("#field-password", PASSWORD)
        await first.click("button.btn-primary")
        await first.wait_for_url("**/dev/look")
        await second.goto(f"{base}/dev/look")
        for page in (first, second):
            await sees(page, "state:open")
        await happen(database, "before")
        for page in (first, second):
            await sees(page, "event:before")
        assert len(app.state.live._subscribers) == 1
        await wire.cut()
        await happen(database, "meanwhile")
        await until(lambda: shows_banner(first))
        await wire.join()
        for page in (first, second):
            await sees(page, "event:meanwhile")
        assert not await shows_banner(first)
        seen = await first.evaluate("window.seen.filter(each => each.startsWith('event:'))")
        assert seen == ["event:before", "event:meanwhile"]
        await first.locator(".rail-me").click()
        await first.locator("form[action='/signout'] button").click()
        for page in (first, second):  # by the form's answer or by the stream's end, whichever is first
            await page.wait_for_url("**/signin**")
