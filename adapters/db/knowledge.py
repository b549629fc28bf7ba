"""Articles in the ledger: keeping their search tokens, and fetching those that may answer.

PostgreSQL fetches by our own tokens (an OR over the question's words and their synonyms, rarest first);
`domain.bot.retrieval` then ranks what was fetched. Only published articles that are valid on the shop's
present day are ever found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.config import LineConfig
from adapters.db.engine import Transaction
from domain.bot.book import Book
from domain.bot.model import Candidate
from domain.bot.retrieval import CorpusStatistics, Document, first_paragraph, query_terms, rank
from domain.text import Language, tokens

FETCHED = 30
ASKED_TOKENS = 64
SHOWN_CANDIDATES = 5
NEAR_SIMILARITY = 0.5
NEAR_FETCHED = 5
"""Articles as similar as this are ranked too when they share no word with the question."""

_OPEN = """
    line_id = :line and language = :language and status = 'published'
    and (valid_from is null or valid_from <= :today) and (valid_until is null or valid_until >= :today)
"""

_FETCH = f"""
    with open_articles as (select id, tokens from articles where {_OPEN}),
    size as (select count(*) as articles from open_articles),
    found as (
        select asked.token, open_articles.id
        from unnest(cast(:tokens as text[])) as asked (token)
        join open_articles on open_articles.tokens @@ cast(quote_literal(asked.token) as tsquery)
    ),
    rare as (
        select token, count(*) as held,
               ln(1 + (size.articles - count(*) + 0.5) / (count(*) + 0.5)) as rarity
        from found cross join size group by token, size.articles
    ),
    best as (
        select found.id, sum(rare.rarity) as weight from found join rare using (token)
        group by found.id order by weight desc, found.id limit {FETCHED}
    ),
    wanted as (
        select id, weight from best
        union all
        select id, 0 from open_articles
        where id = any(cast(:near as uuid[])) and id not in (select id from best)
    )
    select articles.id, key, title, questions, body, language, category, skill, size.articles as corpus,
           case when row_number() over first = 1 then
               (select coalesce(jsonb_object_agg(token, held), '{{}}') from rare) end as frequency
    from wanted join articles using (id) cross join size
    window first as (order by wanted.weight desc, articles.id)
    order by wanted.weight desc, articles.id
"""  # noqa: S608 - the parts are constants of this module; every value is a parameter


@dataclass(frozen=True)
class Meaning:
    """How similar articles are to one text, 0 to 1, by article id (`adapters.db.embedding`)."""

    text: str
    similarity: Mapping[str, float] = field(default_factory=dict)

    def near(self) -> list[UUID]:
        """The articles worth ranking even if they share no word with the text, the nearest first."""
        close = [(value, key) for key, value in self.similarity.items() if value >= NEAR_SIMILARITY]
        return [UUID(key) for _, key in sorted(close, reverse=True)[:NEAR_FETCHED]]


NO_MEANING = Meaning("")
"""Without the optional embeddings endpoint, or when it gave nothing in time: words alone decide."""


def search_tokens(title: str, questions: Sequence[str], body: str) -> list[str]:
    """What an article is found by, for `array_to_tsvector(cast(:tokens as text[]))`: sorted, each once."""
    return sorted(set(tokens("\n".join((title, *questions, body)))))


async def index_article(tx: Transaction, article_id: UUID) -> None:
    """Write an article's search tokens; part of every transaction that changes its words."""
    row = await tx.one("select title, questions, body from articles where id = :id", id=article_id)
    await tx.run(
        "update articles set tokens = array_to_tsvector(cast(:tokens as text[])) where id = :id",
        tokens=search_tokens(row.title, row.questions, row.body),
        id=article_id,
    )


async def candidates_for(
    tx: Transaction,
    config: LineConfig,
    text: str,
    language: Language,
    chosen_id: str | None = None,
    meaning: Meaning = NO_MEANING,
) -> list[Candidate]:
    """The articles that may answer a text, best first; a chosen one (a button's) comes first of all.

    `meaning` counts only if it is that of this very text: more may have been written since it was asked for.
    """
    chosen = await _chosen(tx, config, chosen_id) if chosen_id else None
    known = meaning if meaning.text == text else NO_MEANING
    found = await find_candidates(tx, config.line_id, config.book, text, language, known)
    if chosen is None:
        return found
    return [chosen, *(candidate for candidate in found if candidate.article_id != chosen.article_id)]


async def find_candidates(
    tx: Transaction,
    line_id: str,
    book: Book,
    text: str,
    language: Language,
    meaning: Meaning = NO_MEANING,
) -> list[Candidate]:
    """The articles of one language that may answer a text, best first, at most `SHOWN_CANDIDATES`."""
    query = query_terms(text, language, book)
    if query.empty:
        return []
    rows = await tx.all(
        _FETCH,
        line=line_id,
        language=language.value,
        today=await _today(tx, book),
        tokens=list(query.search[:ASKED_TOKENS]),
        near=meaning.near(),
    )
    if not rows:
        return []
    statistics = CorpusStatistics(rows[0].corpus, rows[0].frequency)
    return rank(query, [_document(row, meaning) for row in rows], statistics)[:SHOWN_CANDIDATES]


async def _today(tx: Transaction, book: Book) -> Any:
    """The shop's civil day, which validity dates mean."""
    locked = next(iter(tx.locked_cases.values()), None)
    now = locked.locked_at if locked is not None else await tx.clock()
    return (now + timedelta(minutes=book.utc_offset_minutes)).date()


async def _chosen(tx: Transaction, config: LineConfig, article_id: str) -> Candidate | None:
    try:
        wanted = UUID(article_id)
    except ValueError:
        return None
    row = await tx.first(
        "select * from articles where id = :id and line_id = :line and status = 'published'",
        id=wanted,
        line=config.line_id,
    )
    if row is None:
        return None
    return Candidate(
        article_id=str(row.id),
        key=row.key,
        title=row.title,
        answer=first_paragraph(row.body),
        score=1.0,
        language=Language(row.language),
        category=row.category,
        skill=row.skill,
    )


def _document(row: Row[Any], meaning: Meaning) -> Document:
    return Document(
        article_id=str(row.id),
        key=row.key,
        title=row.title,
        questions=tuple(row.questions),
        body=row.body,
        language=Language(row.language),
        category=row.category,
        skill=row.skill,
        similarity=meaning.similarity.get(str(row.id)),
    )
