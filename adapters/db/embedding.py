"""Articles' vectors in the ledger, and how near each stands to a question.

`articles.embedding` is `{"model": …, "text": digest, "dimensions": n, "vector": "[…]"}` with a vector of length 1,
kept as the text that the extension `vector` reads. It is current while the model is the configured one and the
digest is that of the article's present words, so an edit makes it stale by itself, whoever edits, and the next
bot turn in that line renews it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any
from uuid import UUID

from adapters.db.engine import Transaction, as_json
from domain.bot.meaning import article_text, relative_similarities

_DIGEST = "md5(concat_ws(chr(10), title, cast(questions as text), body))"

_UNEMBEDDED = f"""
    select id, title, questions, body, {_DIGEST} as digest from articles
    where line_id = :line and status = 'published'
      and (embedding->>'model', embedding->>'text') is distinct from (:model, {_DIGEST})
    order by random() limit :most
"""  # noqa: S608 - the digest is a constant of this module; every value is a parameter

_STORE = f"""
    update articles set embedding = embedded.value
    from jsonb_to_recordset(cast(:rows as jsonb)) as embedded (id uuid, digest text, value jsonb)
    where articles.id in (
        select id from articles where id = any(cast(:ids as uuid[])) order by id for update skip locked
    ) and articles.id = embedded.id and {_DIGEST} = embedded.digest
"""  # noqa: S608 - the digest is a constant of this module; every value is a parameter
"""A row that an editor holds is left for the next turn; words changed meanwhile keep no vector."""

_CURRENT = f"""
    from articles cross join lateral jsonb_to_record(
        case jsonb_typeof(embedding) when 'object' then embedding else '{{}}' end
    ) as known (model text, text text, dimensions int, vector text)
    where line_id = :line and language = :language and status = 'published'
      and known.model = :model and known.text = {_DIGEST} and known.dimensions = :dimensions
"""
"""Unfolded once an article: each look into so large a document costs as much as comparing it (measured)."""

_COSINES = f"select id, 1 - (cast(known.vector as vector) <=> cast(:question as vector)) as cosine {_CURRENT}"

_VECTORS = f"select id, known.vector {_CURRENT}"


@dataclass(frozen=True)
class Unembedded:
    """A published article whose present words have no vector of the model, and what is sent of it."""

    id: UUID
    digest: str
    text: str


async def unembedded_articles(tx: Transaction, line_id: str, model: str, most: int) -> list[Unembedded]:
    """Some of the articles that lack a current vector; any of them, so that one bad text holds up no others."""
    rows = await tx.all(_UNEMBEDDED, line=line_id, model=model, most=most)
    return [
        Unembedded(id=row.id, digest=row.digest, text=article_text(row.title, row.questions, row.body))
        for row in rows
    ]


async def store_vectors(
    tx: Transaction, model: str, articles: Sequence[Unembedded], vectors: Sequence[Sequence[float]]
) -> int:
    """Keep the vectors of those articles whose words are still the same; how many were kept."""
    rows = [
        {
            "id": article.id,
            "digest": article.digest,
            "value": {
                "model": model,
                "text": article.digest,
                "dimensions": len(vector),
                "vector": as_json(list(vector)),
            },
        }
        for article, vector in zip(articles, vectors, strict=True)
    ]
    return await tx.run(_STORE, rows=as_json(rows), ids=[article.id for article in articles])


async def similarities(
    tx: Transaction, line_id: str, language: str, model: str, question: Sequence[float]
) -> dict[str, float]:
    """How similar each embedded article of a language is to a question, 0 to 1, by its id.

    The extension `vector` compares them where it is installed; else we do.
    """
    parameters: dict[str, Any] = {
        "line": line_id,
        "language": language,
        "model": model,
        "dimensions": len(question),
    }
    if await tx.scalar("select to_regtype('vector') is not null"):
        rows = await tx.all(_COSINES, question=as_json(list(question)), **parameters)
        cosines: Mapping[str, float] = {str(row.id): row.cosine for row in rows}
    else:
        rows = await tx.all(_VECTORS, **parameters)
        cosines = {str(row.id): sum(map(mul, json.loads(row.vector), question)) for row in rows}
    return relative_similarities(cosines)
