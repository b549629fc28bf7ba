"""One product and one browser for all journeys."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, ViewportSize, async_playwright

from tests.journeys.agent import Agent
from tests.journeys.customer import Customer
from tests.journeys.product import Product, running
from tests.journeys.watch import FLAGS, SHOTS, Watch, require_chromium
from tests.journeys.words import EN, ZH, Words

DESK_SIZE: ViewportSize = {"width": 1440, "height": 900}
CHAT_SIZE: ViewportSize = {"width": 900, "height": 800}


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return require_chromium()


@pytest.fixture(scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, headless=True, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def product(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with running(tmp_path_factory.mktemp("journeys") / "data") as started:
        yield started


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    made = Watch(Path(SHOTS) if SHOTS else tmp_path)
    made.shots.mkdir(parents=True, exist_ok=True)
    yield made
    made.nothing_wrong()


@dataclass
class Stage:
    """Lets people come in; each has a browser of their own."""

    chromium: Browser
    product: Product
    watch: Watch
    words: Words

    async def customer(self) -> Customer:
        context = await self.chromium.new_context(locale=self.words.locale, viewport=CHAT_SIZE)
        self.watch.over(context)
        made = Customer(await context.new_page(), self.words, self.product.url)
        await made.open()
        return made

    async def agent(self, login: str, then: str = "/desk") -> Agent:
        context = await self.chromium.new_context(locale=self.words.locale, viewport=DESK_SIZE)
        self.watch.over(context)
        made = Agent(await context.new_page(), self.words, self.product.url)
        await made.signs_in(login, self.product.passwords[login], then)
        return made


@pytest.fixture(params=[ZH, EN], ids=lambda words: words.language)
async def stage(
    request: pytest.FixtureRequest, chromium: Browser, product: Product, watch: Watch
) -> AsyncIterator[Stage]:
    yield Stage(chromium, product, watch, request.param)
    for number, context in enumerate(chromium.contexts):
        if SHOTS:  # where everybody was at the end: what a failure is understood by
            for page in context.pages:
                await page.screenshot(path=watch.shots / f"end-{request.node.name}-{number}.png")
        await context.close()


def picture(name: str, width: int, colour: str) -> FilePayload:
    """A real PNG."""
    content = io.BytesIO()
    Image.new("RGB", (width, 120), colour).save(content, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": content.getvalue()}
