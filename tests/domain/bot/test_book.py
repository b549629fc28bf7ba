"""The pack's documents: what is wrong is named with its key."""

from typing import Any

import pytest

from domain.bot.book import BookError, load_book
from domain.bot.texts import BotText
from domain.text import Language
from tests.domain.bot.bot_samples import PACK, document, pack_book

BOTH = {"zh": "文字", "en": "text"}
SLOT = {"type": "order_number", "label": BOTH, "prompt": BOTH, "error": BOTH}


def flow(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": BOTH,
        "slots": {"number": SLOT},
        "steps": [{"id": "first", "ask": "number"}, {"id": "last", "end": True}],
    }
    return {**found, **changes}


def problems(
    flows: dict[str, Any] | None = None, intents: Any = None, synonyms: Any = None
) -> list[tuple[str, Any]]:
    with pytest.raises(BookError) as raised:
        load_book(flows=flows or {}, intents=intents or {}, synonyms=synonyms or {})
    return [(problem.document, problem.loc) for problem in raised.value.problems]


def steps(*given: dict[str, Any]) -> dict[str, Any]:
    return {"f": flow(steps=[*given, {"id": "last", "end": True}])}


def test_the_pack_has_what_it_promises() -> None:
    book = pack_book()
    assert set(book.flows) >= {"order_status", "return_refund", "invoice"}
    assert len(book.intents) >= 15
    assert len(document(PACK / "synonyms.yaml")["groups"]) >= 150
    for intent in book.intents.values():
        assert set(intent.skills) <= {
            "presale", "orders", "logistics", "refunds", "invoices", "payment", "account", "aftersales", "complaints",
        }  # fmt: skip


def test_an_empty_book_is_a_book() -> None:
    assert load_book(flows={}, intents={}, synonyms={}).flows == {}


@pytest.mark.parametrize(
    ("flows", "loc"),
    [
        (steps({"id": "a", "say": BOTH, "go": "nowhere"}), ("steps", 0, "go")),
        (steps({"id": "a", "ask": "nothing"}), ("steps", 0, "ask")),
        (steps({"id": "a", "branch": [{"go": "nowhere"}]}), ("steps", 0, "branch", 0, "go")),
        (steps({"id": "a", "branch": [{"when": {"x": 1}, "go": "last"}]}), ("steps", 0, "branch", 0, "when")),
        (
            steps({"id": "a", "branch": [{"when": {"x": {"above": 1}}, "go": "last"}]}),
            ("steps", 0, "branch", 0, "when"),
        ),
        (
            steps({"id": "a", "call": "x", "outcomes": {"not_found": "nowhere"}}),
            ("steps", 0, "outcomes", "not_found"),
        ),
        (
            steps({"id": "a", "choose": BOTH, "choices": [{"id": "x", "label": BOTH, "go": "nowhere"}]}),
            ("steps", 0, "choices", 0, "go"),
        ),
        (steps({"id": "a", "say": {"zh": "只有中文"}}), ("steps", 0, "say")),
        (steps({"id": "a", "say": {"zh": "{broken", "en": "text"}}), ("steps", 0, "say")),
        (steps({"id": "a", "say": {"zh": "{x|shout}", "en": "text"}}), ("steps", 0, "say")),
        (steps({"id": "a", "say": {"zh": "{x|words.none}", "en": "text"}}), ("steps", 0, "say", "zh")),
        (steps({"id": "a", "say": BOTH, "ask": "number"}), ("steps", 0)),
        (steps({"id": "a"}), ("steps", 0)),
        (steps({"id": "a", "say": BOTH, "colour": "red"}), ("steps", 0, "colour")),
        (steps({"id": "a", "switch": "elsewhere"}), ("steps", 0, "switch")),
        (steps({"id": "last", "say": BOTH}), ("steps", 1, "id")),
        ({"f": flow(steps=[{"id": "a", "say": BOTH}])}, ("steps", 0)),
        ({"f": flow(slots={"number": {**SLOT, "retries": 9}})}, ("slots", "number", "retries")),
        ({"f": flow(slots={"number": {**SLOT, "type": "colour"}})}, ("slots", "number", "type")),
        ({"f": flow(slots={"number": {**SLOT, "type": "option"}})}, ("slots", "number")),
        ({"f": flow(title={"zh": "", "en": "x"})}, ("title",)),
    ],
)
def test_a_mistake_in_a_flow_names_its_key(flows: dict[str, Any], loc: Any) -> None:
    assert ("flows/f", loc) in problems(flows)


@pytest.mark.parametrize(
    ("intents", "loc"),
    [
        (
            {"intents": {"x": {"title": BOTH, "skills": {"a": 1}, "strong": ["(open"]}}},
            ("intents", "x", "strong", 0),
        ),
        ({"intents": {"x": {"title": BOTH, "skills": {"a": 1}, "flow": "none"}}}, ("intents", "x", "flow")),
        ({"intents": {"x": {"title": BOTH, "skills": {}}}}, ("intents", "x", "skills")),
        ({"signals": {"joy": {}}}, ("signals", "joy", "[key]")),
        ({"thresholds": {"sure_score": 2}}, ("thresholds", "sure_score")),
        ({"texts": {"greeting": {"zh": "您好"}}}, ("texts", "greeting")),
        ({"bare_order_number": "none"}, ("bare_order_number",)),
    ],
)
def test_a_mistake_in_the_intents_names_its_key(intents: dict[str, Any], loc: Any) -> None:
    assert ("intents", loc) in problems(intents=intents)


@pytest.mark.parametrize(
    ("synonyms", "loc"),
    [
        ({"groups": [{"id": "a", "zh": ["！！"]}]}, ("groups", 0, "zh", 0)),
        ({"groups": [{"id": "a", "weight": 3}]}, ("groups", 0, "weight")),
        ({"groups": [{"id": "a"}, {"id": "a"}]}, ()),
    ],
)
def test_a_mistake_in_the_synonyms_names_its_key(synonyms: dict[str, Any], loc: Any) -> None:
    assert ("synonyms", loc) in problems(synonyms=synonyms)


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(
        steps({"id": "a", "say": BOTH, "go": "x"}, {"id": "b", "ask": "y"}), {"thresholds": {"sure_score": 2}}
    )
    assert len(found) == 3


def test_a_pack_may_say_it_in_its_own_words() -> None:
    book = load_book(
        flows={}, intents={"texts": {"greeting": {"zh": "亲，在呢", "en": "Hey there"}}}, synonyms={}
    )
    assert book.texts[BotText.GREETING][Language.ZH] == "亲，在呢"
    assert book.texts[BotText.BYE][Language.EN]
