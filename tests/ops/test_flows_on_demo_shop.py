"""Every order of the demonstration shop goes through the pack's flows, and no reply has a hole in it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.bot.template import MISSING
from domain.text import Language
from ops.demo_shop import seed, views
from tests.domain.bot.bot_samples import Conversation, spoken

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ASK = {
    "order_status": {Language.ZH: "查一下订单 {}", Language.EN: "where is my order {}"},
    "return_refund": {Language.ZH: "我要退货 {}", Language.EN: "I want to return {}"},
    "invoice": {Language.ZH: "我要开发票 {}", Language.EN: "I need an invoice for {}"},
}


@pytest.fixture(scope="module")
def details() -> list[dict[str, Any]]:
    now = int(NOW.timestamp())
    return [views.order_details(order, now) for order in seed.orders(7, now, seed.customers(7, now))]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("flow", list(ASK))
def test_every_order_gets_a_whole_answer(
    details: list[dict[str, Any]], flow: str, language: Language
) -> None:
    assert len(details) >= 200
    outcomes = set()
    for order in details:
        talk = Conversation(language)
        decision = talk.turn(ASK[flow][language].format(order["number"]))
        assert decision.call is not None
        decision = talk.result(order)
        if decision.call is not None:
            assert decision.call.name == "refunds.status"
            outcomes.add(decision.call.name)
            continue
        # A masked address is the customer's own, in whatever script it was given.
        text = spoken(decision).replace(order["address_masked"], "")
        assert text
        assert MISSING not in text, (order, text)
        outcomes.add(decision.handover.code if decision.handover else text[:12])
        if language is Language.EN:
            assert not any("\u4e00" <= character <= "\u9fff" for character in text), text
    assert len(outcomes) >= 2
