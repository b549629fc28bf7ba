"""The bot's part of a contact: turns, calls to the shop, and every way to a person, in virtual time."""

import asyncio
from typing import Any

import pytest

from adapters.db.intake import proved_identity, want_human
from domain.bot.model import BusinessResult, BusinessStatus
from tests.workflows.conftest import Story

WITH_BOT = pytest.mark.parametrize("story", [{"bot": True}], indirect=True)


async def handed_over(story: Story, text: str, **customer: Any) -> Any:
    """What a single message led to."""
    identity = await story.line.customer(**customer)
    received = await story.line.say(identity, text)
    await story.settled()
    return await story.stage(received.contact_id, "queued")


@WITH_BOT
@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("我要转人工客服", "zh", "customer_request"),
        ("I want to talk to a real person", "en", "customer_request"),
        ("你们这群骗子，垃圾平台！！！气死我了", "zh", "anger"),
        ("我要打12315投诉你们，让律师起诉", "zh", "major_complaint"),
        ("The charger exploded and my son was injured", "en", "major_complaint"),
    ],
)
async def test_one_message_is_enough_for_a_person(
    story: Story, text: str, language: str, reason: str
) -> None:
    contact = await handed_over(story, text, language=language)
    assert contact.handover_reason == reason
    assert contact.summary["sentences"]
    event = next(each for each in await story.line.events(contact.id) if each.kind == "handed_over")
    assert event.attrs["reason"] == reason
    last = (await story.line.messages(contact.id))[-1]
    assert last.author == "bot", "the customer is told why a person comes"


@WITH_BOT
async def test_what_the_bot_does_not_know_is_asked_once_then_handed_over(story: Story) -> None:
    identity = await story.line.customer()
    received = await story.line.say(identity, "量子纠缠的贝尔不等式怎么推导")
    await story.settled()
    assert (await story.line.contact(received.contact_id)).stage == "bot"
    await story.line.say(identity, "就是贝尔不等式的推导过程")
    contact = await story.stage(received.contact_id, "queued")
    assert contact.handover_reason in {"low_confidence", "out_of_scope"}


@WITH_BOT
async def test_the_greeting_says_that_an_assistant_answers_and_comes_once(story: Story) -> None:
    identity = await story.line.customer()
    received = await story.line.say(identity, "你好")
    await story.settled()
    await story.line.say(identity, "在吗")
    await story.settled()
    greetings = [
        m for m in await story.line.messages(received.contact_id) if m.attrs.get("code") == "greeting"
    ]
    assert len(greetings) == 1
    assert "智能助手" in greetings[0].body


@WITH_BOT
async def test_a_flow_asks_the_shop_and_answers(story: Story) -> None:
    async def answer(name: str, arguments: dict[str, Any]) -> BusinessResult:
        assert name == "orders.get"
        return BusinessResult(
            status=BusinessStatus.OK,
            data={
                "number": arguments["number"],
                "title": "降噪耳机",
                "amount": "1299.00",
                "currency": "CNY",
                "state": "shipped",
                "placed_at": "2026-11-20T02:00:00Z",
                "paid_at": "2026-11-20T02:05:00Z",
                "shipped_at": "2026-11-21T02:00:00Z",
                "delivered_at": None,
                "promised_by": "2026-12-30T10:00:00Z",
                "exception": None,
                "tracking": {
                    "carrier": "顺丰",
                    "number": "SF143288",
                    "events": [
                        {"at": "2026-11-22T02:00:00Z", "text_zh": "已到达杭州", "text_en": "At Hangzhou"}
                    ],
                },
                "address_masked": "杭州市***",
                "returnable_until": None,
                "refund": None,
            },
        )

    story.shop.answer = answer
    identity = await story.line.customer(member="M1001")
    received = await story.line.say(identity, "我的订单E20260223-0457到哪了")
    await story.settled()
    await asyncio.sleep(0.3)
    await story.settled()
    assert [call[0] for call in story.shop.calls] == ["orders.get"]
    assert story.shop.calls[0][2] == "M1001"
    said = "\n".join(m.body for m in await story.line.messages(received.contact_id) if m.author == "bot")
    assert "SF143288" in said or "杭州" in said


@WITH_BOT
async def test_an_unproven_customer_is_asked_to_verify_and_the_flow_goes_on(story: Story) -> None:
    identity = await story.line.customer()
    received = await story.line.say(identity, "我的订单E20260223-0457到哪了")
    await story.settled()
    kinds = [message.kind for message in await story.line.messages(received.contact_id)]
    assert "verify" in kinds
    assert story.shop.calls == []
    async with story.database.transaction() as tx:
        contact = await tx.one("select customer_id from contacts where id = :id", id=received.contact_id)
        await tx.run(
            """insert into identities (id, line_id, channel, external_id, customer_id, verified_at)
               values (gen_random_uuid(), 'shop', 'phone', '+8613800130001', :customer, now())""",
            customer=contact.customer_id,
        )
        await tx.run("update identities set verified_at = now() where id = :id", id=identity)
        await proved_identity(tx, "shop", received.contact_id)
    contact = await story.stage(received.contact_id, "queued")
    assert [call[0] for call in story.shop.calls] == ["orders.get"]
    assert contact.handover_reason == "business_system_down", (
        "this shop answers nothing: honest and on to a person"
    )


@WITH_BOT
async def test_a_shop_that_hangs_becomes_a_person_at_the_deadline(story: Story) -> None:
    async def never(name: str, arguments: dict[str, Any]) -> BusinessResult:
        await asyncio.Event().wait()
        raise AssertionError

    story.shop.answer = never
    identity = await story.line.customer(member="M1001")
    received = await story.line.say(identity, "我的订单E20260223-0457到哪了")
    await asyncio.sleep(1)
    await story.pass_time(16)
    contact = await story.stage(received.contact_id, "queued")
    assert contact.handover_reason in {"deadline", "business_system_down"}


@WITH_BOT
async def test_a_wish_for_a_person_does_not_wait_for_the_shop(story: Story) -> None:
    async def never(name: str, arguments: dict[str, Any]) -> BusinessResult:
        await asyncio.Event().wait()
        raise AssertionError

    story.shop.answer = never
    identity = await story.line.customer(member="M1001")
    received = await story.line.say(identity, "我的订单E20260223-0457到哪了")
    await asyncio.sleep(1)
    async with story.database.transaction() as tx:
        await want_human(tx, "shop", received.contact_id)
    contact = await story.stage(received.contact_id, "queued")
    assert contact.handover_reason == "customer_request"


@WITH_BOT
async def test_a_broken_bot_becomes_a_person(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("adapters.db.bot_turn.decide", broken)
    contact = await handed_over(story, "怎么退货")
    assert contact.handover_reason == "bot_failure"
    said = [message.body for message in await story.line.messages(contact.id) if message.author == "bot"]
    assert len(said) == 2, "greeting and one honest sentence"


@WITH_BOT
async def test_the_bot_is_silent_once_a_person_has_the_contact(story: Story) -> None:
    contact = await handed_over(story, "我要转人工客服")
    before = [m.seq for m in await story.line.messages(contact.id) if m.author == "bot"]
    identity = (await story.line.contact(contact.id)).identity_id
    await story.line.say(identity, "怎么退货？")
    await story.settled()
    after = [m.seq for m in await story.line.messages(contact.id) if m.author == "bot"]
    assert after == before
    assert (await story.line.contact(contact.id)).speaker == "agent"


@WITH_BOT
async def test_an_injury_goes_before_ordinary_matters(story: Story) -> None:
    await handed_over(story, "我要转人工客服")
    urgent = await handed_over(story, "用了你们的产品受伤了，送医院了")
    assert urgent.urgency == "critical"
    await story.line.agent("wang", capacity=1, skills={"zh": 3, "complaints": 3})
    offered = await story.stage(urgent.id, "offered")
    assert offered.handover_reason == "major_complaint"
