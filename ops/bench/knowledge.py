"""How well the bot finds answers, and how well it knows what not to answer.

Reads a pack and, where they are present, public data sets that nobody of the project wrote; no database. The
same domain functions run as in the product, with an in-memory stand-in for PostgreSQL's prefetch.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.packs import load_pack
from domain.bot.book import Book
from domain.bot.decide import decide
from domain.bot.model import Candidate, Decision, Memory, ReplyKind, Turn
from domain.bot.retrieval import (
    CorpusStatistics,
    Document,
    QueryTerms,
    query_terms,
    rank,
    statistics_of,
)
from domain.pack import Pack
from domain.text import Language, tokens

PREFETCHED = 30
MOMENT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@dataclass
class Corpus:
    """Documents held whole, with an inverted index in PostgreSQL's place."""

    documents: Sequence[Document]
    book: Book
    language: Language
    statistics: CorpusStatistics = field(init=False)
    index: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.statistics = statistics_of(self.documents)
        self.index = defaultdict(list)
        for number, document in enumerate(self.documents):
            for token in set(tokens("\n".join((document.title, *document.questions, document.body)))):
                self.index[token].append(number)

    def query(self, text: str) -> QueryTerms:
        return query_terms(text, self.language, self.book)

    def candidates(self, text: str, *, without: str | None = None) -> list[Candidate]:
        """Ranked candidates; `without` takes that very phrasing out of the articles' questions."""
        query = self.query(text)
        weights: Counter[int] = Counter()
        for token in query.search:
            rarity = self.statistics.rarity(token)
            for number in self.index.get(token, ()):
                weights[number] += rarity  # type: ignore[assignment] # a Counter adds floats as well
        fetched = [self.documents[number] for number, _ in weights.most_common(PREFETCHED)]
        if without is not None:
            fetched = [
                replace(document, questions=tuple(q for q in document.questions if q != without))
                for document in fetched
            ]
        return rank(query, fetched, self.statistics)[:5]

    def decide(self, text: str, *, without: str | None = None) -> Decision:
        """The bot's first turn on a text."""
        turn = Turn(
            text=text,
            language=self.language,
            now=MOMENT,
            candidates=tuple(self.candidates(text, without=without)),
        )
        return decide(turn, Memory(), self.book)


def outcome_of(decision: Decision) -> str:
    """What one turn did: answered, offered, flow, small_talk, asked, or handed_over."""
    if decision.handover is not None:
        return "handed_over"
    if decision.memory.flow is not None:
        return "flow"
    if any(reply.citations for reply in decision.replies):
        return "answered"
    if any(choice.id.startswith(("article:", "flow:")) for r in decision.replies for choice in r.choices):
        return "offered"
    asked = any(reply.kind is ReplyKind.CHOICES for reply in decision.replies) or not decision.answered
    return "asked" if asked else "small_talk"


def articles_of(pack: Pack, language: Language) -> list[Document]:
    """The pack's articles of one language that are valid at the bench's moment."""
    return [
        Document(
            article_id=f"{language.value}/{article.key}",
            key=article.key,
            title=article.title,
            questions=tuple(article.questions),
            body=article.body,
            language=language,
            category=article.category,
            skill=article.skill,
        )
        for article in pack.articles
        if article.language is language and article.is_valid_on(MOMENT.date())
    ]


def measure_knowledge(pack_directory: Path, data_directory: Path | None = None) -> dict[str, Any]:
    """All figures as plain data: shares from 0 to 1, counts, milliseconds."""
    pack = load_pack(pack_directory)
    book = pack.bot.book
    corpora = {language: Corpus(articles_of(pack, language), book, language) for language in Language}
    figures: dict[str, Any] = {
        f"own_questions_{language.value}": _own_questions(corpus) for language, corpus in corpora.items()
    }
    if data_directory is None:
        return figures
    english = corpora[Language.EN]
    figures["milliseconds"] = _speed(english, _texts(data_directory / "hint3_en" / "dev.jsonl", 300))
    rows = list(_rows(data_directory / "hint3_en" / "dev.jsonl"))
    for bot in sorted({row["bot"] for row in rows}):
        own = [row for row in rows if row["bot"] == bot]
        foreign = [row["text"] for row in own if row["intent"] == "NO_NODES_DETECTED"]
        figures[f"hint3_{bot}_out_of_scope"] = _outcomes(english, foreign)
        inside = [row["text"] for row in own if row["intent"] != "NO_NODES_DETECTED"]
        figures[f"hint3_{bot}_in_scope"] = _outcomes(english, inside)
    clinc = list(_rows(data_directory / "clinc150_oos_en" / "dev.jsonl"))
    figures["clinc150_all"] = _outcomes(english, [row["text"] for row in clinc][::4])
    figures["banking77"] = _outcomes(
        english, _texts(data_directory / "banking77_en" / "dev.jsonl", 5_000)[::3]
    )
    figures["gov_replies_zh"] = measure_replies(data_directory / "gov_replies_zh" / "dev.jsonl", book)
    return figures


def _own_questions(corpus: Corpus) -> dict[str, float]:
    """Each article's own phrasings, each left out in turn: is the article still found?"""
    first = third = count = 0
    outcomes: Counter[str] = Counter()
    for document in corpus.documents:
        for question in document.questions:
            count += 1
            keys = [candidate.key for candidate in corpus.candidates(question, without=question)]
            first += keys[:1] == [document.key]
            third += document.key in keys[:3]
            outcomes[_judged(corpus.decide(question, without=question), document)] += 1
    return {"count": count, "top_1": first / count, "top_3": third / count} | {
        name: number / count for name, number in sorted(outcomes.items())
    }


def _judged(decision: Decision, document: Document) -> str:
    outcome = outcome_of(decision)
    if outcome == "answered":
        right = any(document.article_id in reply.citations for reply in decision.replies)
        return "answered_right" if right else "answered_wrong"
    if outcome == "offered":
        wanted = f"article:{document.article_id}"
        offered = any(choice.id == wanted for reply in decision.replies for choice in reply.choices)
        return "offered_right" if offered else "offered_wrong"
    return outcome


def _outcomes(corpus: Corpus, texts: Iterable[str]) -> dict[str, float]:
    found = Counter(outcome_of(corpus.decide(text)) for text in texts)
    count = sum(found.values())
    return {"count": count} | {name: number / count for name, number in sorted(found.items())}


def measure_replies(path: Path, book: Book, most: int | None = None) -> dict[str, float]:
    """Citizens' messages (the first `most`) against all replies of the office: their own must come first."""
    rows = list(_rows(path))
    documents = [Document(row["id"], row["id"], "", (), row["reply"], Language.ZH) for row in rows]
    corpus = Corpus(documents, book, Language.ZH)
    asks: dict[str, Callable[[dict[str, str]], str]] = {
        "text": lambda row: row["text"],
        "subject_and_text": lambda row: f"{row['subject']}\n{row['text']}",
    }
    asking = rows[:most]
    figures: dict[str, float] = {"count": len(asking)}
    for name, ask in asks.items():
        found = [[c.key for c in corpus.candidates(ask(row))] for row in asking]
        pairs = list(zip(asking, found, strict=True))
        figures[f"{name}_top_1"] = sum(keys[:1] == [row["id"]] for row, keys in pairs) / len(pairs)
        figures[f"{name}_top_5"] = sum(row["id"] in keys for row, keys in pairs) / len(pairs)
    return figures


def _speed(corpus: Corpus, texts: Sequence[str]) -> dict[str, float]:
    spent: dict[str, list[float]] = {"rank": [], "decide": []}
    for text in texts:
        started = time.perf_counter()
        candidates = tuple(corpus.candidates(text))
        ranked = time.perf_counter()
        decide(
            Turn(text=text, language=corpus.language, now=MOMENT, candidates=candidates),
            Memory(),
            corpus.book,
        )
        spent["rank"].append(ranked - started)
        spent["decide"].append(time.perf_counter() - ranked)
    figures: dict[str, float] = {}
    for name, seconds in spent.items():
        seconds.sort()
        figures[f"{name}_p50"] = seconds[len(seconds) // 2] * 1_000
        figures[f"{name}_p95"] = seconds[len(seconds) * 95 // 100] * 1_000
    return figures


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _texts(path: Path, most: int) -> list[str]:
    return [row["text"] for row in _rows(path)][:most]


def main() -> None:
    """Print the figures as JSON: `python -m ops.bench.knowledge PACK DATA`."""
    import sys  # noqa: PLC0415 - only the command line needs it

    pack, *data = map(Path, sys.argv[1:])
    figures = measure_knowledge(pack, data[0] if data else None)
    print(json.dumps(figures, ensure_ascii=False, indent=1, default=float))


if __name__ == "__main__":
    main()
