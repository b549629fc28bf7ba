"""The knowledge bench on samples: the bot finds its own articles and leaves alone what it does not know."""

import json
from collections import Counter
from pathlib import Path

import pytest

from adapters.packs import load_pack
from domain.pack import Pack
from domain.text import Language
from ops.bench.knowledge import Corpus, articles_of, measure_replies, outcome_of
from tests.shared_data import shared_data

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(PACK)


@pytest.mark.parametrize(
    ("language", "least_first", "least_third"), [(Language.ZH, 0.62, 0.82), (Language.EN, 0.58, 0.74)]
)
def test_a_phrasing_left_out_still_finds_its_article(
    pack: Pack, language: Language, least_first: float, least_third: float
) -> None:
    corpus = Corpus(articles_of(pack, language), pack.bot.book, language)
    asked = [
        (document.key, question) for document in corpus.documents for question in document.questions[::4]
    ]
    found = [[c.key for c in corpus.candidates(question, without=question)] for _, question in asked]
    pairs = list(zip((key for key, _ in asked), found, strict=True))
    assert sum(keys[:1] == [key] for key, keys in pairs) / len(pairs) >= least_first
    assert sum(key in keys[:3] for key, keys in pairs) / len(pairs) >= least_third


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "only", "step", "most"),
    [
        ("hint3_en", "NO_NODES_DETECTED", 3, 0.05),
        ("clinc150_oos_en", None, 14, 0.05),
        ("banking77_en", None, 8, 0.09),
    ],
)
def test_what_is_not_the_shop_s_business_is_rarely_answered(
    pack: Pack, name: str, only: str | None, step: int, most: float
) -> None:
    corpus = Corpus(articles_of(pack, Language.EN), pack.bot.book, Language.EN)
    lines = (shared_data(name) / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if only is None or row["intent"] == only][::step]
    outcomes = Counter(outcome_of(corpus.decide(row["text"])) for row in rows)
    assert outcomes["answered"] / len(rows) <= most, outcomes


@pytest.mark.data
def test_official_replies_are_found(pack: Pack) -> None:
    path = shared_data("gov_replies_zh") / "dev.jsonl"
    figures = measure_replies(path, pack.bot.book, most=250)
    assert figures["text_top_1"] >= 0.62
    assert figures["text_top_5"] >= 0.78
