"""The return and the invoice flow of the pack, branch by branch, in both languages."""

from typing import Any

import pytest

from domain.text import Language
from tests.domain.bot.bot_samples import (
    DELIVERED,
    EN,
    NUMBER,
    RETURN,
    ZH,
    Conversation,
    at_reason,
    choice_ids,
    order,
    spoken,
)


@pytest.mark.parametrize(
    ("language", "reason", "code", "yes"),
    [
        (ZH, "坏了，不能用", "quality", "确认"),
        (EN, "it is too small", "size", "yes, submit"),
        (ZH, "1", "quality", "是"),
        (EN, "changed my mind", "unwanted", "go ahead"),
    ],
)
def test_a_return_from_reason_to_instructions(language: Language, reason: str, code: str, yes: str) -> None:
    talk = at_reason(language)
    decision = talk.turn(reason)
    assert choice_ids(decision) == ["yes", "no"]
    assert "¥199.00" in spoken(decision)
    decision = talk.turn(yes)
    assert decision.call is not None
    assert decision.call.name == "returns.create"
    assert decision.call.arguments == {"number": NUMBER, "reason": code}
    decision = talk.result(
        {
            "return_number": "R20261123-0001",
            "refund_amount": "199.00",
            "instructions_zh": "请寄到杭州仓。",
            "instructions_en": "Please send it to Hangzhou.",
            "deadline_at": "2026-11-30T12:00:00Z",
        }
    )
    assert "R20261123-0001" in spoken(decision)
    assert ("请寄到杭州仓" if language is ZH else "Please send it to Hangzhou") in spoken(decision)
    assert talk.memory.flow is None


def test_a_reason_said_at_once_is_not_asked_again() -> None:
    talk = Conversation(EN)
    talk.turn(f"I want to return {NUMBER}, it arrived broken")
    decision = talk.result(order(**DELIVERED))
    assert choice_ids(decision) == ["yes", "no"]


@pytest.mark.parametrize("language", [ZH, EN])
@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"state": "paid"}, "refund_before_shipping"),
        ({"state": "packed"}, "refund_before_shipping"),
        ({"state": "pending_payment"}, "end"),
        ({"state": "cancelled"}, "end"),
        ({"state": "shipped"}, "on_the_way"),
        ({**DELIVERED, "state": "completed", "returnable_until": "2026-11-20T02:00:00Z"}, "too_late"),
    ],
)
def test_eligibility(language: Language, changes: dict[str, Any], outcome: str) -> None:
    talk = Conversation(language)
    talk.turn(RETURN[language])
    decision = talk.result(order(**changes))
    if decision.handover is not None:
        assert decision.handover.code == outcome
    elif talk.memory.flow is None:
        assert outcome == "end"
    else:
        assert talk.memory.flow.step == outcome


@pytest.mark.parametrize(
    ("choice", "code"),
    [("menu:faulty", "faulty_after_return_window"), ("menu:disagree", "return_window_disputed")],
)
def test_too_late_for_a_return(choice: str, code: str) -> None:
    talk = Conversation()
    talk.turn(RETURN[ZH])
    talk.result(order(**{**DELIVERED, "returnable_until": "2026-11-20T02:00:00Z"}))
    decision = talk.press(choice)
    assert decision.handover is not None
    assert decision.handover.code == code


@pytest.mark.parametrize(
    ("refund", "said"),
    [
        ({"state": "none"}, "没有进行中的退款"),
        (
            {
                "state": "awaiting_goods",
                "return_number": "R1",
                "amount": "199.00",
                "expected_at": "2026-11-29T02:00:00Z",
            },
            "等待收到退回的商品",
        ),
        ({"state": "processing", "amount": "199.00", "expected_at": "2026-11-29T02:00:00Z"}, "11 月 29 日"),
        ({"state": "refunded", "amount": "199.00", "expected_at": "2026-11-20T02:00:00Z"}, "您收到了吗"),
    ],
)
def test_where_the_refund_is(refund: dict[str, Any], said: str) -> None:
    talk = Conversation()
    talk.turn(f"退款怎么还没到账 {NUMBER}")
    decision = talk.result(order(state="returning", refund={"state": "awaiting_goods"}))
    assert decision.call is not None
    assert decision.call.name == "refunds.status"
    assert said in spoken(talk.result(refund))


def test_a_refund_that_is_late_or_missing_goes_to_a_human() -> None:
    talk = Conversation()
    talk.turn(f"退款怎么还没到账 {NUMBER}")
    talk.result(order(state="refunded"))
    decision = talk.result({"state": "processing", "amount": "199.00", "expected_at": "2026-11-20T02:00:00Z"})
    assert decision.handover is not None
    assert decision.handover.code == "refund_not_received"
    assert decision.handover.skills["refunds"] == 2


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("already_returning", "refunds.status"),
        ("return_window_closed", "too_late"),
        ("other", "return_refused"),
    ],
)
def test_a_return_the_shop_refuses(code: str, outcome: str) -> None:
    talk = at_reason()
    talk.turn("坏了")
    talk.turn("是")
    decision = talk.result({"code": code}, status="invalid")
    if decision.call is not None:
        assert decision.call.name == outcome
    elif decision.handover is not None:
        assert decision.handover.code == outcome
    else:
        assert talk.memory.flow is not None
        assert talk.memory.flow.step == outcome


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (ZH, ["我要开发票", "公司", "守诺科技有限公司", "91330106MA2ABCDE1X", "a@example.com", "确认"]),
        (
            EN,
            [
                "I need an invoice",
                "for my company",
                "Holdfast Ltd",
                "91330106MA2ABCDE1X",
                "a@example.com",
                "yes",
            ],
        ),
    ],
)
def test_an_invoice_is_prepared_for_the_colleague(language: Language, words: list[str]) -> None:
    talk = Conversation(language)
    talk.turn(f"{words[0]} {NUMBER}")
    talk.result(order(**DELIVERED))
    decision = talk.say(*words[1:])
    assert decision.handover is not None
    assert decision.handover.code == "issue_invoice"
    facts = {fact.name: fact.value for fact in decision.handover.facts}
    assert facts["tax_number"] == "91330106MA2ABCDE1X"
    assert facts["email"] == "a@example.com"
    assert facts["name"] == words[2]
