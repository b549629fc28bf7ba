"""What a message is about, how urgent it is, and what work on it needs — with the reason.

A reasoned lexicon: terms of the pack's `intents.yaml` found in the text, taken back by a negation before them,
joined by noisy-or, together with the evidence of the articles found. No model, no learning; the same message is
always judged the same, and every judgement names its terms.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain.bot.book import Book, CompiledTerm, Signal
from domain.bot.lexicon import Prepared, Term
from domain.bot.model import Candidate, Classification, Evidence, Urgency
from domain.text import Language

_NEGATION_HAN = re.compile(
    r"(?:(?<!要)不要|(?<!用)不用|(?<!需)不需要|(?<!想)不想|无需|不必|没必要|(?<!分)(?<!特)(?<!区)别|并非|(?<!是)不是|先不|没有|没)(?:给我|帮我|让我|再|去|找|要|被|任何|什么|到)?\Z"
)
_NEGATION_WORDS = re.compile(
    r" (?:dont|do not|didnt|did not|doesnt|never) \Z| (?:(?:dont|do not|didnt|did not) (?:need|want|have)(?: (?:to|any|the|a))*(?: (?:talk|speak|chat|be|get|connect))*(?: (?:to|with))?"
    r"|no need(?: (?:to|for))*|not(?: (?:a|an|the|any))?|without|never|no|isnt|wasnt|rather than|instead of)(?: (?:a|an|the|ani|ur|your))? \Z"
)
_CAPITALS_SHARE = 0.7
_ARTICLE_WEIGHT = 0.4
_MARKS = re.compile(r"[!！]{3,}|(?:[!！][?？]|[?？][!！]){2,}")


@dataclass(frozen=True)
class Findings:
    """Everything the lexicon found in one message."""

    intents: tuple[tuple[str, float], ...]
    """Intents by falling confidence."""
    named: bool
    """Whether the words themselves, not only an article found, speak for some intent."""
    signals: dict[Signal, float]
    evidence: tuple[Evidence, ...]

    def has(self, signal: Signal, least: float = 0.7) -> bool:
        """Whether the signal was found with at least that weight."""
        return self.signals.get(signal, 0.0) >= least

    @property
    def best(self) -> tuple[str | None, float]:
        """The likeliest intent with its confidence."""
        return self.intents[0] if self.intents else (None, 0.0)


def examine(text: str, book: Book, candidates: Sequence[Candidate] = ()) -> Findings:
    """Find intents and signals in one message."""
    prepared = Prepared(text)
    evidence: list[Evidence] = []
    signals = {
        signal: weight
        for signal in book.signal_terms
        if (weight := _signal(signal, prepared, book, evidence))
    }
    shouting = _shouting(text)
    if shouting:
        evidence.append(Evidence(code="signal.anger", term=shouting, weight=0.35))
        signals[Signal.ANGER] = _or(signals.get(Signal.ANGER, 0.0), 0.35)
    intents: list[tuple[str, float]] = []
    named = False
    for name, terms in book.intent_terms.items():
        if any(term.find(prepared) for term in book.intent_never[name]):
            continue
        weight = _weight(f"intent.{name}", terms, prepared, evidence)
        named = named or weight > 0
        best = candidates[0] if candidates else None
        if best is not None and best.category and best.category in book.intents[name].categories:
            share = _ARTICLE_WEIGHT * best.score
            evidence.append(Evidence(code=f"article.{name}", term=best.key, weight=round(share, 3)))
            weight = _or(weight, share)
        if weight:
            intents.append((name, round(weight, 4)))
    intents.sort(key=lambda pair: -pair[1])
    return Findings(tuple(intents), named, signals, tuple(evidence))


def classify(findings: Findings, language: Language, book: Book) -> Classification:
    """What work on the message needs: intent, skills, plan and urgency, with the terms that say so."""
    name, confidence = findings.best
    sure = name is not None and confidence >= book.thresholds.intent_score
    intent = book.intents[name] if name is not None and sure else None
    urgency, why = _urgency(findings, intent.urgency if intent else Urgency.NORMAL)
    skills = dict(intent.skills) if intent else {}
    if findings.has(Signal.MAJOR_COMPLAINT):
        skills = {"complaints": 3}
    elif findings.has(Signal.ANGER):
        skills["complaints"] = max(skills.get("complaints", 0), 1)
    skills[language.value] = 1
    used = {f"intent.{name}", f"article.{name}"} if intent else set()
    reason = tuple(item for item in findings.evidence if item.code in used or item.code.startswith("signal."))
    return Classification(
        intent=name if intent else None,
        confidence=round(confidence, 4),
        urgency=urgency,
        skills=skills,
        plan=intent.plan if intent else None,
        reason=(*reason, *why),
    )


def _urgency(findings: Findings, base: Urgency) -> tuple[Urgency, tuple[Evidence, ...]]:
    if findings.has(Signal.MAJOR_COMPLAINT):
        return Urgency.CRITICAL, (Evidence(code="urgency", term="major_complaint"),)
    if findings.has(Signal.URGENCY_CRITICAL):
        return Urgency.CRITICAL, (Evidence(code="urgency", term="urgency_critical"),)
    if findings.has(Signal.ANGER) or findings.has(Signal.URGENCY_HIGH):
        cause = "anger" if findings.has(Signal.ANGER) else "urgency_high"
        return Urgency.highest(base, Urgency.HIGH), (Evidence(code="urgency", term=cause),)
    return base, ()


def _signal(signal: Signal, prepared: Prepared, book: Book, evidence: list[Evidence]) -> float:
    if any(term.find(prepared) for term in book.signal_never.get(signal, ())):
        return 0.0
    return _weight(f"signal.{signal.value}", book.signal_terms[signal], prepared, evidence, negatable=True)


def _weight(
    code: str,
    terms: Sequence[CompiledTerm],
    prepared: Prepared,
    evidence: list[Evidence],
    *,
    negatable: bool = False,
) -> float:
    """Terms found, by noisy-or. A subject stays the subject when negated ("没有发票"); a wish does not."""
    total = 0.0
    for entry in terms:
        span = entry.term.find(prepared)
        if span is None or (negatable and _negated(entry.term, prepared, span[0])):
            continue
        evidence.append(Evidence(code=code, term=entry.term.source, weight=entry.weight))
        total = _or(total, entry.weight)
    return total


def _negated(term: Term, prepared: Prepared, start: int) -> bool:
    """Whether a negation stands right before: 不用转人工, "I don't need an agent"."""
    before = term.before(prepared, start)
    if term.chinese:
        return _NEGATION_HAN.search(before[-8:]) is not None
    return _NEGATION_WORDS.search(f" {before[-60:].strip()} ") is not None


def _or(left: float, right: float) -> float:
    return 1 - (1 - left) * (1 - right)


def _shouting(text: str) -> str | None:
    """Capitals or marks that raise the voice."""
    if _MARKS.search(text):
        return "!!!"
    letters = [character for character in text if character.isascii() and character.isalpha()]
    words = re.findall(r"[A-Za-z]{2,}", text)
    if len(words) >= 4 and sum(map(str.isupper, letters)) >= _CAPITALS_SHARE * len(letters):
        return "CAPITALS"
    return None
