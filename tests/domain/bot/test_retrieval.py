"""Terms, synonyms and ranking."""

from dataclasses import replace

import pytest

from domain.bot.book import load_book
from domain.bot.lexicon import Prepared, TermError, compile_term
from domain.bot.retrieval import Document, query_terms, rank, statistics_of
from domain.text import Language
from tests.domain.bot.bot_samples import EN, ZH


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("退货", "我要 退 货", True),
        ("refund", "it was Refunded yesterday", True),
        ("refund", "refundable", False),
        ("track * order", "track my last two orders", True),
        ("track * order", "track it. And my order", False),
        ("订单*到哪", "订单现在到哪了", True),
        ("订单*到哪", "订单。快递到哪了", False),
        ("(return|send back) (my|the)? order", "send back order", True),
        ("(return|send back) (my|the)? order", "return my order", True),
        ("12315", "我要打12315", True),
        ("12315", "订单 123150", False),
        ("don't", "I dont know", True),
    ],
)
def test_terms(term: str, text: str, found: bool) -> None:
    assert (compile_term(term).find(Prepared(text)) is not None) is found


@pytest.mark.parametrize("term", ["", "  ", "(", "a|b", "(a", "a)", "*", "！", "()"])
def test_terms_that_cannot_be_read(term: str) -> None:
    with pytest.raises(TermError):
        compile_term(term)


def article(key: str, *questions: str, body: str = "", language: Language = ZH) -> Document:
    return Document(key, key, questions[0], questions[1:], body, language)


BOOK = load_book(
    flows={},
    intents={},
    synonyms={
        "groups": [
            {"id": "return", "zh": ["退货", "寄回"], "en": ["return", "send back"]},
            {"id": "delivery_fee", "zh": ["运费", "邮费"], "en": ["delivery fee", "shipping cost"]},
        ],
        "stop": {"zh": ["怎么", "我", "的"], "en": ["how", "do", "i", "the"]},
    },
)
SHOP = [
    article("return", "怎么退货", "退货流程"),
    article("fee", "运费多少", "包邮条件"),
    article("invoice", "怎么开发票", "发票抬头"),
]
SHOP_EN = [
    article("return", "how do I return an item", language=EN),
    article("fee", "what is the delivery fee", language=EN),
    article("password", "I forgot my password", language=EN),
]


@pytest.mark.parametrize(
    ("documents", "language", "question", "key"),
    [
        (SHOP, ZH, "我想退货", "return"),
        (SHOP, ZH, "东西怎么寄回", "return"),
        (SHOP, ZH, "邮费", "fee"),
        (SHOP_EN, EN, "send back my shoes", "return"),
        (SHOP_EN, EN, "shipping costs?", "fee"),
        (SHOP_EN, EN, "forgotten passwords", "password"),
    ],
)
def test_own_words_and_synonyms_find_the_article(
    documents: list[Document], language: Language, question: str, key: str
) -> None:
    assert rank(query_terms(question, language, BOOK), documents)[0].key == key


def test_the_own_word_is_worth_more_than_a_synonym() -> None:
    own = rank(query_terms("怎么退货", ZH, BOOK), SHOP)[0].score
    synonym = rank(query_terms("怎么寄回", ZH, BOOK), SHOP)[0].score
    assert own > synonym > 0.5


def test_unknown_words_lower_the_score() -> None:
    known = rank(query_terms("return", EN, BOOK), SHOP_EN)[0].score
    mixed = rank(query_terms("return my library book about gardening", EN, BOOK), SHOP_EN)[0].score
    assert mixed < known / 1.5


@pytest.mark.parametrize("question", ["", "？？", "怎么", "how do I"])
def test_nothing_to_ask_finds_nothing(question: str) -> None:
    assert rank(query_terms(question, ZH, BOOK), [*SHOP, *SHOP_EN]) == []


def test_similarity_of_an_embedding_counts_half() -> None:
    lifted = [replace(SHOP[2], similarity=1.0), *(replace(document, similarity=0.0) for document in SHOP[:2])]
    assert rank(query_terms("退货", ZH, BOOK), lifted)[0].key == "invoice"


def test_the_answer_is_the_first_paragraph() -> None:
    found = rank(query_terms("退货", ZH, BOOK), [article("a", "退货", body="先说这个。\n\n- 其余给人看")])
    assert found[0].answer == "先说这个。"


def test_evidence_names_concepts() -> None:
    assert rank(query_terms("邮费", ZH, BOOK), SHOP)[0].evidence == ("delivery_fee",)


def test_statistics_count_articles_and_words() -> None:
    found = statistics_of(SHOP)
    assert found.size == 3
    assert found.frequency["退货"] == 1
    assert found.rarity("退货") > found.rarity("怎么")
