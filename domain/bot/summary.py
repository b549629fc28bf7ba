"""The hand-over card: what the agent should know at a glance, in both languages."""

from collections.abc import Mapping, Sequence

from domain.bot.model import Fact, HandoverReason, Localised
from domain.text import Language

_REASONS: dict[HandoverReason, tuple[str, str]] = {
    HandoverReason.CUSTOMER_REQUEST: ("客户要求人工服务", "the customer asked for a person"),
    HandoverReason.LOW_CONFIDENCE: ("机器人没有把握回答", "the bot was not sure of an answer"),
    HandoverReason.OUT_OF_SCOPE: ("问题超出机器人范围", "the question is outside what the bot knows"),
    HandoverReason.ANGER: ("客户情绪激动", "the customer is angry"),
    HandoverReason.URGENCY: ("事情紧急", "the matter is urgent"),
    HandoverReason.MAJOR_COMPLAINT: ("重大投诉", "a major complaint"),
    HandoverReason.BOT_FAILURE: ("机器人出错", "the bot failed"),
    HandoverReason.DEADLINE: ("机器人超时", "the bot took too long"),
    HandoverReason.FLOW: ("流程判断需要人工处理", "the flow decided that a person is needed"),
    HandoverReason.BUSINESS_SYSTEM_DOWN: ("订单系统没有响应", "the order system does not respond"),
    HandoverReason.OUT_OF_ATTEMPTS: ("多次尝试未能解决", "several tries did not help"),
}
LABELS: Mapping[str, Localised] = {
    "question": {Language.ZH: "客户原话", Language.EN: "In the customer's words"},
    "order_number": {Language.ZH: "订单号", Language.EN: "Order number"},
    "tracking_number": {Language.ZH: "运单号", Language.EN: "Tracking number"},
    "phone": {Language.ZH: "电话", Language.EN: "Phone"},
    "subject": {Language.ZH: "事项", Language.EN: "Subject"},
}


def reason_text(reason: HandoverReason, language: Language) -> str:
    """The reason of a hand-over in plain words."""
    zh, en = _REASONS[reason]
    return zh if language is Language.ZH else en


def summarise(reason: HandoverReason, subject: Localised | None, facts: Sequence[Fact]) -> Localised:
    """A few plain sentences: what it is about, what is known, why a human is needed."""
    known_zh = "；".join(f"{_label(fact, Language.ZH)}：{fact.value}" for fact in facts)
    known_en = "; ".join(f"{_label(fact, Language.EN)}: {fact.value}" for fact in facts)
    zh = f"事项：{subject[Language.ZH]}。" if subject else ""
    en = f"About: {subject[Language.EN]}. " if subject else ""
    zh += f"已知信息：{known_zh}。" if known_zh else ""
    en += f"Known: {known_en}. " if known_en else ""
    zh += f"转人工原因：{reason_text(reason, Language.ZH)}。"
    en += f"Why a person: {reason_text(reason, Language.EN)}."
    return {Language.ZH: zh, Language.EN: en}


def _label(fact: Fact, language: Language) -> str:
    label = fact.label or LABELS.get(fact.name, {})
    return label.get(language, fact.name)
