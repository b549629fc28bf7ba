"""Every branch of the pack's flows, as customers walk them, in both languages."""

from typing import Any

import pytest

from domain.bot.model import HandoverReason, ReplyKind, Urgency
from domain.text import Language
from tests.domain.bot.bot_samples import (
    DELIVERED,
    EN,
    NUMBER,
    ORDERS,
    OTHER_NUMBER,
    ZH,
    Conversation,
    candidate,
    choice_ids,
    order,
    spoken,
)

ASK = {ZH: f"帮我查一下订单 {NUMBER}", EN: f"where is my order {NUMBER}"}
RETURN = {ZH: f"我要退货，{NUMBER}", EN: f"I want to return {NUMBER}"}


def at_order(language: Language, **changes: Any) -> Conversation:
    talk = Conversation(language)
    decision = talk.turn(ASK[language])
    assert decision.call is not None
    assert (decision.call.name, decision.call.arguments) == ("orders.get", {"number": NUMBER})
    talk.result(order(**changes))
    return talk


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


# choosing an order


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


# return and refund


def at_reason(language: Language = ZH) -> Conversation:
    talk = Conversation(language)
    talk.turn(RETURN[language])
    talk.result(order(**DELIVERED))
    return talk


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


# invoice


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


# correction, cancelling, side questions, verification, failure


@pytest.mark.parametrize(
    "text", [f"不对，订单号是{OTHER_NUMBER}", f"no, it should be {OTHER_NUMBER}", f"错了 {OTHER_NUMBER}"]
)
def test_a_correction_reads_the_other_order(text: str) -> None:
    talk = at_order(ZH, exception="delayed")
    decision = talk.turn(text)
    assert decision.call is not None
    assert decision.call.arguments == {"number": OTHER_NUMBER}


@pytest.mark.parametrize("text", ["不对，是另一个", "no, the other one"])
def test_the_other_one_of_two(text: str) -> None:
    talk = Conversation()
    talk.turn("我的快递到哪了")
    talk.result(ORDERS)
    talk.turn("第一个")
    talk.result(order())
    decision = talk.turn(text)
    assert decision.call is not None
    assert decision.call.arguments == {"number": OTHER_NUMBER}


def test_the_other_one_of_three_is_asked() -> None:
    talk = Conversation()
    talk.turn("我的快递到哪了")
    three = {"orders": [*ORDERS["orders"], order(number="E20260225-0002", title="台灯")]}
    talk.result(three)
    talk.turn("第一个")
    talk.result(order())
    decision = talk.turn("不对，是另一个")
    assert decision.call is not None
    assert decision.call.name == "orders.list"
    assert len(choice_ids(talk.result(three))) == 4


def test_a_confirmation_is_corrected_by_button_and_by_words() -> None:
    talk = at_reason()
    talk.turn("坏了")
    decision = talk.turn("不对")
    assert choice_ids(decision) == ["change:reason", "change:order_number", "cancel"]
    decision = talk.press("change:reason")
    assert decision.call is not None
    decision = talk.result(order(**DELIVERED))
    assert "slot:size" in choice_ids(decision)
    decision = talk.turn("太大了")
    assert "尺码" in spoken(decision)
    decision = talk.turn("不对，原因是质量问题")
    decision = talk.result(order(**DELIVERED))
    assert "质量问题" in spoken(decision)


@pytest.mark.parametrize("text", ["算了", "不退了", "never mind", "cancel"])
def test_cancelling_leaves_the_flow_without_a_call(text: str) -> None:
    talk = at_reason()
    decision = talk.turn(text)
    assert talk.memory.flow is None
    assert decision.call is None
    assert decision.handover is None
    assert decision.replies


@pytest.mark.parametrize(("language", "text"), [(ZH, "运费谁出？"), (EN, "who pays the postage?")])
def test_a_side_question_is_answered_and_the_flow_goes_on(language: Language, text: str) -> None:
    talk = at_reason(language)
    decision = talk.turn(text, candidates=(candidate("return_postage", 0.8, language),))
    assert decision.replies[0].citations == ("id-return_postage",)
    assert "slot:quality" in choice_ids(decision)
    assert talk.memory.flow is not None
    assert talk.memory.flow.misses == 0
    decision = talk.press("slot:quality")
    assert choice_ids(decision) == ["yes", "no"]


def test_a_question_is_not_taken_for_a_company_name() -> None:
    talk = Conversation()
    talk.turn(f"我要开发票 {NUMBER}")
    talk.result(order(**DELIVERED))
    talk.turn("公司")
    talk.turn("什么时候能开好？", candidates=(candidate("e_invoice", 0.8),))
    assert talk.memory.flow is not None
    assert "name" not in talk.memory.flow.slots


def test_side_questions_have_an_end() -> None:
    talk = at_reason()
    for _ in range(10):
        decision = talk.turn("运费谁出？", candidates=(candidate("return_postage", 0.8),))
        if decision.handover is not None:
            break
    assert decision.handover is not None
    assert decision.handover.reason is HandoverReason.OUT_OF_ATTEMPTS


def test_another_subject_switches_the_flow_and_keeps_the_order() -> None:
    talk = at_order(EN)
    decision = talk.turn("I need an invoice")
    assert talk.memory.flow is not None
    assert talk.memory.flow.flow == "invoice"
    assert decision.call is not None
    assert decision.call.arguments == {"number": NUMBER}


@pytest.mark.parametrize("language", [ZH, EN])
def test_verification_comes_before_the_first_call(language: Language) -> None:
    talk = Conversation(language, verified=False)
    decision = talk.turn(ASK[language])
    assert decision.call is None
    assert decision.replies[-1].kind is ReplyKind.VERIFY
    talk.verified = True
    decision = talk.turn(resumed=True)
    assert decision.call is not None
    assert decision.call.arguments == {"number": NUMBER}


def test_a_verification_given_up_ends_with_a_human() -> None:
    talk = Conversation(verified=False)
    talk.turn(ASK[ZH])
    for text in ("不想验证", "直接告诉我", "快"):
        decision = talk.turn(text)
    assert decision.handover is not None
    assert decision.handover.reason is HandoverReason.OUT_OF_ATTEMPTS
    assert decision.handover.code == "verification_not_understood"


def test_a_lost_proof_is_asked_for_again() -> None:
    talk = Conversation(verified=False)
    talk.turn(ASK[ZH])
    decision = talk.turn(resumed=True)
    assert decision.call is None
    assert decision.replies[-1].kind is ReplyKind.VERIFY


@pytest.mark.parametrize(("language", "said"), [(ZH, "没有响应"), (EN, "isn't responding")])
def test_a_business_system_that_is_down(language: Language, said: str) -> None:
    talk = Conversation(language)
    talk.turn(ASK[language])
    decision = talk.result(status="unavailable")
    assert decision.handover is not None
    assert decision.handover.reason is HandoverReason.BUSINESS_SYSTEM_DOWN
    assert decision.handover.code == "orders_get"
    assert said in spoken(decision)
    assert {fact.name for fact in decision.handover.facts} >= {"order_number"}


@pytest.mark.parametrize("language", [ZH, EN])
@pytest.mark.parametrize("nonsense", ["asdf", "???", "🙃🙃", "12", "blah"])
def test_nonsense_is_handed_over_within_five_tries(language: Language, nonsense: str) -> None:
    talk = Conversation(language)
    talk.turn("我的快递到哪了" if language is ZH else "where is my parcel")
    talk.result({"orders": []})
    tries = 0
    while talk.last is not None and talk.last.handover is None and tries < 6:
        tries += 1
        decision = talk.turn(nonsense)
        assert decision.replies
    assert tries <= 5
    assert talk.last is not None
    assert talk.last.handover is not None
    assert talk.last.handover.reason is HandoverReason.OUT_OF_ATTEMPTS
    assert talk.last.handover.code == "order_number_not_understood"


def test_words_during_a_lost_call_repeat_it_under_the_same_number() -> None:
    talk = Conversation()
    first = talk.turn(ASK[ZH]).call
    again = talk.turn("在吗").call
    assert first is not None
    assert again == first


def test_every_call_has_its_own_number() -> None:
    talk = at_order(ZH, exception="lost")
    talk.press("menu:again")
    decision = talk.press("yes")
    assert decision.call is not None
    assert decision.call.sequence == 2


def test_a_flow_that_vanished_from_the_pack_is_left() -> None:
    talk = at_order(ZH)
    assert talk.memory.flow is not None
    talk.memory.flow.flow = "gone"
    decision = talk.turn("你好")
    assert talk.memory.flow is None
    assert decision.replies


def test_a_step_that_vanished_from_the_flow_goes_to_a_human() -> None:
    talk = at_order(ZH)
    assert talk.memory.flow is not None
    talk.memory.flow.step = "gone"
    decision = talk.turn("知道了")
    assert decision.handover is not None
    assert decision.handover.reason is HandoverReason.BOT_FAILURE
