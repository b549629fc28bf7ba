"""Lexicon terms: short patterns for words and phrases in Chinese and English, matched on prepared text.

A term is written as people write, with three marks: `*` is a short gap (up to four words, or eight Han
characters, never over a full stop), `(a|b)` is a choice, and `(a|b)?` may be missing. English is compared by
stem, so "refund" also finds "refunded". A term with a Han character is Chinese and ignores white space.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from domain.text import HAN_RANGE, fold, is_han, tokens, word_token

MAXIMUM_TEXT_LENGTH = 2_000
"""Characters of a message that are looked at; a lexicon finds nothing new further on."""

_WORD = re.compile(rf"[^\W_{HAN_RANGE}]+(?:'[^\W_{HAN_RANGE}]+)*")
_BREAK = re.compile(r"[.!?。！？;；\n]+")
_HAN_GAP = r"[^.!?。！？;；\n]{0,8}?"
_WORD_GAP = r"(?:[^\s.]+ ){0,4}?"
_TERM_PART = re.compile(r"\)\?|[()|*]|[^()|*\s]+")


class TermError(ValueError):
    """A term of the lexicon cannot be read."""


@dataclass(frozen=True)
class Prepared:
    """A message made ready for matching once, for every term."""

    text: str

    @cached_property
    def folded(self) -> str:
        return fold(self.text[:MAXIMUM_TEXT_LENGTH])

    @cached_property
    def han(self) -> str:
        """The folded text without white space, for Chinese terms."""
        return re.sub(r"\s+", "", self.folded)

    @cached_property
    def words(self) -> str:
        """The stems of all words with one space around each; a sentence's end is a lone full stop."""
        parts: list[str] = []
        for sentence in _BREAK.split(self.folded):
            found = [word_token(word) for word in _WORD.findall(sentence)]
            if found:
                parts.extend(found)
                parts.append(".")
        return f" {' '.join(parts)} "

    @cached_property
    def token_list(self) -> list[str]:
        """The search tokens."""
        return tokens(self.text[:MAXIMUM_TEXT_LENGTH])


@dataclass(frozen=True)
class Term:
    """One compiled term. `source` is how it was written and how it is shown as evidence."""

    source: str
    chinese: bool
    plain: str | None
    pattern: re.Pattern[str] | None

    def find(self, prepared: Prepared) -> tuple[int, int] | None:
        """Where the term stands in `prepared.han` or `prepared.words`, or None."""
        text = prepared.han if self.chinese else prepared.words
        if self.plain is not None:
            start = text.find(self.plain)
            return None if start < 0 else (start, start + len(self.plain))
        assert self.pattern is not None
        match = self.pattern.search(text)
        return match.span() if match else None

    def before(self, prepared: Prepared, start: int) -> str:
        """What stands before a match, in the same text."""
        return (prepared.han if self.chinese else prepared.words)[:start]


def compile_term(source: str) -> Term:
    """Compile one term. Raises `TermError` when it is empty or its brackets do not match."""
    folded = fold(source).strip()
    chinese = is_han(folded)
    if not re.search(r"[()|*]", folded):
        plain = re.sub(r"\s+", "", folded) if chinese else _plain_words(folded)
        if not plain.strip():
            raise TermError(f"the term {source!r} has no word in it")
        return Term(source, chinese, plain, None)
    pattern = _pattern(folded, source, chinese=chinese)
    return Term(source, chinese, None, pattern)


def _plain_words(folded: str) -> str:
    found = [word_token(word) for word in _WORD.findall(folded)]
    return f" {' '.join(found)} " if found else ""


def _pattern(folded: str, source: str, *, chinese: bool) -> re.Pattern[str]:
    depth = 0
    words = 0
    built: list[str] = [] if chinese else ["(?<= )"]
    for part in _TERM_PART.findall(folded):
        if part == "(":
            depth += 1
            built.append("(?:")
        elif part in {")", ")?"}:
            depth -= 1
            built.append(part)
        elif part == "|" and depth > 0:
            built.append("|")
        elif part == "*":
            built.append(_HAN_GAP if chinese else _WORD_GAP)
        elif part == "|":
            raise TermError(f"the term {source!r} has '|' outside brackets")
        elif chinese:
            words += 1
            built.append(re.escape(part))
        else:
            for word in _WORD.findall(part):
                words += 1
                built.append(re.escape(word_token(word)) + " ")
        if depth < 0:
            break
    if depth != 0:
        raise TermError(f"the term {source!r} has brackets that do not match")
    if words == 0:
        raise TermError(f"the term {source!r} has no word in it")
    return re.compile("".join(built))
