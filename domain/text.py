"""Words as the product sees them: cleaning, language, and the tokens both searches are built on.

The tokens feed PostgreSQL's `tsvector('simple')`, so none ever holds white space, quotes, a backslash or NUL.
Chinese has no spaces: each Han run gives its characters and its overlapping pairs, which was the best of eight
methods tried for Chinese. English words are lower-cased and lightly stemmed.
"""

import re
import unicodedata
from enum import StrEnum

MAXIMUM_TOKEN_LENGTH = 48
"""Longer tokens are cut: nobody searches for them and PostgreSQL refuses lexemes over 2 KB."""

HAN_RANGE = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
"""The Han characters, for use inside a character class."""
_PIECE = re.compile(rf"[{HAN_RANGE}]+|[^\W_{HAN_RANGE}]+(?:['\u2019][^\W_{HAN_RANGE}]+)*")
_HAN_CHARACTER = re.compile(rf"[{HAN_RANGE}]")
_LATIN_WORD = re.compile(r"(?<![^\W_])[A-Za-z\u00c0-\u024f]+(?:['\u2019][A-Za-z]+)?(?![^\W_])")
_ASCII_LETTERS = re.compile(r"[a-z]+\Z")
_BIDIRECTIONAL_CONTROL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_MAXIMUM_MARKS_IN_A_ROW = 4
_SHORT_WORD_LENGTH = 3


class Language(StrEnum):
    """A language the product speaks."""

    ZH = "zh"
    EN = "en"


def clean_text(text: str) -> str:
    """The text as it may be stored: NFC, without NUL, controls, lone surrogates or direction overrides.

    New lines and tabs stay; more than four combining marks in a row (zalgo) are cut.
    """
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if normal.isascii() and normal.isprintable():
        return normal.strip()
    kept: list[str] = []
    marks = 0
    for character in normal:
        category = unicodedata.category(character)
        if category in {"Cc", "Cs"} and character not in "\n\t":
            continue
        if character in _BIDIRECTIONAL_CONTROL:
            continue
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= _MAXIMUM_MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept).strip()


def detect_language(text: str, default: Language) -> Language:
    """The language of a customer's text; `default` when it says nothing (numbers, emoji, a lone "ok")."""
    han = len(_HAN_CHARACTER.findall(text))
    words = _LATIN_WORD.findall(text)
    if han:
        return Language.ZH if han >= len(words) else Language.EN
    if not words or (len(words) == 1 and len(words[0]) <= _SHORT_WORD_LENGTH):
        return default
    return Language.EN


def fold(text: str) -> str:
    """The text for comparison: NFKC, lower case, straight apostrophes."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")


def tokens(text: str) -> list[str]:
    """Search tokens in order, repeats kept: Han characters and pairs, other words stemmed if English."""
    found: list[str] = []
    for match in _PIECE.finditer(fold(text)):
        piece = match.group()
        if _HAN_CHARACTER.match(piece):
            found.extend(piece)
            found.extend(piece[index : index + 2] for index in range(len(piece) - 1))
        else:
            found.append(word_token(piece))
    return found


def word_token(word: str) -> str:
    """The token of one folded word that holds no Han character."""
    bare = word.removesuffix("'s")
    bare = bare.replace("'", "").replace("\u2019", "")
    if _ASCII_LETTERS.match(bare):
        bare = stem(bare)
    return bare[:MAXIMUM_TOKEN_LENGTH]


def is_han(text: str) -> bool:
    """Whether the text holds a Han character."""
    return _HAN_CHARACTER.search(text) is not None


_IRREGULAR = {
    "paid": "pay",
    "bought": "buy",
    "sent": "send",
    "got": "get",
    "gotten": "get",
    "broke": "break",
    "broken": "break",
    "took": "take",
    "taken": "take",
    "came": "come",
    "went": "go",
    "gone": "go",
    "lost": "lose",
    "chose": "choose",
    "chosen": "choose",
    "wrote": "write",
    "gave": "give",
    "given": "give",
    "men": "man",
    "women": "woman",
}


def stem(word: str) -> str:
    """A light English stem: plural, past, -ing, -ation, final e and y. Never shorter than three letters."""
    word = _IRREGULAR.get(word, word)
    if len(word) <= 3:
        return word
    word = _without_plural(word)
    for ending, least in (("ation", 5), ("ing", 3), ("ed", 3)):
        head = word[: -len(ending)]
        if word.endswith(ending) and len(head) >= least and _has_vowel(head):
            word = _undoubled(head)
            break
    if len(word) > 5 and word.endswith("ll"):
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        return word[:-1]
    if len(word) > 3 and word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "i"
    return word


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undoubled(head: str) -> str:
    if len(head) > 3 and head[-1] == head[-2] and head[-1] not in "lsz":
        return head[:-1]
    return head


def _has_vowel(text: str) -> bool:
    return any(letter in "aeiouy" for letter in text)
