"""What holds in every flow: correction, cancelling, side questions, verification, failure."""

import pytest

from domain.bot.model import HandoverReason, ReplyKind
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
    at_reason,
    candidate,
    choice_ids,
    order,
    spoken,
)


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
