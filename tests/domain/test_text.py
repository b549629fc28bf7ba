import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.text import Language, clean_text, detect_language, stem, tokens


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("我的快递到哪了", Language.EN, Language.ZH),
        ("where is my parcel", Language.ZH, Language.EN),
        ("iPhone 15 Pro 有货吗", Language.EN, Language.ZH),
        ("ok", Language.ZH, Language.ZH),
        ("ok", Language.EN, Language.EN),
        ("E20260223-0457", Language.ZH, Language.ZH),
        ("👍", Language.EN, Language.EN),
        ("", Language.ZH, Language.ZH),
        ("Please 退 my order and refund the money today", Language.ZH, Language.EN),
    ],
)
def test_language(text: str, default: Language, expected: Language) -> None:
    assert detect_language(text, default) is expected


def test_chinese_gives_characters_and_pairs() -> None:
    assert tokens("退货吗") == ["退", "货", "吗", "退货", "货吗"]


def test_full_width_and_capitals_are_folded() -> None:
    assert tokens("ＡＢＣ Order") == tokens("abc order")


@pytest.mark.parametrize(
    "forms",
    [
        ["refund", "refunds", "refunded", "refunding"],
        ["deliveries", "delivery"],
        ["cancel", "cancelled", "canceled", "cancelling", "cancellation"],
        ["ship", "ships", "shipped", "shipping"],
        ["exchange", "exchanges", "exchanged", "exchanging"],
        ["invoice", "invoices"],
    ],
)
def test_forms_of_a_word_share_a_stem(forms: list[str]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_different_words_keep_different_stems() -> None:
    assert len({stem(word) for word in ("return", "refund", "repair", "reset", "status", "address")}) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c", "abc"),
        ("line\r\nnext", "line\nnext"),
        ("\u202egnirts", "gnirts"),
        ("x\ud800y", "xy"),
        ("e\u0301", "é"),
        ("q" + "\u0301" * 40, "q" + "\u0301" * 4),
        ("  两边  ", "两边"),
    ],
)
def test_clean_text(text: str, expected: str) -> None:
    assert clean_text(text) == expected


@given(st.text(st.characters()))
def test_tokens_are_safe_for_a_tsvector(text: str) -> None:
    for token in tokens(text):
        assert 0 < len(token) <= 48
        assert not any(character.isspace() or character in "'\"\\\x00" for character in token)
        token.encode()


@given(st.text(st.characters()))
def test_cleaned_text_can_be_stored(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    cleaned.encode()
    assert clean_text(cleaned) == cleaned
