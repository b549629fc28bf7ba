"""The chat and the widget in a real Chromium, in both languages: what a customer sees and does."""

import asyncio
import gzip
import io
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Frame, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from adapters.db import conversation
from adapters.db.bus import Whisper, whisper
from adapters.db.engine import Database
from ops.embedded import ports
from tests.chat_fixtures import app, client, database, settings  # noqa: F401 # fixtures
from tests.chat_support import LINE, bot_says, give_to_agent, token_of

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
FIRST_VIEW_BYTES = 40 * 1024

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium")]


@dataclass
class World:
    """Our product, and a host page of another origin with the widget on it."""

    url: str
    host_url: str
    database: Database


async def _serve(application: object, port: int) -> Callable[[], Awaitable[None]]:
    config = uvicorn.Config(
        application,  # type: ignore[arg-type] # any ASGI application
        host="127.0.0.1",
        port=port,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 # uvicorn tells no other way
        await asyncio.sleep(0.02)

    async def stop() -> None:
        server.should_exit = True
        await serving

    return stop


@pytest.fixture(scope="module")
async def world(app: FastAPI, database: Database) -> AsyncIterator[World]:  # fixtures
    port, host_port = ports.choose(None), ports.choose(None)
    url = f"http://127.0.0.1:{port}"

    async def host_page(request: Request) -> HTMLResponse:
        member = request.query_params.get("member", "")
        body = (
            "<!doctype html><html lang=zh><title>shop</title><style>div,button,iframe{display:none!important}</style>"
            f"<h1>Shop</h1><script src='{url}/widget.js' data-line='{LINE}' data-language='zh' "
            f"data-member-token='{member}' async></script>"
        )
        policy = f"default-src 'none'; script-src {url}; frame-src {url}; style-src 'unsafe-inline'"
        return HTMLResponse(body, headers={"Content-Security-Policy": policy})

    stop = await _serve(app, port)
    stop_host = await _serve(Starlette(routes=[Route("/", host_page)]), host_port)
    host_url = f"http://127.0.0.1:{host_port}"
    async with database.transaction() as tx:
        await tx.run(
            "update business_lines set allowed_origins = jsonb_build_array(cast(:origin as text))",
            origin=host_url,
        )
    yield World(url, host_url, database)
    await stop_host()
    await stop()


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    made = await chromium.new_context(locale="zh-CN", viewport={"width": 900, "height": 760})
    yield made
    await made.close()


def strict(page: Page) -> list[str]:
    """What went wrong on the page: exceptions, and what its Content-Security-Policy had to stop."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None,
    )
    return wrong


async def contact_of(page: Page | Frame, world: World) -> str:
    """The contact of the customer on this page."""
    session = await page.evaluate(f"JSON.parse(localStorage.getItem('hf-chat:{LINE}:session')).token")
    async with httpx.AsyncClient(base_url=world.url) as http:
        state = await http.get("/api/chat/state", headers={"Authorization": f"Bearer {session}"})
    return str(state.json()["contact_id"])


async def say(page: Page | Frame, text: str) -> None:
    await page.locator("#chat-text").fill(text)
    await page.locator("#chat-text").press("Enter")
    await expect(page.locator(".m.is-own").last).to_contain_text(text)


async def test_a_conversation_from_first_word_to_rating(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    wrong = strict(page)
    await page.goto(f"{world.url}/chat")
    await expect(page.locator("#chat-welcome")).to_contain_text("智能助手")
    await say(page, "怎么退货 <img src=x onerror=alert(1)> https://example.com/a。")
    await expect(page.locator(".is-own .delivery")).to_contain_text("已送达")
    assert await page.locator(".is-own a").get_attribute("href") == "https://example.com/a"
    contact = await contact_of(page, world)
    choices = [{"id": "a", "label": "怎么申请退货"}, {"id": "human", "label": "转人工客服"}]
    text = "可以：\n\n- **七天**内\n- <script>alert(1)</script>\n\n您想问哪一项？"
    await bot_says(world.database, contact, text, kind="choices", attrs={"choices": choices})
    await expect(page.locator(".is-bot strong")).to_have_text("七天")
    await expect(page.locator(".is-bot li").nth(1)).to_have_text("<script>alert(1)</script>")
    await expect(page.locator(".who")).to_contain_text("智能助手")
    await page.get_by_role("button", name="怎么申请退货").click()
    await expect(page.locator(".is-own").last).to_contain_text("怎么申请退货")
    await expect(page.locator(".choice").first).to_be_disabled()

    await page.locator("#chat-human").click()
    await expect(page.locator("#chat-human")).to_be_enabled()
    agent = await give_to_agent(world.database, contact)
    await expect(page.locator("#chat-sub")).to_contain_text("正在为您服务")
    async with world.database.transaction() as tx:
        await conversation.reply(tx, LINE, UUID(contact), agent, "您好，我来处理。")
    await expect(page.locator(".is-agent .bubble")).to_have_text("您好，我来处理。")
    await expect(page.locator(".is-own .delivery")).to_contain_text("已读", timeout=8000)

    async with world.database.transaction() as tx:
        await conversation.invite_to_survey(tx, LINE, UUID(contact), agent)
    await page.locator(".star").nth(1).click()
    await page.get_by_text("没有解决", exact=True).click()
    await page.get_by_text("等待太久").click()
    await page.locator(".survey textarea").fill("下次快一点")
    await page.get_by_role("button", name="提交评价").click()
    await expect(page.locator(".survey .card-done")).to_be_visible()
    async with world.database.reading() as tx:
        survey = await tx.one("select * from surveys where contact_id = :id", id=UUID(contact))
    assert (survey.score, survey.solved, survey.reasons, survey.comment) == (
        2,
        False,
        ["waited_long"],
        "下次快一点",
    )
    await page.reload()
    await expect(page.locator(".is-agent .bubble")).to_have_text("您好，我来处理。")
    assert wrong == []


async def test_an_input_methods_enter_sends_nothing(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    box = page.locator("#chat-text")
    await box.fill("nihao")
    await box.dispatch_event("compositionstart")
    await box.press("Enter")
    await box.dispatch_event("compositionend")
    await box.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    await box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    await page.wait_for_timeout(200)
    assert await page.locator(".m").count() == 0
    await say(page, "你好")


async def test_english_has_no_chinese_in_it(chromium: Browser, world: World) -> None:
    context = await chromium.new_context(locale="en-GB", color_scheme="dark")
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    await expect(page.locator("#chat-human")).to_contain_text("Talk to a human")
    shown = await page.locator("#chat").inner_text()
    assert not re.search(r"[\u4e00-\u9fff]", shown), shown
    await page.locator("#chat-menu summary").click()
    await page.get_by_text("中文").click()
    await expect(page.locator("#chat-human")).to_contain_text("转人工")
    await page.goto(f"{world.url}/chat")
    await expect(page.locator("#chat-human")).to_contain_text("转人工")
    await context.close()


async def test_offline_words_wait_and_arrive_once_in_order(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    await say(page, "在线")
    await expect(page.locator(".delivery")).to_contain_text("已送达")
    contact = await contact_of(page, world)
    await context.set_offline(True)
    for number in range(4):
        await say(page, f"离线 {number}")
    await expect(page.locator("#chat-banner")).to_be_visible()
    await expect(page.locator(".is-own .delivery").last).to_contain_text("待发送")
    await bot_says(world.database, contact, "断网时的回答")
    await context.set_offline(False)
    await expect(page.get_by_text("断网时的回答")).to_be_visible(timeout=10_000)
    await expect(page.locator(".is-own .delivery")).to_have_text(["已送达"], timeout=10_000)
    async with world.database.reading() as tx:
        rows = await tx.all(
            "select body from messages where contact_id = :id and author = 'customer' order by seq",
            id=UUID(contact),
        )
    assert [row.body for row in rows] == ["在线", *(f"离线 {number}" for number in range(4))]


async def test_words_written_before_a_reload_are_not_lost(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    await say(page, "第一条")
    await expect(page.locator(".delivery")).to_contain_text("已送达")
    await page.route("**/api/chat/messages?lang=*", lambda route: route.abort())
    await say(page, "还没发出")
    await page.unroute("**/api/chat/messages?lang=*")
    await page.reload()
    await expect(page.locator(".is-own .delivery")).to_have_text(["已送达"])
    await expect(page.locator(".is-own .bubble")).to_have_text(["第一条", "还没发出"])


async def test_a_refused_message_says_why_and_can_be_deleted(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    refusal = {"error": {"code": "x", "message": "这条没有发出。"}}
    await page.route(
        "**/api/chat/messages?lang=*",
        lambda route: (
            route.fulfill(status=422, json=refusal) if route.request.method == "POST" else route.continue_()
        ),
    )
    await say(page, "会被拒绝")
    await expect(page.get_by_role("alert").filter(has_text="这条没有发出。")).to_be_visible()
    await page.get_by_role("button", name="删除").click()
    await expect(page.locator(".m")).to_have_count(0)


async def test_pictures_are_shown_and_other_files_offered(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    wrong = strict(page)
    await page.goto(f"{world.url}/chat")
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(out, "PNG")
    await page.set_input_files(
        "#chat-file",
        [
            {"name": "截图.png", "mimeType": "image/png", "buffer": out.getvalue()},
            {"name": "x.svg", "mimeType": "image/svg+xml", "buffer": b"<svg onload=alert(1)>"},
            {"name": "说明.txt", "mimeType": "text/plain", "buffer": "订单".encode()},
        ],
    )
    await expect(page.locator(".tray-problem")).to_contain_text("这种文件不能发送")
    await page.locator(".tray-file.is-failed button").click()
    await expect(page.locator(".tray-file.is-ready")).to_have_count(2)
    await page.locator("#chat-send").click()
    await expect(page.locator(".delivery")).to_contain_text("已送达")
    await page.reload()
    picture = page.locator(".picture img")
    await expect(picture).to_be_visible()
    await expect(picture).to_have_js_property("naturalWidth", 300)
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="下载 说明.txt").click()
    assert (await downloading.value).suggested_filename == "说明.txt"
    assert wrong == []


async def test_proving_a_number_in_the_chat(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    await say(page, "查订单")
    await expect(page.locator(".delivery")).to_contain_text("已送达")
    await bot_says(world.database, await contact_of(page, world), "请先验证手机号。", kind="verify")
    await page.locator(".card input[type=tel]").fill("13712340001")
    await page.get_by_role("button", name="发送验证码").click()
    await expect(page.locator(".card-problem")).to_contain_text("隐私说明")
    await page.locator(".consent input").check()
    await page.get_by_role("button", name="发送验证码").click()
    await expect(page.locator(".card")).to_contain_text("137••••0001")
    outbox = await context.new_page()
    await outbox.goto(f"{world.url}/dev/outbox")
    code = re.search(r"验证码 (\d{6})", await outbox.locator("main").inner_text())
    assert code
    await page.locator(".field-code").fill("12")
    await page.get_by_role("button", name="验证", exact=True).click()
    await expect(page.locator(".card-problem")).to_contain_text("6 位")
    await page.locator(".field-code").fill(code[1])
    await page.get_by_role("button", name="验证", exact=True).click()
    await expect(page.locator(".card-done")).to_contain_text("已验证")


async def test_typing_of_an_agent_is_shown(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    await say(page, "你好")
    await expect(page.locator(".delivery")).to_contain_text("已送达")
    contact = await contact_of(page, world)
    agent = await give_to_agent(world.database, contact, "chenjia")
    await expect(page.locator("#chat-sub")).to_contain_text("正在为您服务")
    async with world.database.transaction() as tx:
        await whisper(tx, Whisper(LINE, "typing", f"user:{agent}", UUID(contact)))
    await expect(page.locator("#chat-typing")).to_contain_text("正在输入")


async def test_three_hundred_messages_and_a_long_name_are_fast(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    await page.goto(f"{world.url}/chat")
    await say(page, "很长的对话")
    await expect(page.locator(".delivery")).to_contain_text("已送达")
    contact = await contact_of(page, world)
    async with world.database.transaction() as tx:
        await tx.run("update business_lines set name_zh = :name", name="守诺优选旗舰店" * 12)
        await tx.run(
            """insert into messages (id, line_id, contact_id, seq, author, body)
               select gen_random_uuid(), :line, :contact, 1 + n,
                      case when n % 2 = 0 then 'customer' else 'bot' end, repeat('消息内容 ' || n || ' ', 6)
               from generate_series(1, 300) as n""",
            line=LINE,
            contact=UUID(contact),
        )
        await tx.run("update contacts set message_seq = 301 where id = :id", id=UUID(contact))
    began = time.monotonic()
    await page.reload()
    await expect(page.locator(".m").last).to_contain_text("消息内容 300")
    assert time.monotonic() - began < 4
    for expected in (200, 300, 301):
        await page.locator("#chat-earlier").click()
        await expect(page.locator(".m")).to_have_count(expected)
    overflow = "document.documentElement.scrollWidth > innerWidth"
    assert not await page.evaluate(overflow)
    await page.set_viewport_size({"width": 360, "height": 640})
    assert not await page.evaluate(overflow)
    async with world.database.transaction() as tx:
        await tx.run("update business_lines set name_zh = '守诺优选'")


# The widget


async def frame_of(page: Page) -> Frame:
    await page.locator(".launcher").wait_for(state="attached")
    await page.evaluate("Holdfast.open()")
    for _ in range(100):
        for frame in page.frames:
            if "/chat/frame" in frame.url:
                await frame.wait_for_selector("#chat-text")
                return frame
        await page.wait_for_timeout(50)
    raise AssertionError("no frame")


async def test_the_widget_works_on_a_page_of_another_origin(context: BrowserContext, world: World) -> None:
    page = await context.new_page()
    wrong = strict(page)
    await page.goto(world.host_url)
    frame = await frame_of(page)
    await say(frame, "从别的网站来")
    await expect(frame.locator(".delivery")).to_contain_text("已送达")
    contact = await contact_of(frame, world)
    assert await context.cookies(world.url) == []
    await page.evaluate("Holdfast.close()")
    await bot_says(world.database, contact, "还在吗？")
    await page.reload()
    launcher = page.locator(".launcher")
    await expect(launcher).to_have_accessible_name("在线客服 (1 条新消息)")
    await launcher.click()
    await expect(launcher).to_have_accessible_name("收起在线客服")
    frame = await frame_of(page)
    await expect(frame.locator(".is-bot .bubble")).to_have_text("还在吗？")
    assert wrong == []


async def test_a_member_is_known_and_forgotten_after_signing_out(
    context: BrowserContext, world: World
) -> None:
    page = await context.new_page()
    await page.goto(f"{world.host_url}/?member={token_of('M7001')}")
    frame = await frame_of(page)
    await say(frame, "我是会员")
    await expect(frame.locator(".delivery")).to_contain_text("已送达")
    async with world.database.reading() as tx:
        proven = await tx.scalar(
            """select 1 from identities v join identities m on m.customer_id = v.customer_id
               join contacts c on c.identity_id = v.id
               where m.channel = 'member' and m.external_id = 'M7001' and v.verified_until is not null
                 and c.id = :id""",
            id=UUID(await contact_of(frame, world)),
        )
    assert proven == 1
    await page.goto(world.host_url)
    frame = await frame_of(page)
    await expect(frame.locator("#chat-welcome")).to_be_visible()
    await expect(frame.locator(".m")).to_have_count(0)


async def test_a_page_that_is_not_allowed_cannot_frame_the_chat(
    context: BrowserContext, world: World
) -> None:
    page = await context.new_page()
    blocked: list[str] = []
    page.on("console", lambda said: blocked.append(said.text))
    await page.goto(world.host_url.replace("127.0.0.1", "localhost"))
    await page.locator(".launcher").wait_for(state="attached")
    await page.evaluate("Holdfast.open()")
    await page.wait_for_timeout(500)
    assert any("frame-ancestors" in text for text in blocked)


async def test_the_first_view_is_small(client: httpx.AsyncClient) -> None:  # the fixture
    """The script, the frame and all that it loads, as they travel."""
    frame = (await client.get(f"/chat/frame?line={LINE}")).text
    paths = set(re.findall(r'(?:src|href)="(/static/[^"]+\.(?:js|css))"', frame))
    seen: set[str] = set()
    total = len(gzip.compress(frame.encode())) + len(gzip.compress((await client.get("/widget.js")).content))
    while paths:
        path = paths.pop()
        seen.add(path)
        body = (await client.get(path)).text
        total += len(gzip.compress(body.encode()))
        folder = path.rpartition("/")[0]
        paths |= {f"{folder}/{name}" for name in re.findall(r'from "\./([\w-]+\.js)"', body)} - seen
    assert len(seen) > 8
    assert total < FIRST_VIEW_BYTES, total
