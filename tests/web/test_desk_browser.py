"""The desk in a real Chromium: what only a browser can show — composing, keys, live arrival, focus."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from adapters.db import accounts
from adapters.db.engine import Database
from adapters.settings import Environment, Settings
from api.deps import SESSION_COOKIE
from ops.embedded import ports
from tests.web.desk_world import World, make_world
from web.app import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
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
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine"),
]
COMPOSE = """([text, key]) => {
    const field = document.querySelector('#composer-text');
    field.focus();
    const fire = (type, init) => field.dispatchEvent(new CompositionEvent(type, { bubbles: true, ...init }));
    fire('compositionstart', { data: '' });
    field.value += text;
    fire('compositionupdate', { data: text });
    field.dispatchEvent(new InputEvent('input', { bubbles: true, isComposing: true, data: text }));
    const press = (init) => field.dispatchEvent(new KeyboardEvent('keydown',
        { key: 'Enter', code: 'Enter', bubbles: true, cancelable: true, ...init }));
    press({ isComposing: true, ...key });          // what standards say
    press({ keyCode: 229, ...key });               // what old engines say
    press({ ...key });                             // while our own note of it says composing
    fire('compositionend', { data: text });
    press({ ...key });                             // the Enter that ended the composition, sent late
}"""


@pytest.fixture(scope="module")
async def world(module_database_url: str) -> AsyncIterator[World]:
    database = Database(module_database_url, pool_size=3)
    made = await make_world(database)
    async with database.transaction() as tx:
        await tx.run("update agents set capacity = 100")
    yield made
    await database.close()


@pytest.fixture(scope="module")
async def address(
    world: World, module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    port = ports.choose(None)
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        database_url=module_database_url,
        environment=Environment.DEVELOPMENT,
        public_url=url,
        data_dir=tmp_path_factory.mktemp("data"),
    )
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings), host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 # uvicorn offers no event to wait for
        await asyncio.sleep(0.02)
    yield url
    server.should_exit = True
    await serving


@pytest.fixture(scope="module")
async def context(world: World, address: str) -> AsyncIterator[BrowserContext]:
    """Chen Jia's browser, signed in, in Chinese."""
    async with world.database.transaction() as tx:
        made = await accounts.sign_in(tx, world.users["chenjia"])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = await browser.new_context(
            viewport={"width": 1440, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        await opened.add_cookies([{"name": SESSION_COOKIE, "value": made.token, "url": address}])
        yield opened
        await browser.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page that fails its test on any error of a script or of the Content-Security-Policy."""
    opened = await context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield opened
    await opened.close()
    assert problems == []


async def _open(page: Page, address: str, contact: object) -> None:
    await page.goto(f"{address}/desk/c/{contact}")
    await page.wait_for_selector("#composer-text")
    await page.wait_for_function("() => document.querySelector('[data-send-key]').textContent !== ''")


async def _messages(world: World, contact: object) -> list[str]:
    async with world.database.reading() as tx:
        rows = await tx.all(
            "select body from messages where contact_id = :id and author = 'agent' order by seq", id=contact
        )
    return [row.body for row in rows]


@pytest.mark.parametrize("send", ["mod", "enter"])
async def test_nothing_is_sent_while_an_input_method_composes(
    page: Page, world: World, address: str, send: str
) -> None:
    contact = await world.talking("chenjia", "拼音")
    await _open(page, address, contact)
    await page.evaluate("(send) => { document.getElementById('desk').dataset.send = send; }", send)
    modifier = {"ctrlKey": True} if send == "mod" else {}
    await page.evaluate(COMPOSE, ["您好", modifier])
    await page.wait_for_timeout(400)
    assert await _messages(world, contact) == []
    assert await page.input_value("#composer-text") == "您好"
    await page.keyboard.press("Control+Enter" if send == "mod" else "Enter")
    await expect(page.locator("[data-lines] .msg-agent .msg-text")).to_have_text(["您好"])
    assert await _messages(world, contact) == ["您好"]


async def test_bare_keys_rest_while_somebody_types(page: Page, world: World, address: str) -> None:
    contact = await world.talking("chenjia", "按键")
    await _open(page, address, contact)
    await page.click("#composer-text")
    await page.keyboard.type("e?j/ n")
    await page.wait_for_timeout(200)
    assert await page.locator("dialog[open]").count() == 0
    assert await page.input_value("#composer-text") == "e?j/ n"
    await page.keyboard.press("Escape")
    await page.keyboard.press("Shift+Slash")
    await expect(page.locator("#desk-keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(page.locator(".composer.is-note")).to_be_visible()


async def test_a_ready_reply_by_slash_and_a_draft_on_the_server(
    page: Page, world: World, address: str
) -> None:
    contact = await world.talking("chenjia", "快捷")
    await _open(page, address, contact)
    await page.click("#composer-text")
    await page.keyboard.type("/hi")
    await page.wait_for_selector("[data-popup] [data-canned]")
    await page.keyboard.press("Enter")
    written = await page.input_value("#composer-text")
    assert written.startswith("快捷您好，我是佳佳")
    await expect(page.locator("[data-draft-state]")).to_have_text("草稿已保存")
    await page.reload()
    await expect(page.locator("#composer-text")).to_have_value(written)
    assert await _messages(world, contact) == []


async def test_messages_arrive_live_and_leave_the_reader_in_place(
    page: Page, world: World, address: str
) -> None:
    who = await world.customer("长谈")
    contact = await world.say(who, "开始", drive=False)
    await world.give(contact, "chenjia")
    for number in range(40):
        await world.say(who, f"第 {number} 句", drive=False)
    await _open(page, address, contact)
    scroll = page.locator("[data-scroll]")
    await scroll.evaluate("element => element.scrollTo(0, 100)")
    await page.wait_for_timeout(300)
    before = await scroll.evaluate("element => element.scrollTop")
    await world.say(who, "新来的一句", drive=False)
    await expect(page.locator("[data-down]")).to_contain_text("1 条新消息")
    assert await scroll.evaluate("element => element.scrollTop") == before
    await page.click("[data-down]")
    await expect(page.locator(".msg-customer").last).to_be_in_viewport()
    await expect(page.locator(".msg-customer").last).to_contain_text("新来的一句")


async def test_an_offer_is_accepted_by_enter_and_opens(page: Page, world: World, address: str) -> None:
    await world.ready("chenjia")
    await page.goto(f"{address}/desk")
    await page.wait_for_selector("#desk-rows")
    contact = await world.say(await world.customer("派单客户"), "人工")
    await world.ask_for_person(contact)
    card = page.locator(".offer", has_text="派单客户")
    await expect(card).to_be_visible()
    left = int(await card.locator(".ring text").text_content() or "0")
    assert 50 < left <= 60
    await page.locator("body").press("Enter")
    await page.wait_for_url(f"**/desk/c/{contact}")
    await expect(page.locator(".conv-title h2")).to_have_text("派单客户")
    await expect(page.locator("#composer-text")).to_be_focused()


async def test_an_answer_that_was_lost_is_sent_again_and_happens_once(
    page: Page, world: World, address: str
) -> None:
    contact = await world.talking("chenjia", "断线")
    await _open(page, address, contact)
    lost = []

    async def lose(route: object) -> None:
        if not lost:
            lost.append(True)
            await route.fetch()  # type: ignore[attr-defined] # playwright's Route
            await route.abort()  # type: ignore[attr-defined] # the server did it; the answer never comes
        else:
            await route.continue_()  # type: ignore[attr-defined] # the same

    await page.route("**/reply", lose)
    await page.fill("#composer-text", "只说一次")
    await page.keyboard.press("Control+Enter")
    await page.click(".is-failed .link")
    await expect(page.locator(".is-pending")).to_have_count(0)
    await expect(page.locator("[data-lines] .msg-agent .msg-text")).to_have_text(["只说一次"])
    assert await _messages(world, contact) == ["只说一次"]


async def test_end_wrap_up_and_next(page: Page, world: World, address: str) -> None:
    contact = await world.talking("chenjia", "收尾")
    await _open(page, address, contact)
    await page.keyboard.press("Shift+E")
    await expect(page.locator("#desk-dialog")).to_be_visible()
    await page.select_option("#wrap-category", "logistics")
    offered = await page.locator("#wrap-subcategory option").all_text_contents()
    assert "签收未收到" in offered
    assert "换货" not in offered
    await page.select_option("#wrap-subcategory", "not_received")
    await page.click("[data-wrap-form] button[type=submit]")
    await expect(page.locator("#desk-dialog")).to_be_hidden()
    await page.wait_for_function(f"() => !location.pathname.endsWith('{contact}')")
    async with world.database.reading() as tx:
        assert await tx.scalar("select stage from contacts where id = :id", id=contact) == "survey"


async def test_dividers_and_cards_are_remembered(page: Page, world: World, address: str) -> None:
    contact = await world.talking("chenjia", "布局")
    await _open(page, address, contact)
    await page.focus("[data-divider=list]")
    await page.keyboard.press("ArrowRight")
    await page.click("[data-card=notes] > summary")
    width = await page.locator(".desk-list").evaluate("element => element.offsetWidth")
    await page.reload()
    await page.wait_for_selector("#composer-text")
    await page.wait_for_function(f"() => document.querySelector('.desk-list').offsetWidth === {width}")
    assert width == 328 + 16
    await expect(page.locator("[data-card=notes]")).not_to_have_attribute("open", "")
    await page.focus("[data-divider=list]")
    await page.keyboard.press("ArrowLeft")


async def test_pictures_are_pasted_and_sent(page: Page, world: World, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "柜子.png"
    Image.new("RGB", (40, 30), "teal").save(picture)
    contact = await world.talking("chenjia", "图片")
    await _open(page, address, contact)
    await page.set_input_files("[data-file-input]", str(picture))
    await expect(page.locator(".file-chip:not(.is-busy)")).to_have_count(1)
    await page.click("[data-send-button]")
    shown = page.locator("[data-lines] .msg-agent img")
    await expect(shown).to_have_count(1)
    await page.wait_for_function(
        "() => document.querySelector('[data-lines] .msg-agent img').naturalWidth === 40"
    )
