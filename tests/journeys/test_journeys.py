"""Journeys through the running product, in Chinese and in English: what customers, agents and supervisors do."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import FilePayload, expect

from tests.journeys.agent import Agent
from tests.journeys.conftest import Stage, picture
from tests.journeys.customer import TOLD_MS, Customer
from tests.journeys.watch import OFFLINE

# One group, so that one product serves them all.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

SCRIPT_NAME = "<img src=x onerror=alert(1)>"
SCRIPT_TEXT = "<script>alert(2)</script><svg onload=alert(3)>"
SCRIPT_FILE = "'><img src=x onerror=alert(4)>.txt"
KEPT_FILE_NAME = "'img src=x onerror=alert(4).txt"
"""What a file's name may contain is decided when it arrives."""


async def with_person(customer: Customer, agent: Agent) -> None:
    """The customer asks for a person, and this agent, who is ready, takes the contact."""
    await customer.page.click("#chat-human")
    await expect(agent.offer).to_have_count(1, timeout=TOLD_MS)
    await agent.accepts_by_enter()
    served_by = customer.page.locator("#chat-sub")
    await expect(served_by).to_contain_text(agent.words.nickname, timeout=TOLD_MS)


async def test_from_the_first_word_to_the_rating(stage: Stage) -> None:
    words, look, tongue = stage.words, stage.watch.look, stage.words.language
    member, number, trouble = await stage.product.member_with_trouble(tongue)
    agent = await stage.agent(words.agent)
    await agent.is_present("ready")
    customer = await stage.customer()
    await look(customer.page, f"chat-{tongue}-1-empty")

    await customer.say(words.ask_article)
    await customer.hears(words.article)
    await expect(customer.page.locator(".sources").last).to_contain_text(words.source)

    await customer.say(words.ask_order)
    await customer.proves_phone(member.phone)
    await expect(customer.page.locator(".choice", has_text="¥").first).to_be_enabled(timeout=TOLD_MS)
    await customer.say(number)
    await customer.hears(words.trouble[trouble])
    await look(customer.page, f"chat-{tongue}-2-order")

    await customer.page.click("#chat-human")
    await expect(agent.offer).to_have_count(1, timeout=TOLD_MS)
    await expect(agent.offer).to_contain_text(member.name)
    await expect(agent.offer.locator(".offer-why")).not_to_be_empty()
    await look(agent.page, f"desk-{tongue}-1-offer", judge=False)
    await agent.accepts_by_enter()
    await expect(agent.page.locator(".conv-title h2")).to_have_text(member.name)
    await expect(agent.page.locator(".handover")).to_contain_text(number)
    await expect(agent.page.locator(".handover-facts .fact").first).to_be_visible()
    await expect(agent.page.locator("#desk-panel")).to_contain_text(number[-4:], timeout=TOLD_MS)
    await expect(customer.page.locator("#chat-sub")).to_contain_text(words.nickname, timeout=TOLD_MS)

    await agent.replies_ready_made(words.canned, words.greeting)
    await customer.hears(words.greeting, by="agent")
    await customer.composes(words.composed)
    await agent.reads(words.composed)
    await customer.sends_files(picture("broken.png", 160, "firebrick"))
    await agent.sees_picture_of(160, "customer")
    await agent.composes(words.composed)
    await agent.notes(words.note)
    await agent.replies(words.own_reply)
    await customer.hears(words.own_reply, by="agent")
    await agent.sends_picture(picture("answer.png", 200, "seagreen"))
    seen = customer.page.locator(".m.is-agent .picture img")
    await expect(seen).to_have_js_property("naturalWidth", 200, timeout=TOLD_MS)
    await expect(customer.page.locator("#chat-thread")).not_to_contain_text(words.note)
    await expect(agent.thread.locator("[data-delivery=read]").first).to_be_visible(timeout=TOLD_MS)
    await look(agent.page, f"desk-{tongue}-2-talking")
    await look(customer.page, f"chat-{tongue}-3-talking")

    await agent.ends()
    await look(agent.page, f"desk-{tongue}-3-wrap-up")
    await agent.page.click("[data-wrap-form] [data-dialog-close]")
    await agent.ends_and_wraps_up(words.category)
    await expect(customer.page.locator(".survey .star")).to_have_count(5, timeout=TOLD_MS)
    await look(customer.page, f"chat-{tongue}-4-survey")
    await customer.rates(5)
    await expect(customer.page.locator("#chat-thread")).to_contain_text(words.thanks, timeout=TOLD_MS)
    await expect(customer.page.locator("#chat-thread")).not_to_contain_text(words.note)
    await customer.page.reload()
    await customer.hears(words.own_reply, by="agent")
    await expect(customer.page.locator("#chat-thread")).not_to_contain_text(words.note)

    await agent.asks_why()
    await expect(agent.page.locator(".chain-ok")).to_contain_text(words.chain)
    await look(agent.page, f"desk-{tongue}-4-timeline")
    await agent.page.keyboard.press("Escape")
    await agent.is_present("offline")


async def test_a_reload_a_cut_and_scripts_change_nothing(stage: Stage) -> None:
    words = stage.words
    stage.watch.allowed = (OFFLINE,)
    agent = await stage.agent(words.agent)
    await agent.is_present("ready")
    customer = await stage.customer()
    await customer.say(words.ask_order)  # in the journey's language: what is said first decides it
    await customer.hears("", by="bot")
    await customer.say(SCRIPT_TEXT)
    await with_person(customer, agent)
    await agent.reads(SCRIPT_TEXT)
    await agent.renames(SCRIPT_NAME)
    for place in ("#desk-panel [data-edit=name]", "#desk-rows .item-name", ".conv-title h2"):
        await expect(agent.page.locator(place).first).to_have_text(SCRIPT_NAME, timeout=TOLD_MS)
    file: FilePayload = {"name": SCRIPT_FILE, "mimeType": "text/plain", "buffer": b"plain words"}
    await customer.sends_files(file)
    await expect(agent.thread.locator(".msg-file", has_text=KEPT_FILE_NAME)).to_be_visible(timeout=TOLD_MS)
    await agent.replies(SCRIPT_TEXT)
    await customer.hears(SCRIPT_TEXT, by="agent")

    spoken = await customer.own.all_inner_texts()
    await customer.page.reload()
    await expect(customer.own).to_have_count(len(spoken), timeout=TOLD_MS)
    await expect(customer.page.locator(".file-name")).to_have_text(KEPT_FILE_NAME)
    elsewhere = await customer.page.context.new_page()
    await elsewhere.goto(f"{stage.product.url}/chat")
    await expect(elsewhere.locator(".m.is-own")).to_have_count(len(spoken), timeout=TOLD_MS)
    await elsewhere.close()

    await customer.page.context.set_offline(True)
    await customer.say("offline 1")
    await customer.say("offline 2")
    await expect(customer.own.last).to_contain_text(words.waiting)
    await expect(customer.page.locator("#chat-banner")).to_be_visible()
    await customer.page.context.set_offline(False)
    await expect(customer.page.locator(".is-waiting, .is-sending")).to_have_count(0, timeout=TOLD_MS)
    await expect(customer.page.locator("#chat-banner")).to_be_hidden(timeout=TOLD_MS)
    await agent.reads("offline 2")
    arrived = agent.thread.locator(".msg-customer .msg-text", has_text="offline")
    await expect(arrived).to_have_text(["offline 1", "offline 2"])
    await expect(customer.own.filter(has_text="offline")).to_have_count(2)

    for page in (agent.page, customer.page):
        assert await page.locator("[onerror], [onload], .m script, .msg-text script").count() == 0
    await agent.ends_and_wraps_up(words.category)
    await customer.rates(2)
    await expect(customer.page.locator("#chat-thread")).to_contain_text(words.thanks_low, timeout=TOLD_MS)
    await agent.is_present("offline")


async def test_a_supervisor_takes_over_from_the_board(stage: Stage) -> None:
    words, look, tongue = stage.words, stage.watch.look, stage.words.language
    agent = await stage.agent(words.agent)
    await agent.is_present("ready")
    customer = await stage.customer()
    await customer.say(words.ask_order)
    await customer.hears("")
    await with_person(customer, agent)
    await agent.replies(words.own_reply)

    supervisor = await stage.agent("zhangwei", "/board")
    board = supervisor.page
    await look(board, f"board-{tongue}-1")
    await board.click("[data-board-part=stage][data-board-key=talking]")
    address = urlsplit(agent.page.url).path
    case = board.locator("#board-contacts .board-case", has=board.locator(f"a[href='{address}']"))
    await expect(case).to_be_visible(timeout=TOLD_MS)
    await look(board, f"board-{tongue}-2-contacts")
    await case.locator("form:not(:has(select)) button").click()
    await expect(case.locator("p").last).to_contain_text(words.supervisor, timeout=TOLD_MS)
    await case.locator("a").click()
    await supervisor.replies(words.takes_over)
    await customer.hears(words.takes_over, by="agent")
    mine = agent.page.locator(f"#desk-rows [href='{address}']")
    await expect(mine).to_have_count(0, timeout=TOLD_MS)
    await supervisor.ends_and_wraps_up(words.category)
    await agent.is_present("offline")
