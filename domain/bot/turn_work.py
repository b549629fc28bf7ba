"""What every part of a bot turn shares: its inputs, what it says, and how it hands over."""

from domain.bot.book import Book, Signal
from domain.bot.classify import classify, examine
from domain.bot.flow import FlowRun, facts_of
from domain.bot.lexicon import Prepared
from domain.bot.model import (
    BusinessCall,
    Candidate,
    Choice,
    Fact,
    FlowPosition,
    Handover,
    HandoverReason,
    Localised,
    Memory,
    Reply,
    ReplyKind,
    Trace,
    Turn,
    Urgency,
)
from domain.bot.summary import LABELS, summarise
from domain.bot.texts import BotText, handover_text
from domain.text import clean_text

MAXIMUM_QUESTION_LENGTH = 300


class TurnWork:
    """The work of one turn; holds what the decision is made of."""

    def __init__(self, turn: Turn, memory: Memory, book: Book) -> None:
        self.turn = turn
        self.memory = memory
        self.book = book
        self.text = clean_text(turn.text)
        self.prepared = Prepared(self.text)
        self.findings = examine(self.text, book, turn.candidates)
        self.classification = classify(self.findings, turn.language, book)
        self.replies: list[Reply] = []
        self.trace: list[Trace] = []
        self.handover: Handover | None = None
        self.call: BusinessCall | None = None
        self.answered = False

    def run(self, position: FlowPosition, choice: str | None = None) -> FlowRun:
        turn = self.turn.model_copy(update={"text": self.text, "choice": choice})
        return FlowRun(turn, self.book, self.book.flows[position.flow], position, self.memory.calls)

    def note(self, code: str, *rejected: str, **inputs: str | float | bool) -> None:
        self.trace.append(Trace(code=code, inputs=inputs, rejected=rejected))

    def own(self, text: BotText) -> str:
        return self.book.texts[text][self.turn.language]

    def say(self, text: BotText) -> None:
        self.replies.append(Reply(text=self.own(text)))

    def reply_choices(self, text: BotText, *choices: Choice) -> None:
        self.replies.append(Reply(kind=ReplyKind.CHOICES, text=self.own(text), choices=choices))

    def none(self) -> Choice:
        return Choice(id="none", label=self.own(BotText.NONE_OF_THESE))

    def human(self) -> Choice:
        return Choice(id="human", label=self.own(BotText.TALK_TO_HUMAN))

    def failed_attempt(self) -> bool:
        """Count a turn that did not help; True when it was the last and the contact is handed over."""
        self.memory.attempts += 1
        if self.memory.attempts >= self.book.thresholds.maximum_attempts:
            self.hand_over(HandoverReason.OUT_OF_ATTEMPTS, "attempts")
            return True
        return False

    def answer_with(self, candidate: Candidate) -> None:
        self.replies.append(Reply(text=candidate.answer, citations=(candidate.article_id,)))
        self.memory.answered_articles = (*self.memory.answered_articles, candidate.key)[-10:]
        self.answered = True

    def hand_over(
        self,
        reason: HandoverReason,
        code: str,
        skills: dict[str, int] | None = None,
        urgency: Urgency = Urgency.NORMAL,
        *,
        run: FlowRun | None = None,
        told: bool = False,
    ) -> None:
        if run is None and self.memory.flow is not None and self.memory.flow.flow in self.book.flows:
            run = self.run(self.memory.flow)
        subject = run.flow.title if run else self.subject()
        facts = self.facts(run)
        if not told:
            self.say(handover_text(reason))
        level = Urgency.highest(urgency, self.classification.urgency)
        needed = self.skills(run, skills)
        self.handover = Handover(
            reason=reason,
            code=code,
            facts=facts,
            skills=needed,
            plan=self.classification.plan,
            urgency=level,
            summary=summarise(reason, subject, facts),
        )
        self.classification = self.classification.model_copy(update={"skills": needed, "urgency": level})
        self.memory.flow = None
        self.note("handover", reason=reason.value, why=code, urgency=level.value)

    def subject(self) -> Localised | None:
        name = self.classification.intent or self.memory.last_intent
        return self.book.intents[name].title if name is not None and name in self.book.intents else None

    def skills(self, run: FlowRun | None, given: dict[str, int] | None) -> dict[str, int]:
        """The flow's, else the message's, else those of the last subject or of the nearest article."""
        language = {self.turn.language.value: 1}
        found = self.classification.skills
        if self.findings.has(Signal.MAJOR_COMPLAINT):
            return {**found, **language}
        if given or run:
            return {**(given or (run.flow.skills if run else {})), **language}
        if set(found) - {self.turn.language.value}:
            return {**found, **language}
        last = self.memory.last_intent
        if last is not None and last in self.book.intents:
            return {**self.book.intents[last].skills, **language}
        top: Candidate | None = self.turn.candidates[0] if self.turn.candidates else None
        if top is not None and top.skill and top.score >= self.book.thresholds.maybe_score:
            return {top.skill: 1, **language}
        return language

    def facts(self, run: FlowRun | None) -> tuple[Fact, ...]:
        found: dict[str, Fact] = {}
        for name, value in self.memory.facts.items():
            found[name] = Fact(name=name, value=value, label=LABELS.get(name, {}))
        for name, value, label in facts_of(run) if run else []:
            found[name] = Fact(name=name, value=value, label=label)
        question = self.text or self.memory.last_question
        if question:
            shown = question[:MAXIMUM_QUESTION_LENGTH]
            found["question"] = Fact(name="question", value=shown, label=LABELS["question"])
        return tuple(fact for fact in found.values() if fact.label)
