"""The optional third tier of finding articles: what an embedding model says about nearness of meaning.

Models differ in what a cosine of theirs means: with one, two unrelated texts stand at 0.1, with another at 0.6.
So a question's cosine with an article counts only against its usual cosine with all articles of the language.
"""

import re
from collections.abc import Mapping, Sequence
from statistics import median

COMPARED_AT_LEAST = 5
"""With fewer articles nothing says what is usual, and words alone decide."""

FULL_SHARE = 0.7
"""How far from the usual cosine to an identical text an article must stand to count as fully similar."""

ARTICLE_CHARACTERS_MAXIMUM = 1500
QUESTION_CHARACTERS_MAXIMUM = 1000
"""Longer texts are cut: small models refuse them, and what is asked stands at the beginning."""

_PERSONAL = re.compile(r"[A-Za-z0-9_.+-]+@[A-Za-z0-9_.-]+|\+?\d(?:[ -]?\d){4,}")


def question_text(said: str) -> str:
    """What is sent to the endpoint of a customer's words: cut, e-mail addresses and long numbers left out."""
    return _PERSONAL.sub("…", said.strip()[:QUESTION_CHARACTERS_MAXIMUM])


def article_text(title: str, questions: Sequence[str], body: str) -> str:
    """What is sent to the endpoint of an article: its title and questions first."""
    return "\n".join((title, *questions, body)).strip()[:ARTICLE_CHARACTERS_MAXIMUM]


def relative_similarities(cosines: Mapping[str, float]) -> dict[str, float]:
    """Each article's similarity, 0 (as unrelated as most) to 1, from all articles' cosines with the question."""
    if len(cosines) < COMPARED_AT_LEAST:
        return {}
    usual = median(cosines.values())
    full = FULL_SHARE * (1 - usual)
    if full <= 0:
        return {}
    return {key: max(0.0, min(1.0, (cosine - usual) / full)) for key, cosine in cosines.items()}
