"""The order flow of the pack, branch by branch, in both languages."""

from typing import Any

import pytest

from domain.bot.model import HandoverReason, Urgency
from domain.text import Language
from tests.domain.bot.bot_samples import (
    ASK,
    DELIVERED,
    EN,
    NUMBER,
    ORDERS,
    OTHER_NUMBER,
    ZH,
    Conversation,
    at_order,
    choice_ids,
    spoken,
)


@pytest.mark.parametrize("language", [ZH, EN])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "pending_payment"}, {ZH: "还没有付款", EN: "not been paid"}),
        ({"state": "cancelled"}, {ZH: "已取消", EN: "cancelled"}),
        (
            {
                "state": "refunded",
                "refund": {"state": "refunded", "amount": "199.00", "expected_at": "2026-11-20T00:00:00Z"},
            },
            {ZH: "退款金额 ¥199.00", EN: "Refund: ¥199.00"},
        ),
        (
            {
                "state": "cancelled",
                "refund": {"state": "processing", "amount": "10.00", "expected_at": "2026-11-25T00:00:00Z"},
            },
            {ZH: "退款处理中", EN: "being processed"},
        ),
    ],
)
def test_states_that_end_the_flow(
    language: Language, changes: dict[str, Any], said: dict[Language, str]
) -> None:
    talk = at_order(language, **changes)
    assert talk.last is not None
    assert said[language] in spoken(talk.last)
    assert talk.memory.flow is None
    assert talk.last.answered
    assert talk.last.handover is None


@pytest.mark.parametrize("language", [ZH, EN])
@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"state": "paid"}, "waiting"),
        ({"state": "packed"}, "waiting"),
        ({"state": "shipped"}, "moving"),
        ({"exception": "delayed"}, "delayed"),
        ({"exception": "lost"}, "lost"),
        ({"exception": "wrong_address"}, "wrong_address"),
        ({"exception": "not_received", **DELIVERED}, "delivered"),
        (DELIVERED, "delivered"),
    ],
)
def test_states_that_ask_on(language: Language, changes: dict[str, Any], step: str) -> None:
    talk = at_order(language, **changes)
    assert talk.last is not None
    assert talk.memory.flow is not None
    assert talk.memory.flow.step == step
    assert NUMBER in spoken(talk.last)
    assert "—" not in spoken(talk.last), "a template found nothing to show"


def test_unknown_state_goes_to_a_human() -> None:
    talk = at_order(ZH, state="exploded")
    assert talk.last is not None
    assert talk.last.handover is not None
    assert talk.last.handover.code == "order_state_unknown"


@pytest.mark.parametrize(
    ("language", "changes", "answer", "code", "urgency"),
    [
        (ZH, {"state": "paid"}, "能快点吗，催发货", "hurry_shipping", Urgency.HIGH),
        (EN, {"state": "paid"}, "I need it sooner", "hurry_shipping", Urgency.HIGH),
        (ZH, {}, "地址写错了", "address_change_on_the_way", Urgency.HIGH),
        (EN, {}, "the address is wrong", "address_change_on_the_way", Urgency.HIGH),
        (ZH, {"exception": "delayed"}, "不想等了，要退款", "refund_delayed_parcel", Urgency.HIGH),
        (EN, {"exception": "delayed"}, "refund me", "refund_delayed_parcel", Urgency.HIGH),
        (ZH, {"exception": "lost"}, "全额退款", "refund_lost_parcel", Urgency.HIGH),
        (EN, {"exception": "lost"}, "full refund", "refund_lost_parcel", Urgency.HIGH),
        (ZH, {"exception": "wrong_address"}, "地址没有错", "address_disputed", Urgency.HIGH),
        (EN, {"exception": "wrong_address"}, "the address is right", "address_disputed", Urgency.HIGH),
    ],
)
def test_choices_that_need_a_human(
    language: Language, changes: dict[str, Any], answer: str, code: str, urgency: Urgency
) -> None:
    decision = at_order(language, **changes).turn(answer)
    assert decision.handover is not None
    assert decision.handover.reason is HandoverReason.FLOW
    assert decision.handover.code == code
    assert decision.handover.urgency is urgency
    assert language.value in decision.handover.skills
    facts = {fact.name: fact.value for fact in decision.handover.facts}
    assert facts["order_number"] == NUMBER
    assert NUMBER in decision.handover.summary[ZH]
    assert NUMBER in decision.handover.summary[EN]


@pytest.mark.parametrize(("language", "answer"), [(ZH, "帮我催一下，查件"), (EN, "please trace it")])
def test_delayed_parcel_is_traced(language: Language, answer: str) -> None:
    talk = at_order(language, exception="delayed")
    decision = talk.turn(answer)
    assert decision.call is not None
    assert decision.call.name == "delivery.trace"
    decision = talk.result({"opened_at": "2026-11-23T02:00:00Z", "expected_at": "2026-11-26T02:00:00Z"})
    assert ("11 月 26 日" if language is ZH else "26 Nov") in spoken(decision)
    assert talk.memory.flow is None


def test_a_trace_the_shop_refuses_goes_to_a_human() -> None:
    talk = at_order(ZH, exception="delayed")
    talk.press("menu:trace")
    decision = talk.result({"code": "not_in_delivery"}, status="invalid")
    assert decision.handover is not None
    assert decision.handover.code == "trace_refused"


@pytest.mark.parametrize(
    ("language", "again", "yes"), [(ZH, "补发吧", "好的"), (EN, "send it again", "yes please")]
)
def test_lost_parcel_is_sent_again_after_confirmation(language: Language, again: str, yes: str) -> None:
    talk = at_order(language, exception="lost")
    decision = talk.turn(again)
    assert decision.call is None
    assert choice_ids(decision) == ["yes", "no"]
    decision = talk.turn(yes)
    assert decision.call is not None
    assert decision.call.name == "delivery.reship"
    decision = talk.result({"number": NUMBER, "promised_by": "2026-11-28T12:00:00Z"})
    assert talk.memory.flow is None
    assert decision.answered


def test_not_confirmed_goes_back_to_the_choice() -> None:
    talk = at_order(ZH, exception="lost")
    talk.press("menu:again")
    decision = talk.turn("不是")
    assert decision.call is None
    assert "menu:money" in choice_ids(decision)


@pytest.mark.parametrize(
    ("language", "address", "yes"),
    [(ZH, "浙江省杭州市西湖区文三路 123 号 4 幢", "是的"), (EN, "12 Queen's Road, Flat 3, Bristol", "yes")],
)
def test_wrong_address_is_corrected(language: Language, address: str, yes: str) -> None:
    talk = at_order(language, exception="wrong_address")
    talk.press("menu:correct")
    decision = talk.turn("?!")
    assert talk.memory.flow is not None
    assert talk.memory.flow.misses == 1
    decision = talk.turn(address)
    assert address in spoken(decision)
    decision = talk.turn(yes)
    assert decision.call is not None
    assert decision.call.arguments == {"number": NUMBER, "address": address}
    decision = talk.result(
        {"number": NUMBER, "address_masked": "杭州市***", "promised_by": "2026-11-25T12:00:00Z"}
    )
    assert "杭州市***" in spoken(decision)
    assert talk.memory.flow is None


@pytest.mark.parametrize(
    ("language", "missing", "gone"),
    [(ZH, "我没有收到", "确认没有收到"), (EN, "I haven't received it", "it is nowhere")],
)
def test_delivered_but_not_received(language: Language, missing: str, gone: str) -> None:
    talk = at_order(language, **DELIVERED)
    talk.turn(missing)
    decision = talk.turn(gone)
    assert decision.call is not None
    assert decision.call.name == "delivery.trace"
    decision = talk.result({"opened_at": "2026-11-23T02:00:00Z", "expected_at": "2026-11-26T02:00:00Z"})
    assert decision.handover is not None
    assert decision.handover.code == "delivered_not_received"


@pytest.mark.parametrize(("language", "answer"), [(ZH, "我要退货"), (EN, "I want to return it")])
def test_status_goes_over_into_a_return(language: Language, answer: str) -> None:
    talk = at_order(language, **DELIVERED)
    decision = talk.turn(answer)
    assert talk.memory.flow is not None
    assert talk.memory.flow.flow == "return_refund"
    assert decision.call is not None
    assert decision.call.arguments == {"number": NUMBER}


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        (ZH, "第二个"),
        (ZH, "耳机那个"),
        (ZH, "尾号0001"),
        (EN, "the second one"),
        (EN, "headphones"),
        (EN, OTHER_NUMBER.lower()),
    ],
)
def test_an_order_is_chosen_in_words(language: Language, answer: str) -> None:
    talk = Conversation(language)
    decision = talk.turn("我的快递到哪了" if language is ZH else "where is my parcel")
    assert decision.call is not None
    assert decision.call.name == "orders.list"
    decision = talk.result(ORDERS)
    assert choice_ids(decision) == [f"slot:{NUMBER}", f"slot:{OTHER_NUMBER}", "other"]
    decision = talk.turn(answer)
    assert decision.call is not None
    assert decision.call.arguments == {"number": OTHER_NUMBER}


def test_another_order_is_typed() -> None:
    talk = Conversation()
    talk.turn("我的快递到哪了")
    talk.result(ORDERS)
    decision = talk.press("other")
    assert choice_ids(decision) == []
    decision = talk.turn("E20260101-0009")
    assert decision.call is not None
    assert decision.call.arguments == {"number": "E20260101-0009"}


def test_a_customer_without_orders_is_asked_for_the_number() -> None:
    talk = Conversation()
    talk.turn("我的快递到哪了")
    decision = talk.result({"orders": []})
    assert choice_ids(decision) == []
    assert "哪个订单" in spoken(decision)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("我的快递到哪了", "没有找到订单"),
        ("where is my parcel", "I found no orders"),
        ("我要开发票", "没有找到订单"),
        ("I want to return something", "I found no orders"),
    ],
)
def test_a_number_that_the_shop_does_not_know_is_said_so(asked: str, said: str) -> None:
    talk = Conversation(ZH if "我" in asked else EN)
    talk.turn(asked)
    decision = talk.result(status="not_found")
    assert said in spoken(decision)
    assert talk.memory.flow is not None
    decision = talk.turn(OTHER_NUMBER)
    assert decision.call is not None
    assert decision.call.name == "orders.get"


@pytest.mark.parametrize("language", [ZH, EN])
def test_not_found_is_asked_once_more_then_handed_over(language: Language) -> None:
    talk = Conversation(language)
    talk.turn(ASK[language])
    decision = talk.result(status="not_found")
    assert decision.call is None
    assert decision.handover is None
    decision = talk.turn(OTHER_NUMBER)
    assert decision.call is not None
    assert decision.call.arguments == {"number": OTHER_NUMBER}
    decision = talk.result(status="not_found")
    assert decision.handover is not None
    assert decision.handover.code == "order_not_found"
