"""Whatever is written, pressed or answered: no exception, no silence, an end."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.bot.decide import decide
from domain.bot.model import BusinessResult, BusinessStatus, Decision, Memory, Turn
from domain.bot.retrieval import Document, query_terms, rank
from domain.text import Language
from tests.domain.bot.bot_samples import DELIVERED, NOW, NUMBER, ORDERS, candidate, order, pack_book

SENTENCES = [
    "我要退货",
    "我的快递到哪了",
    "I want to return my order",
    "我要开发票",
    NUMBER,
    "第二个",
    "是",
    "不对，是另一个",
    "no, the other one",
    "算了",
    "坏了",
    "补发",
    "公司",
    "a@example.com",
    "浙江省杭州市西湖区文三路 123 号",
    "运费谁出？",
    "谢谢",
    "你好",
    "都不是",
    "",
]
CHOICES = [
    "yes",
    "no",
    "other",
    "none",
    "cancel",
    f"slot:{NUMBER}",
    "slot:quality",
    "menu:again",
    "menu:missing",
    "menu:gone",
    "menu:correct",
    "change:reason",
    "article:id-a",
    "flow:invoice",
    "x",
]
DATA = [
    {},
    ORDERS,
    order(),
    order(exception="delayed"),
    order(exception="lost"),
    order(exception="wrong_address"),
    order(**DELIVERED),
    order(state="refunded"),
    {"orders": "no list"},
    {"orders": [1, None, {"number": 5}]},
    {"state": ["odd"], "exception": {"a": 1}, "tracking": 3},
    {"state": "refunded", "amount": "x", "expected_at": "never"},
]

text = st.one_of(
    st.sampled_from(SENTENCES),
    st.text(st.characters(), max_size=80),
    st.text("是不对算了 E2026-0457?!？。", max_size=30),
)
result = st.builds(BusinessResult, status=st.sampled_from(BusinessStatus), data=st.sampled_from(DATA))
score = st.floats(0, 1)


@st.composite
def turns(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(["text", "text", "text", "choice", "result", "resumed"]))
    found: dict[str, object] = {"language": draw(st.sampled_from(Language)), "verified": draw(st.booleans())}
    if kind == "text":
        keys = draw(st.lists(st.sampled_from("abcd"), unique=True))
        scores = sorted((draw(score) for _ in keys), reverse=True)
        found["text"] = draw(text)
        found["attachments"] = draw(st.integers(0, 2))
        found["candidates"] = tuple(candidate(key, value) for key, value in zip(keys, scores, strict=True))
    elif kind == "choice":
        found["choice"] = draw(st.one_of(st.sampled_from(CHOICES), st.text(max_size=8)))
    elif kind == "result":
        found["result"] = draw(result)
    else:
        found["resumed"] = True
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(turns(), min_size=1, max_size=14))
def test_no_conversation_breaks_the_bot(plan: list[dict[str, object]]) -> None:
    memory = Memory()
    last: Decision | None = None
    for number, planned in enumerate(plan):
        values = planned
        # What was asked for is answered half of the time, so that flows are walked deeply.
        if last is not None and last.call is not None and number % 2:
            values = {
                "language": planned["language"],
                "result": BusinessResult(status=BusinessStatus.OK, data=DATA[number % 8]),
            }
        decision = decide(Turn(now=NOW + timedelta(minutes=number), **values), memory, pack_book())
        assert decision.replies or decision.handover or decision.call
        if decision.handover is not None:
            assert decision.replies, "a hand-over is told to the customer"
            assert decision.memory.flow is None
            assert values["language"] in {*decision.handover.skills}
        for reply in decision.replies:
            assert reply.text
            assert "{" not in reply.text or "{" in str(values) or "{" in str(plan)
        memory = Memory.model_validate_json(decision.memory.model_dump_json(exclude_defaults=True))
        assert memory == decision.memory
        assert memory.attempts <= pack_book().thresholds.maximum_attempts
        last = decision


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=40), min_size=8, max_size=8), st.booleans())
def test_nonsense_always_comes_to_an_end(said: list[str], in_flow: bool) -> None:
    """Nothing useful for eight turns: by then a human has the contact or every turn was helped along."""
    memory = Memory()
    if in_flow:
        memory = decide(
            Turn(text="我要退货", language=Language.ZH, now=NOW, verified=True), memory, pack_book()
        ).memory
        found = BusinessResult(status=BusinessStatus.OK, data={"orders": []})
        memory = decide(
            Turn(language=Language.ZH, now=NOW, verified=True, result=found), memory, pack_book()
        ).memory
    helped = 0
    for line in said:
        decision = decide(Turn(text=line, language=Language.ZH, now=NOW, verified=True), memory, pack_book())
        memory = decision.memory
        if decision.handover is not None:
            return
        helped += decision.answered
    assert helped


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=100))
def test_ranking_never_breaks_and_stays_in_bounds(question: str, body: str) -> None:
    documents = [
        Document("1", "a", "怎么退货", ("如何退货", question), body, Language.ZH),
        Document("2", "b", "", (), body, Language.EN),
        Document("3", "c", "how to return", (), "", Language.EN),
    ]
    for found in rank(query_terms(question, Language.ZH, pack_book()), documents):
        assert 0 < found.score <= 1
