"""What the bot says outside flows and articles, in both languages; a pack may replace each."""

from enum import StrEnum

from domain.bot.model import HandoverReason, Localised
from domain.text import Language


class BotText(StrEnum):
    """One sentence of the bot."""

    WELCOME = "welcome"
    GREETING = "greeting"
    THANKS = "thanks"
    BYE = "bye"
    ANYTHING_ELSE = "anything_else"
    UNSURE = "unsure"
    ASK_AGAIN = "ask_again"
    ASK_SCOPE = "ask_scope"
    ASK_MORE = "ask_more"
    EMPTY = "empty"
    ATTACHMENT = "attachment"
    NONE_OF_THESE = "none_of_these"
    TALK_TO_HUMAN = "talk_to_human"
    STALE_CHOICE = "stale_choice"
    YES = "yes"
    NO = "no"
    OTHER_ORDER = "other_order"
    VERIFY = "verify"
    VERIFY_AGAIN = "verify_again"
    CANCELLED = "cancelled"
    CORRECTED = "corrected"
    WHAT_TO_CHANGE = "what_to_change"
    STOP = "stop"
    BACK_TO_FLOW = "back_to_flow"
    CHOOSE_ONE = "choose_one"
    CONFIRM_AGAIN = "confirm_again"
    ONE_MOMENT = "one_moment"
    HANDOVER_CUSTOMER_REQUEST = "handover_customer_request"
    HANDOVER_LOW_CONFIDENCE = "handover_low_confidence"
    HANDOVER_OUT_OF_SCOPE = "handover_out_of_scope"
    HANDOVER_ANGER = "handover_anger"
    HANDOVER_URGENCY = "handover_urgency"
    HANDOVER_MAJOR_COMPLAINT = "handover_major_complaint"
    HANDOVER_BOT_FAILURE = "handover_bot_failure"
    HANDOVER_DEADLINE = "handover_deadline"
    HANDOVER_FLOW = "handover_flow"
    HANDOVER_BUSINESS_SYSTEM_DOWN = "handover_business_system_down"
    HANDOVER_OUT_OF_ATTEMPTS = "handover_out_of_attempts"


def handover_text(reason: HandoverReason) -> BotText:
    """The sentence that tells the customer about a hand-over."""
    return BotText(f"handover_{reason.value}")


def _both(zh: str, en: str) -> Localised:
    return {Language.ZH: zh, Language.EN: en}


BOT_TEXTS: dict[BotText, Localised] = {
    BotText.WELCOME: _both(
        "您好，我是智能助手，可以查订单和物流、办理退货退款、回答购物问题。需要人工客服时，随时告诉我。",
        "Hello, I'm the AI assistant. I can look up orders and deliveries, arrange returns and answer questions "
        "about shopping here. Ask for a person at any time.",
    ),
    BotText.GREETING: _both("您好！请问有什么可以帮您？", "Hello! What can I do for you?"),
    BotText.THANKS: _both(
        "不客气！还有别的需要，随时告诉我。", "You're welcome! Tell me if there is anything else."
    ),
    BotText.BYE: _both("感谢您的咨询，再见！", "Thank you for writing to us. Goodbye!"),
    BotText.ANYTHING_ELSE: _both("还有什么可以帮您？", "Is there anything else I can do?"),
    BotText.UNSURE: _both("您想了解的是下面哪一项？", "Which of these is closest to your question?"),
    BotText.ASK_AGAIN: _both(
        "抱歉，我没有完全明白。能换个说法，或补充订单号、商品名称等信息吗？",
        "Sorry, I didn't quite get that. Could you put it another way, or add an order number or a product name?",
    ),
    BotText.ASK_SCOPE: _both(
        "抱歉，这个问题我这里没有可靠的答案。我能帮您处理订单、物流、退换货、发票、支付和账户方面的问题。"
        "请再说说您的需要，我答不了就请人工客服来。",
        "Sorry, I have no reliable answer to that. I can help with orders, delivery, returns, invoices, payment "
        "and your account. Tell me what you need; if I can't answer, I'll bring in a colleague.",
    ),
    BotText.ASK_MORE: _both(
        "请用一两句话告诉我您的问题。", "Please tell me your question in a sentence or two."
    ),
    BotText.EMPTY: _both(
        "我没有看到文字内容。请用一两句话告诉我您的问题。",
        "I couldn't see any text there. Please tell me your question in a sentence or two.",
    ),
    BotText.ATTACHMENT: _both(
        "文件已收到，人工客服能看到。我读不懂图片和文件，请用一两句话告诉我是什么问题。",
        "I've kept your file and a colleague will be able to see it. I can't read pictures or files, so please tell "
        "me in a sentence or two what it is about.",
    ),
    BotText.NONE_OF_THESE: _both("都不是", "None of these"),
    BotText.TALK_TO_HUMAN: _both("转人工客服", "Talk to a person"),
    BotText.STALE_CHOICE: _both(
        "这个选项已经失效了，请直接告诉我您的问题。",
        "That option is no longer available. Please tell me your question in words.",
    ),
    BotText.YES: _both("是的", "Yes"),
    BotText.NO: _both("不是", "No"),
    BotText.OTHER_ORDER: _both("其他订单", "Another order"),
    BotText.VERIFY: _both(
        "为保护您的信息，查询前需要先验证下单的手机号。",
        "To protect your data, please verify the phone number you ordered with before I look this up.",
    ),
    BotText.VERIFY_AGAIN: _both(
        "还没有完成验证。请点击下方按钮验证手机号，或者选择转人工客服。",
        "You are not verified yet. Please use the button below to verify your phone number, or ask for a person.",
    ),
    BotText.CANCELLED: _both(
        "好的，已经取消，没有做任何更改。", "All right, I've stopped there. Nothing was changed."
    ),
    BotText.CORRECTED: _both("好的，已经更正。", "Thanks, I've corrected that."),
    BotText.WHAT_TO_CHANGE: _both("请问哪一项需要修改？", "What should I change?"),
    BotText.STOP: _both("不办了", "Stop here"),
    BotText.BACK_TO_FLOW: _both("我们继续刚才的事：", "Back to where we were:"),
    BotText.CHOOSE_ONE: _both("请从下面的选项里选一个。", "Please choose one of these."),
    BotText.CONFIRM_AGAIN: _both("请回答“是”或“不是”。", "Please answer yes or no."),
    BotText.ONE_MOMENT: _both("稍等，正在为您查询。", "One moment, I'm still looking that up."),
    BotText.HANDOVER_CUSTOMER_REQUEST: _both(
        "好的，正在为您转接人工客服，您说过的内容会一并转过去。",
        "Of course. I'm connecting you with a colleague, who will see what you've written.",
    ),
    BotText.HANDOVER_LOW_CONFIDENCE: _both(
        "这个问题我没有把握答准，为您转接人工客服。",
        "I'm not certain enough to answer that, so I'm passing you to a colleague.",
    ),
    BotText.HANDOVER_OUT_OF_SCOPE: _both(
        "这个问题超出了我的能力范围，为您转接人工客服。",
        "That is beyond what I can answer, so I'm passing you to a colleague.",
    ),
    BotText.HANDOVER_ANGER: _both(
        "非常抱歉给您带来不好的体验，马上为您转接人工客服处理。",
        "I'm very sorry about this experience. I'm bringing in a colleague right away.",
    ),
    BotText.HANDOVER_URGENCY: _both(
        "明白，这件事很急，马上为您转接人工客服。",
        "I understand this is urgent. I'm bringing in a colleague right away.",
    ),
    BotText.HANDOVER_MAJOR_COMPLAINT: _both(
        "您反映的问题我们非常重视，马上由专人为您处理。",
        "We take this very seriously. A colleague will deal with it personally, right away.",
    ),
    BotText.HANDOVER_BOT_FAILURE: _both(
        "抱歉，我这边出了点问题，为您转接人工客服，您说过的内容都在。",
        "Sorry, something went wrong on my side. I'm passing you to a colleague; nothing you wrote is lost.",
    ),
    BotText.HANDOVER_DEADLINE: _both(
        "抱歉让您久等了，为您转接人工客服。",
        "Sorry to keep you waiting. I'm passing you to a colleague.",
    ),
    BotText.HANDOVER_FLOW: _both(
        "这件事需要人工客服为您处理，正在转接。",
        "This needs a colleague's hands, so I'm passing you on.",
    ),
    BotText.HANDOVER_BUSINESS_SYSTEM_DOWN: _both(
        "抱歉，订单系统暂时没有响应，我现在查不到。为您转接人工客服，您提供的信息已经记下。",
        "Sorry, the order system isn't responding, so I can't look this up now. I'm passing you to a colleague and "
        "have noted what you gave me.",
    ),
    BotText.HANDOVER_OUT_OF_ATTEMPTS: _both(
        "抱歉，我一直没能帮上忙，为您转接人工客服。",
        "Sorry, I haven't been able to help so far. I'm passing you to a colleague.",
    ),
}
