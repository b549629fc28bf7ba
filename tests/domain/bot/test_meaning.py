"""What an embedding's cosines are worth, and what is sent to have them."""

import pytest

from domain.bot.meaning import (
    ARTICLE_CHARACTERS_MAXIMUM,
    QUESTION_CHARACTERS_MAXIMUM,
    article_text,
    question_text,
    relative_similarities,
)

NARROW = {"a": 0.60, "b": 0.62, "c": 0.58, "d": 0.61, "near": 0.88}
"""A model to which unrelated texts stand at 0.6."""
WIDE = {"a": 0.05, "b": 0.10, "c": 0.12, "d": 0.08, "near": 0.60}
"""A model to which they stand at 0.1."""


@pytest.mark.parametrize("cosines", [NARROW, WIDE])
def test_only_the_near_article_counts_whatever_the_model_s_scale(cosines: dict[str, float]) -> None:
    found = relative_similarities(cosines)
    assert found["near"] > 0.7
    assert all(value < 0.1 for key, value in found.items() if key != "near")


def test_a_question_unlike_all_articles_resembles_none() -> None:
    assert max(relative_similarities(dict.fromkeys("abcdef", 0.7) | {"g": 0.72}).values()) < 0.2


@pytest.mark.parametrize(
    "cosines", [{}, {"a": 1.0}, dict.fromkeys("abcd", 0.9), dict.fromkeys("abcdef", 1.0)]
)
def test_nothing_is_said_where_nothing_is_usual(cosines: dict[str, float]) -> None:
    assert relative_similarities(cosines) == {}


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("我的手机13800138000打不通", "我的手机…打不通"),
        ("call +86 138-0013-8000 please", "call … please"),
        ("发到wang.li@example.com吧", "发到…吧"),
        ("订单E20260223-0457到哪了", "订单E…到哪了"),
        ("满300减40", "满300减40"),
        ("  退货  ", "退货"),
    ],
)
def test_numbers_and_addresses_of_people_are_not_sent(said: str, sent: str) -> None:
    assert question_text(said) == sent


def test_long_texts_are_cut() -> None:
    assert len(question_text("退" * 20_000)) == QUESTION_CHARACTERS_MAXIMUM
    assert len(article_text("标题", ["怎么退"], "文" * 20_000)) == ARTICLE_CHARACTERS_MAXIMUM
    assert article_text("标题", ["怎么退"], "正文") == "标题\n怎么退\n正文"
