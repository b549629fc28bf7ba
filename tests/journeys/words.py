"""What people say and see in the journeys, in both languages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language's side of the journeys."""

    language: str
    locale: str
    agent: str
    nickname: str
    ask_article: str
    article: str
    source: str
    ask_order: str
    trouble: dict[str, str]
    verified: str
    canned: str
    greeting: str
    note: str
    own_reply: str
    composed: str
    category: str
    thanks: str
    thanks_low: str
    supervisor: str
    takes_over: str
    chain: str
    waiting: str


ZH = Words(
    language="zh",
    locale="zh-CN",
    agent="chenjia",
    nickname="佳佳",
    ask_article="会员等级怎么升级？",
    article="金卡",
    source="会员等级和权益",
    ask_order="我的包裹到哪了",
    trouble={"delayed": "延误", "lost": "丢失", "wrong_address": "地址有误"},
    verified="已验证",
    canned="hi",
    greeting="前面的内容我都看到了",
    note="内部：快递说明天到，先别承诺。",
    own_reply="我已经请快递加急，今天会给您答复。",
    composed="照片在这里",
    category="logistics",
    thanks="谢谢您的评价",
    thanks_low="谢谢您直言",
    supervisor="张伟",
    takes_over="我是主管，由我接着处理。",
    chain="校验链完整",
    waiting="待发送",
)
EN = Words(
    language="en",
    locale="en-GB",
    agent="zhouai",
    nickname="Emma",
    ask_article="What is your return policy?",
    article="7 days",
    source="7-day no-reason return",
    ask_order="Where is my order",
    trouble={"delayed": "is delayed", "lost": "is lost", "wrong_address": "seems wrong"},
    verified="Verified",
    canned="hi",
    greeting="I have read what you wrote",
    note="Internal: the carrier says tomorrow; promise nothing yet.",
    own_reply="I have asked the carrier to hurry; you will hear from me today.",
    composed="here is the picture",
    category="logistics",
    thanks="Thank you for your rating",
    thanks_low="Thank you for being frank",
    supervisor="Zhang Wei",
    takes_over="I am the supervisor and will take it from here.",
    chain="chain verified",
    waiting="Waiting to be sent",
)
