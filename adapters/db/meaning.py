"""What a bot turn is about to be asked, by meaning: between two short transactions, one call to the endpoint."""

import asyncio
from uuid import UUID

import structlog

from adapters.db.bot_turn import unanswered
from adapters.db.embedding import Unembedded, similarities, store_vectors, unembedded_articles
from adapters.db.engine import Database
from adapters.db.knowledge import NO_MEANING, Meaning
from adapters.embeddings import EmbeddingOutcome, Embeddings, Vector
from domain.bot.meaning import question_text
from domain.contact import StepIntent

_log = structlog.get_logger(__name__)


async def meaning_of_turn(database: Database, embeddings: Embeddings, intent: StepIntent) -> Meaning:
    """How similar the articles are to what this turn will read; `NO_MEANING` when that cannot be had in time.

    Articles without a current vector are embedded beside the question, so edits and a new model heal here.
    Never raises for the endpoint or for what it sent: the lexicon can do without it.
    """
    try:
        return await _meaning(database, embeddings, intent)
    except Exception as error:  # noqa: BLE001 # whatever is wrong here must not make the bot mute
        embeddings.count(EmbeddingOutcome.LEDGER_ERROR)
        _log.warning("embeddings_unused", case_id=intent.case_id, error=type(error).__name__)
        return NO_MEANING


async def _meaning(database: Database, embeddings: Embeddings, intent: StepIntent) -> Meaning:
    if not embeddings.wants_questions:
        embeddings.count(EmbeddingOutcome.PAUSED)
        return NO_MEANING
    lacking: list[Unembedded] = []
    async with database.reading() as tx:
        asked = await unanswered(tx, UUID(intent.case_id), intent.step_no)
        text = question_text(asked.text) if asked is not None else ""
        if asked is None or not any(character.isalpha() for character in text):
            return NO_MEANING
        if embeddings.wants_articles:
            most = embeddings.articles_wanted
            lacking = await unembedded_articles(tx, asked.line_id, embeddings.model, most)
    question, vectors = await asyncio.gather(embeddings.question(text), _article_vectors(embeddings, lacking))
    if vectors is not None:
        async with database.transaction() as tx:
            await store_vectors(tx, embeddings.model, lacking, vectors)
    if question is None:
        return NO_MEANING
    async with database.reading() as tx:
        near = await similarities(tx, asked.line_id, asked.language, embeddings.model, question)
    return Meaning(asked.text, near)


async def _article_vectors(embeddings: Embeddings, lacking: list[Unembedded]) -> list[Vector] | None:
    if not lacking:
        return None
    return await embeddings.articles([article.text for article in lacking])
