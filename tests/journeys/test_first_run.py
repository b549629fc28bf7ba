"""From an empty product to a desk that works: what a shop's owner does in the first ten minutes."""

import io
from collections.abc import AsyncIterator

import pytest
from openpyxl import Workbook
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.journeys.agent import Agent
from tests.journeys.conftest import CHAT_SIZE, DESK_SIZE
from tests.journeys.customer import TOLD_MS, Customer
from tests.journeys.product import Product, running
from tests.journeys.watch import Watch
from tests.journeys.words import ZH

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
QUESTION = "多久发货"
ANSWER = "付款后 24 小时内发货"


@pytest.fixture
async def empty(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with running(tmp_path_factory.mktemp("first-run") / "data", "--no-demo") as started:
        yield started


def sheet() -> bytes:
    """Two articles as a shop's owner keeps them."""
    book = Workbook()
    rows = book.active
    assert rows is not None
    for row in (
        ("标题", "内容"),
        (QUESTION, f"{ANSWER}。"),
        ("可以开发票吗", "可以，签收后在订单里申请电子发票。"),
    ):
        rows.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


async def onwards(page: Page, step: str) -> None:
    await page.locator("main .btn-primary:visible").last.click()
    await page.wait_for_url(f"**/setup/{step}")


async def test_an_owner_reaches_a_working_desk(chromium: Browser, empty: Product, watch: Watch) -> None:
    context = await chromium.new_context(locale="zh-CN", viewport=DESK_SIZE)
    watch.over(context)
    page = await context.new_page()
    await page.goto(empty.url)
    await page.wait_for_url("**/setup/language")
    await watch.look(page, "wizard-1-language")
    await page.click("button[value=zh]")
    await page.wait_for_url("**/setup/shop")
    await page.fill("#field-name", "小城书店")
    await onwards(page, "account")
    await page.fill("#field-name", "林老板")
    await page.fill("#field-login", "lin")
    await page.fill("#field-password", "paper-lantern-9")
    await page.check("[name=serves]")
    await watch.look(page, "wizard-2-account")
    await onwards(page, "hours")
    await page.check("[name=preset][value=always]")
    await onwards(page, "people")
    await onwards(page, "knowledge")
    file: FilePayload = {"name": "知识.xlsx", "mimeType": SHEET_TYPE, "buffer": sheet()}
    await page.set_input_files("#sheet", file)
    await page.click("form[action$=preview] .btn-primary")
    await expect(page.locator("[name=staged]")).to_have_count(1, timeout=TOLD_MS)
    await watch.look(page, "wizard-3-knowledge")
    await onwards(page, "widget")
    await expect(page.locator("#snippet")).to_contain_text("widget.js")
    await onwards(page, "test")
    async with context.expect_page() as opened:
        await page.click(".wizard-do a")
    tried = Customer(await opened.value, ZH, empty.url)
    await tried.page.set_viewport_size(CHAT_SIZE)
    await tried.is_ready()
    await tried.say(QUESTION)
    await tried.hears(ANSWER)
    await watch.look(page, "wizard-4-test")

    await page.locator("main .btn-primary").last.click()
    await page.wait_for_url("**/desk")
    owner = Agent(page, ZH, empty.url)
    await owner.is_present("ready")
    await tried.page.click("#chat-human")
    await page.wait_for_url("**/desk/c/*", timeout=TOLD_MS)  # whoever works alone is not asked
    await owner.replies(ZH.own_reply)
    await tried.hears(ZH.own_reply, by="agent")
    await context.close()
