"""Finding the article: what a question asks for, and how well each fetched article covers it.

A question is taken apart into units: own tokens, and the concepts of the synonym lexicon (the built-in semantic
tier). An article covers a unit by its own word, or for somewhat less by another word of the same concept. The
score, 0 to 1, is how much of the question is covered, weighted by how rare each unit is, and how much of the
article's own phrasing the question takes up; a word no article knows therefore lowers every score, which is
what keeps questions out of scope from being answered.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from domain.bot.book import Book
from domain.bot.lexicon import Prepared, Term
from domain.bot.model import Candidate
from domain.text import Language, is_han, tokens

MAXIMUM_QUERY_TOKENS = 400
MAXIMUM_SEARCH_TOKENS = 480
STOP_WEIGHT = 0.08
CHARACTER_WEIGHT = 0.4
"""A lone Han character inside a longer run; its pairs carry the meaning."""
BODY_CHARACTER_SHARE = 0.2
"""What is left of that in a body, where any character turns up somewhere."""
UNKNOWN_PAIR_WEIGHT = 0.45
"""A Han pair no article has is often only the seam between two words."""
LIGHT_RARITY = 3.0
"""Stands for the rarity of stop words and lone characters, whose frequency is not worth counting."""
QUESTION_SHARE = 0.72
"""How much the question's coverage weighs against the phrasing's."""
PHRASE_SHARE = 0.7
"""How much titles and questions weigh against the body."""
SATURATION = 2.0
LENGTH_SHARE = 0.85
SIMILARITY_SHARE = 0.5
SCALE = {Language.ZH: 0.85, Language.EN: 1.0}
"""Exponents that put both languages on one scale: the seams between Chinese words lower every score (measured)."""


@dataclass(frozen=True)
class Document:
    """An article as fetched for ranking. `similarity` is the optional embedding's cosine, 0 to 1."""

    article_id: str
    key: str
    title: str
    questions: tuple[str, ...]
    body: str
    language: Language
    category: str = ""
    skill: str = ""
    similarity: float | None = None


@dataclass(frozen=True)
class CorpusStatistics:
    """How many articles there are, how many hold each query token, and their mean length in tokens."""

    size: int
    frequency: Mapping[str, int]
    mean_length: float | None = None
    """Of the ranked documents themselves when None."""

    def rarity(self, token: str) -> float:
        """The inverse document frequency of a token, at least a little above 0."""
        count = self.frequency.get(token, 0)
        return math.log(1 + (max(self.size, count) - count + 0.5) / (count + 0.5))


@dataclass(frozen=True)
class MatchedGroup:
    """A concept found in the question, and which of the question's tokens it accounts for."""

    id: str
    weight: float
    terms: tuple[Term, ...]
    covered: frozenset[str]


@dataclass(frozen=True)
class QueryTerms:
    """A question ready for searching and ranking."""

    text: str
    language: Language
    own: Mapping[str, float]
    """Tokens of the question with their weight."""
    groups: tuple[MatchedGroup, ...]
    search: tuple[str, ...] = ()
    """Tokens for the OR query: own and synonyms', without stop words and lone characters."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to search for."""
        return not self.search


def query_terms(text: str, language: Language, book: Book) -> QueryTerms:
    """Take a question apart. Deterministic; long texts are cut at `MAXIMUM_QUERY_TOKENS` different tokens."""
    prepared = Prepared(text)
    own: dict[str, float] = {}
    for token in prepared.token_list:
        if token not in own and len(own) < MAXIMUM_QUERY_TOKENS:
            own[token] = _own_weight(token, book)
    groups: list[MatchedGroup] = []
    for group in book.groups:
        covered: set[str] = set()
        for term in group.terms:
            if term.find(prepared):
                covered.update(token for token in _source_tokens(term.source) if token in own)
        if covered:
            groups.append(MatchedGroup(group.id, group.weight, group.terms, frozenset(covered)))
    return QueryTerms(text, language, own, tuple(groups), _search_tokens(own, groups, language))


def _own_weight(token: str, book: Book) -> float:
    if token in book.stop_tokens:
        return STOP_WEIGHT
    if len(token) == 1 and not token.isdigit():
        return CHARACTER_WEIGHT if is_han(token) else STOP_WEIGHT
    return 1.0


def _search_tokens(
    own: Mapping[str, float], groups: Iterable[MatchedGroup], language: Language
) -> tuple[str, ...]:
    wanted = dict.fromkeys(token for token, weight in own.items() if weight >= 1.0)
    for group in groups:
        for term in group.terms:
            if term.chinese == (language is Language.ZH):
                wanted.update(dict.fromkeys(token for token in _source_tokens(term.source) if len(token) > 1))
    if not wanted:
        wanted = dict.fromkeys(token for token, weight in own.items() if weight > STOP_WEIGHT)
    return tuple(wanted)[:MAXIMUM_SEARCH_TOKENS]


@dataclass(frozen=True)
class _Phrase:
    prepared: Prepared
    tokens: frozenset[str]


@dataclass(frozen=True)
class _Indexed:
    phrases: tuple[_Phrase, ...]
    whole: Prepared
    counts: Mapping[str, int]
    length: int


@lru_cache(maxsize=4096)
def _index(title: str, questions: tuple[str, ...], body: str) -> _Indexed:
    """An article's tokens, remembered by its own text, so an edited article is simply another one."""
    phrases = tuple(
        _Phrase(Prepared(phrase), frozenset(tokens(phrase))) for phrase in (title, *questions) if phrase
    )
    whole = Prepared("\n".join((title, *questions, body)))
    counts = Counter(tokens("\n".join((title, *questions, body))))
    return _Indexed(phrases, whole, counts, sum(counts.values()))


@dataclass(frozen=True)
class _Unit:
    tokens: tuple[tuple[str, float], ...]
    weight: float
    group: MatchedGroup | None = None


@dataclass
class _Asked:
    units: list[_Unit]
    rarity: dict[str, float]
    total: float = field(default=0.0)
    usual: float = field(default=1.0)


def statistics_of(documents: Sequence[Document]) -> CorpusStatistics:
    """Statistics of these documents alone, for a small corpus that is held whole."""
    frequency: Counter[str] = Counter()
    length = 0
    for document in documents:
        indexed = _index(document.title, document.questions, document.body)
        frequency.update(indexed.counts.keys())
        length += indexed.length
    return CorpusStatistics(len(documents), frequency, length / max(len(documents), 1))


def _mean_length(documents: Sequence[Document]) -> float:
    lengths = [_index(each.title, each.questions, each.body).length for each in documents]
    return sum(lengths) / len(lengths) or 1.0


def rank(
    query: QueryTerms, documents: Sequence[Document], statistics: CorpusStatistics | None = None
) -> list[Candidate]:
    """The documents that cover anything of the question, best first, with their score."""
    if not documents or query.empty:
        return []
    known = statistics or statistics_of(documents)
    asked = _asked(query, known)
    mean = known.mean_length or _mean_length(documents)
    found: list[Candidate] = []
    for document in documents:
        raw, evidence = _score(asked, document, mean)
        score = raw ** SCALE[query.language]
        if document.similarity is not None:
            score = (1 - SIMILARITY_SHARE) * score + SIMILARITY_SHARE * max(
                0.0, min(1.0, document.similarity)
            )
        if score > 0:
            found.append(_candidate(document, score, evidence))
    found.sort(key=lambda candidate: (-candidate.score, candidate.key))
    return found


def _candidate(document: Document, score: float, evidence: tuple[str, ...]) -> Candidate:
    return Candidate(
        article_id=document.article_id,
        key=document.key,
        title=document.title,
        answer=first_paragraph(document.body) or document.title,
        score=round(min(score, 1.0), 4),
        language=document.language,
        category=document.category,
        skill=document.skill,
        evidence=evidence,
    )


def first_paragraph(body: str) -> str:
    """The answer of an article: its text up to the first empty line; the rest is for agents and readers."""
    return body.strip().split("\n\n", 1)[0].strip()


def _asked(query: QueryTerms, known: CorpusStatistics) -> _Asked:
    rarity: dict[str, float] = {}
    for token, weight in query.own.items():
        value = weight * (known.rarity(token) if weight >= 1.0 else LIGHT_RARITY)
        if len(token) > 1 and is_han(token) and known.frequency.get(token, 0) == 0:
            value *= UNKNOWN_PAIR_WEIGHT
        rarity[token] = value
    units: list[_Unit] = []
    taken: set[str] = set()
    for group in query.groups:
        fresh = group.covered - taken
        if fresh:
            taken |= fresh
            parts = tuple((token, rarity[token]) for token in query.own if token in fresh)
            units.append(_Unit(parts, sum(value for _, value in parts), group))
    units.extend(_Unit(((token, rarity[token]),), rarity[token]) for token in query.own if token not in taken)
    usual = [value for token, value in rarity.items() if query.own[token] >= 1.0]
    total = sum(unit.weight for unit in units)
    return _Asked(units, rarity, total, sum(usual) / len(usual) if usual else 1.0)


def _score(asked: _Asked, document: Document, mean: float) -> tuple[float, tuple[str, ...]]:
    if asked.total <= 0:
        return 0.0, ()
    indexed = _index(document.title, document.questions, document.body)
    present = {unit.group.id for unit in asked.units if unit.group and _has(unit.group, indexed.whole)}
    body, evidence = _body_score(asked, indexed, mean, present)
    if not indexed.phrases:
        return body, evidence
    phrase = max(_phrase_score(asked, phrase, present) for phrase in indexed.phrases)
    return PHRASE_SHARE * phrase + (1 - PHRASE_SHARE) * body, evidence


def _body_score(
    asked: _Asked, indexed: _Indexed, mean: float, present: set[str]
) -> tuple[float, tuple[str, ...]]:
    norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * indexed.length / mean)
    covered = total = 0.0
    evidence: list[str] = []
    for unit in asked.units:
        own = whole = 0.0
        for token, full in unit.tokens:
            value = full * BODY_CHARACTER_SHARE if len(token) == 1 else full
            whole += value
            count = indexed.counts.get(token, 0)
            own += value * count / (count + norm)
        if unit.group is not None and unit.group.id in present:
            own = max(own, whole * unit.group.weight * 0.5)
        total += whole
        covered += own
        if own > 0 and unit.group is not None:
            evidence.append(unit.group.id)
    return (covered / total if total else 0.0), tuple(evidence)


def _phrase_score(asked: _Asked, phrase: _Phrase, present: set[str]) -> float:
    shared = phrase.tokens & asked.rarity.keys()
    if not (shared or present):
        return 0.0
    used = set(shared)
    covered = 0.0
    for unit in asked.units:
        own = sum(value for token, value in unit.tokens if token in shared)
        if unit.group is not None and unit.group.id in present and own < unit.weight:
            matched = _matched_tokens(unit.group, phrase.prepared)
            if matched:
                own = max(own, unit.weight * unit.group.weight)
                used |= matched & phrase.tokens
        covered += own
    if covered <= 0:
        return 0.0
    taken = sum(_phrase_weight(asked, token) for token in used)
    spare = phrase.tokens - used
    single = sum(1 for token in spare if len(token) == 1)
    left = asked.usual * (len(spare) - single + single * CHARACTER_WEIGHT)
    return float((covered / asked.total) ** QUESTION_SHARE * (taken / (taken + left)) ** (1 - QUESTION_SHARE))


def _phrase_weight(asked: _Asked, token: str) -> float:
    return asked.rarity.get(token, asked.usual * (1.0 if len(token) > 1 else CHARACTER_WEIGHT))


def _has(group: MatchedGroup, prepared: Prepared) -> bool:
    return any(term.find(prepared) for term in group.terms)


def _matched_tokens(group: MatchedGroup, prepared: Prepared) -> set[str]:
    return {token for term in group.terms if term.find(prepared) for token in _source_tokens(term.source)}


@lru_cache(maxsize=8192)
def _source_tokens(source: str) -> tuple[str, ...]:
    return tuple(tokens(source))
