"""Sure, unsure or hopeless: whether the articles found may answer. Knowing what not to answer matters most."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.bot.book import Book, Signal
from domain.bot.classify import Findings
from domain.bot.model import Candidate
from domain.text import Language

_AGREEMENT = 0.08
"""What an intent that speaks for the article's category is worth, and one that speaks against it costs."""
_CHOICES = 3


class Verdict(StrEnum):
    SURE = "sure"
    UNSURE = "unsure"
    HOPELESS = "hopeless"


@dataclass(frozen=True)
class Judgement:
    """What may be done with the candidates, and the numbers it rests on."""

    verdict: Verdict
    candidates: tuple[Candidate, ...] = ()
    related: bool = False
    """Whether the message has anything to do with the shop."""
    inputs: dict[str, str | float | bool] = field(default_factory=dict)


def judge(candidates: Sequence[Candidate], findings: Findings, given: Sequence[str], book: Book) -> Judgement:
    """Judge the candidates, best first. `given` are keys of articles already shown, latest last.

    The article shown last is not shown again: who comes back with the same question was not helped by it.
    """
    limits = book.thresholds
    open_candidates = [c for c in candidates if not given or c.key != given[-1]]
    intent, confidence = findings.best
    related = confidence > 0 or bool(candidates and candidates[0].score >= limits.maybe_score)
    if not open_candidates:
        return Judgement(Verdict.HOPELESS, related=related, inputs={"candidates": 0})
    top = open_candidates[0]
    second = next((c.score for c in open_candidates[1:] if c.key != top.key), 0.0)
    agreement = _agreement(top, intent, confidence, book)
    score, margin = top.score + agreement, top.score - second
    inputs: dict[str, str | float | bool] = {
        "article": top.key,
        "score": round(top.score, 3),
        "margin": round(margin, 3),
        "agreement": agreement,
    }
    foreign = findings.has(Signal.OUT_OF_SCOPE, 0.3)
    if score >= limits.certain_score or (
        score >= limits.sure_score and margin >= limits.sure_margin and not foreign
    ):
        return Judgement(Verdict.SURE, (top,), related=True, inputs=inputs)
    near = tuple(c for c in open_candidates if c.score >= limits.maybe_score)[:_CHOICES]
    near = near or _of_subject(open_candidates, intent, confidence, book)
    if near and not foreign:
        return Judgement(Verdict.UNSURE, near, related=True, inputs=inputs)
    return Judgement(Verdict.HOPELESS, related=related and not foreign, inputs=inputs)


def _of_subject(
    candidates: Sequence[Candidate], intent: str | None, confidence: float, book: Book
) -> tuple[Candidate, ...]:
    """Weak candidates of the very subject that the words name."""
    if intent is None or confidence < book.thresholds.intent_score:
        return ()
    categories = book.intents[intent].categories
    least = book.thresholds.maybe_score / 2
    return tuple(c for c in candidates if c.category in categories and c.score >= least)[:_CHOICES]


def _agreement(top: Candidate, intent: str | None, confidence: float, book: Book) -> float:
    if intent is None or confidence < book.thresholds.intent_score or not top.category:
        return 0.0
    categories = book.intents[intent].categories
    if not categories:
        return 0.0
    return _AGREEMENT if top.category in categories else -_AGREEMENT


def alternatives(findings: Findings, book: Book, language: Language) -> list[tuple[str, str]]:
    """A flow that the message may ask for, as (name, title), when the bot is unsure."""
    for name, weight in findings.intents[:1]:
        flow = book.intents[name].flow
        if flow is not None and weight >= book.thresholds.intent_score / 2:
            return [(flow, book.flows[flow].title[language])]
    return []
