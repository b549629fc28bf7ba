"""Journeys through the running product, in Chinese and in English: what customers, agents and supervisors do."""

import re

import pytest
from playwright.async_api import expect

from tests.journeys.agent import Agent
from tests.journeys.conftest import Stage, picture
from tests.journeys.customer import TOLD_MS, Customer
from tests.journeys.watch import OFFLINE

# One group, so that one product serves them all.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

SCRIPT_NAME = "<img src=x onerror=alert(1)>"
SCRIPT_TEXT = "<script>alert(2)</script><svg onload=alert(3)>"
SCRIPT_FILE = "'><img src=x onerror=alert(4)>.txt"


async def with_person(stage: Stage, customer: Customer, agent: Agent) -> None:
    """The customer asks for a person and this agent, who is ready, takes the contact."""
    await customer.page.click("#chat-human")
    await expect(agent.offer).to_have_count(1, timeout=TOLD_MS)
    await agent.accepts_by_enter()
    await expect(customer.page.locator("#chat-sub")).to_contain_text(stage.words.nickname, timeout=TOLD_MS)


async def test_from_the_first_word_to_the_rating(stage: Stage) -> None:
    words, look, tongue = stage.words, stage.watch.look, stage.words.language
    member, number = await stage.product.member_with_delayed_order(tongue)
    agent = await stage.agent(words.agent)
    await agent.is_present("ready")
    customer = await stage.customer()
    await look(customer.page, f"chat-{tongue}-1-empty")

    await customer.say(words.ask_article)
    await customer.hears(words.article)
    await expect(customer.page.locator(".sources").last).to_contain_text(words.source)

    await customer.say(words.ask_order)
    await customer.proves_phone(member.phone)
    await customer.say(number)
    await customer.hears(words.delayed)
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
