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
    delayed: str
    verified: str
    canned: str
    greeting: str
    note: str
    own_reply: str
    composed: str
    category: str
    thanks: str
    chain: str
    delivered: str
    waiting: str
    ready: str
    human: str


ZH = Words(
    language="zh",
    locale="zh-CN",
    agent="chenjia",
    nickname="佳佳",
    ask_article="会员等级怎么升级？",
    article="金卡",
    source="会员等级和权益",
    ask_order="我的包裹到哪了",
    delayed="延误",
    verified="已验证",
    canned="hi",
    greeting="前面的内容我都看到了",
    note="内部：快递说明天到，先别承诺。",
    own_reply="我已经请快递加急，今天会给您答复。",
    composed="照片在这里",
    category="logistics",
    thanks="评价",
    chain="校验链完整",
    delivered="已送达",
    waiting="待发送",
    ready="就绪",
    human="转人工",
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
    delayed="delayed",
    verified="Verified",
    canned="hi",
    greeting="I have read what you wrote",
    note="Internal: the carrier says tomorrow; promise nothing yet.",
    own_reply="I have asked the carrier to hurry; you will hear from me today.",
    composed="here is the picture",
    category="logistics",
    thanks="Thank you for your rating",
    chain="chain verified",
    delivered="Delivered",
    waiting="Waiting to be sent",
    ready="Ready",
    human="Talk to a human",
)
