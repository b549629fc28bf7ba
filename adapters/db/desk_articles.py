"""Articles as people edit them in the desk; what is saved is searched at once."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction, as_json
from adapters.db.knowledge import index_article
from adapters.ids import new_id
from domain.refusals import Refusal, RefusalCode

PAGE_SIZE = 50


@dataclass(frozen=True)
class ArticleText:
    """What an editor writes; checked by the page before it comes here."""

    key: str
    language: str
    title: str
    questions: list[str]
    body: str
    category: str
    skill: str
    status: str
    valid_from: date | None
    valid_until: date | None
    review_at: date | None


_STATES = {
    "all": "true",
    "published": "a.status = 'published'",
    "draft": "a.status = 'draft'",
    "archived": "a.status = 'archived'",
    "review": "a.status = 'published' and a.review_at <= current_date + 14",
    "expired": "a.status = 'published' and a.valid_until < current_date",
}
"""What the list may be narrowed to."""


async def list_articles(
    tx: Transaction,
    line_id: str,
    *,
    language: str | None = None,
    state: str = "all",
    wanted: list[str] | None = None,
    after: str | None = None,
) -> tuple[list[Row[Any]], str | None]:
    """One page by key, those that hold every wanted token; and where to read on."""
    query = " & ".join("'" + token.replace("'", "''") + "'" for token in wanted or [])
    after_key, _, after_language = (after or "").partition("~")
    rows = await tx.all(
        f"""
        select a.id, a.key, a.language, a.title, a.category, a.skill, a.status, a.valid_from, a.valid_until,
               a.review_at, a.version, a.changed_at, o.name as owner_name,
               o.name_en as owner_name_en, a.valid_until < current_date as expired,
               a.review_at <= current_date as review_due
        from articles a left join users o on o.id = a.owner_id
        where a.line_id = :line and {_STATES.get(state, "true")}
          and (cast(:language as text) is null or a.language = :language)
          and (:query = '' or a.tokens @@ cast(:query as tsquery))
          and (a.key, a.language) > (:after_key, :after_language)
        order by a.key, a.language limit :limit
        """,  # noqa: S608 # one of constants of this module
        line=line_id,
        language=language,
        query=query,
        after_key=after_key,
        after_language=after_language,
        limit=PAGE_SIZE + 1,
    )
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return rows, f"{rows[-1].key}~{rows[-1].language}" if more else None


async def get_article(tx: Transaction, line_id: str, article_id: UUID) -> Row[Any]:
    """Raises NotFoundError."""
    return await tx.one(
        """select a.*, o.name as owner_name, o.name_en as owner_name_en, c.name as changed_by_name,
                  c.name_en as changed_by_name_en
           from articles a left join users o on o.id = a.owner_id left join users c on c.id = a.changed_by
           where a.id = :id and a.line_id = :line""",
        id=article_id,
        line=line_id,
    )


async def other_language(tx: Transaction, line_id: str, key: str, language: str) -> UUID | None:
    """The same article in the other language, if it is written."""
    found: UUID | None = await tx.scalar(
        "select id from articles where line_id = :line and key = :key and language <> :language limit 1",
        line=line_id,
        key=key,
        language=language,
    )
    return found


async def save_article(
    tx: Transaction, line_id: str, user_id: UUID, article: ArticleText, *, id: UUID | None, version: int
) -> UUID:
    """Write a new article (`id` None) or a new version of one; the former stays in the record of changes.

    Raises NotFoundError, Refusal STALE when somebody saved meanwhile, ALREADY_DONE when the key is taken.
    """
    values = {
        "key": article.key,
        "language": article.language,
        "title": article.title,
        "questions": as_json(article.questions),
        "body": article.body,
        "category": article.category,
        "skill": article.skill,
        "status": article.status,
        "valid_from": article.valid_from,
        "valid_until": article.valid_until,
        "review_at": article.review_at,
        "user": user_id,
        "line": line_id,
    }
    before: dict[str, Any] | None = None
    if id is None:
        article_id = new_id()
        added = await tx.run(
            """insert into articles (id, line_id, key, language, title, questions, body, category, skill, status,
                                     valid_from, valid_until, review_at, owner_id, changed_by)
               values (:id, :line, :key, :language, :title, cast(:questions as jsonb), :body, :category, :skill,
                       :status, :valid_from, :valid_until, :review_at, :user, :user)
               on conflict (line_id, key, language) do nothing""",
            id=article_id,
            **values,
        )
        if not added:
            raise Refusal(RefusalCode.ALREADY_DONE)
    else:
        article_id = id
        before = await _locked(tx, line_id, article_id, version)
        await tx.run(
            """update articles set title = :title, questions = cast(:questions as jsonb), body = :body,
                   category = :category, skill = :skill, status = :status, valid_from = :valid_from,
                   valid_until = :valid_until, review_at = :review_at, version = version + 1,
                   changed_at = clock_timestamp(), changed_by = :user
               where id = :id""",
            id=article_id,
            **{name: value for name, value in values.items() if name not in ("key", "language", "line")},
        )
    await index_article(tx, article_id)
    await _record(tx, line_id, user_id, article_id, before, article)
    return article_id


async def _locked(tx: Transaction, line_id: str, article_id: UUID, version: int) -> dict[str, Any]:
    row = await tx.first(
        """select key, language, title, questions, body, category, skill, status, valid_from, valid_until,
                  review_at, version
           from articles where id = :id and line_id = :line for update""",
        id=article_id,
        line=line_id,
    )
    if row is None:
        raise NotFoundError("article")
    if row.version != version:
        raise Refusal(RefusalCode.STALE)
    return dict(row._mapping)  # noqa: SLF001 # SQLAlchemy's public name of a row's mapping


async def _record(
    tx: Transaction,
    line_id: str,
    user_id: UUID,
    article_id: UUID,
    before: dict[str, Any] | None,
    article: ArticleText,
) -> None:
    subject = f"articles:{article.key}.{article.language}"
    await tx.run(
        """insert into configuration_changes (id, line_id, subject, before, after, user_id)
           values (:id, :line, :subject, cast(:before as jsonb), cast(:after as jsonb), :user)""",
        id=new_id(),
        line=line_id,
        subject=subject,
        before=as_json(before) if before is not None else None,
        after=as_json(article.__dict__),
        user=user_id,
    )
    tx.subject_event(
        line_id,
        f"config:{line_id}",
        "article_changed",
        f"user:{user_id}",
        {"article_id": article_id, "new": before is None},
    )


async def categories(tx: Transaction, line_id: str) -> list[str]:
    """Categories in use."""
    rows = await tx.all(
        "select distinct category from articles where line_id = :line and category <> '' order by 1",
        line=line_id,
    )
    return [row.category for row in rows]
