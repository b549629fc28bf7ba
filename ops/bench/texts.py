"""What the customers of a bench say: questions that the pack's own articles answer, in both languages."""

from pathlib import Path

from adapters.packs import load_pack
from domain.text import Language
from ops.bench.knowledge import Corpus, articles_of, outcome_of
from ops.replay.words import PlayError, Word

PACKS = Path(__file__).parents[2] / "packs"
_ANSWERED = "answered"


def answerable_questions(pack: str = "ecommerce") -> list[str]:
    """Questions that the bot answers from an article: no call to the outside, no hand-over.

    The languages alternate. Raises PlayError when the pack has none.
    """
    loaded = load_pack(PACKS / pack)
    by_language: list[list[str]] = []
    for language in Language:
        corpus = Corpus(articles_of(loaded, language), loaded.bot.book, language)
        asked = [question for document in corpus.documents for question in document.questions[:4]]
        by_language.append([each for each in asked if outcome_of(corpus.decide(each)) == _ANSWERED])
    questions = [question for pair in zip(*by_language, strict=False) for question in pair]
    if not questions:
        raise PlayError(Word.PACK_SILENT, pack=pack)
    return questions
