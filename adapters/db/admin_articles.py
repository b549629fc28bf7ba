"""Articles on their way in from a spreadsheet and out to one."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.admin import change
from adapters.db.engine import Transaction
from adapters.db.upserts import subject_of
from domain.knowledge import ArticleDraft
from domain.text import Language


async def categories(tx: Transaction, line_id: str) -> list[Row[Any]]:
    """Published articles by category and language."""
    return await tx.all(
        """select category, count(*) filter (where language = 'zh') as zh,
                  count(*) filter (where language = 'en') as en,
                  count(*) filter (where review_at <= current_date) as due
           from articles where line_id = :line and status = 'published' group by category order by category""",
        line=line_id,
    )


async def known_keys(tx: Transaction, line_id: str) -> set[tuple[str, str]]:
    """Keys and languages of all articles."""
    rows = await tx.all("select key, language from articles where line_id = :line", line=line_id)
    return {(row.key, row.language) for row in rows}


async def drafts(tx: Transaction, line_id: str) -> list[ArticleDraft]:
    """Published articles as rows of a spreadsheet."""
    rows = await tx.all(
        """select key, language, title, questions, body, category from articles
           where line_id = :line and status = 'published' order by key, language""",
        line=line_id,
    )
    return [
        ArticleDraft(
            0, Language(row.language), row.title, tuple(row.questions), row.body, row.category, row.key
        )
        for row in rows
    ]


def key_of(draft: ArticleDraft) -> str:
    """The row's own key, or one that the same title gets again at the next import."""
    digest = hashlib.sha256(f"{draft.language.value}|{draft.title}".encode()).hexdigest()
    return draft.key or f"sheet_{digest[:12]}"


async def write_drafts(tx: Transaction, line_id: str, user_id: UUID, found: Sequence[ArticleDraft]) -> int:
    """Write the articles, each a change on record; how many differed from what was there."""
    written = 0
    for draft in found:
        value = {
            "title": draft.title,
            "questions": list(draft.questions),
            "body": draft.body,
            "category": draft.category,
            "skill": "",
            "status": "published",
            "valid_from": None,
            "valid_until": None,
            "review_at": None,
        }
        subject = subject_of("articles", key_of(draft), draft.language.value)
        known = await _kept(tx, line_id, key_of(draft), draft.language.value)
        written += await change(tx, line_id, user_id, subject, value | known)
    return written


async def _kept(tx: Transaction, line_id: str, key: str, language: str) -> dict[str, Any]:
    """What a spreadsheet does not say stays as it is."""
    row = await tx.first(
        """select skill, valid_from, valid_until, review_at from articles
           where line_id = :line and key = :key and language = :language""",
        line=line_id,
        key=key,
        language=language,
    )
    return {} if row is None else dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name of a row's mapping
