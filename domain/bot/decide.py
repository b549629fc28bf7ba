"""One bot turn: what the customer wrote and what the bot remembers become replies, a call, or a hand-over.

Pure and deterministic. Every path ends with at least one of them: the bot is never silent.
"""

from domain.bot.book import Book, Signal
from domain.bot.confidence import Verdict, alternatives, judge
from domain.bot.extract import find_order_number, find_ordinal, find_phone, is_cancel
from domain.bot.flow_turn import SMALL_TALK, FlowTurn
from domain.bot.model import (
    Candidate,
    Choice,
    Decision,
    HandoverReason,
    Memory,
    OfferedChoice,
    Turn,
)
from domain.bot.texts import BotText
from domain.bot.turn_work import MAXIMUM_QUESTION_LENGTH
from domain.text import fold

_SMALL_TALK_TOKENS = 14


def decide(turn: Turn, memory: Memory, book: Book) -> Decision:
    """One bot turn. `memory` is not changed; the new one is in the decision."""
    return _BotTurn(turn, memory.model_copy(deep=True), book).decide()


def chosen_article_id(choice: str | None) -> str | None:
    """The article a button stands for; the caller adds that article to the turn's candidates."""
    return choice.removeprefix("article:") if choice and choice.startswith("article:") else None


class _BotTurn(FlowTurn):
    """One whole turn."""

    def decide(self) -> Decision:
        self.classified()
        self.act()
        if not (self.replies or self.handover or self.call):
            self.say(BotText.ANYTHING_ELSE)
        shown = next((reply for reply in reversed(self.replies) if reply.choices), None)
        self.memory.offered = (
            tuple(OfferedChoice(id=c.id, label=c.label) for c in shown.choices) if shown else ()
        )
        if self.handover:
            self.memory.flow = None
        if self.answered or self.handover:
            self.memory.attempts = 0
            self.memory.asked_once = False
        return Decision(
            replies=tuple(self.replies),
            memory=self.memory,
            handover=self.handover,
            call=self.call,
            classification=self.classification,
            answered=self.answered,
            trace=tuple(self.trace),
        )

    def act(self) -> None:
        turn = self.turn
        if turn.result is not None:
            self.take_result()
            return
        self.memory.turns += 1
        if self.memory.turns > self.book.thresholds.maximum_turns:
            self.hand_over(HandoverReason.OUT_OF_ATTEMPTS, "too_many_turns")
        elif turn.resumed:
            self.resumed()
        elif turn.choice:
            self.chosen(turn.choice)
        elif not any(character.isalnum() for character in self.text):
            self.without_words()
        elif not self.alarmed():
            self.remember_facts()
            if self.memory.flow is not None and self.memory.flow.flow in self.book.flows:
                self.in_flow(self.run(self.memory.flow))
            else:
                self.memory.flow = None
                self.fresh()

    def classified(self) -> None:
        if self.turn.text:
            inputs = {
                "intent": self.classification.intent or "",
                "urgency": self.classification.urgency.value,
            }
            scores = {
                f"evidence {n}": f"{e.code}={e.term}" for n, e in enumerate(self.classification.reason[:8], 1)
            }
            rejected = tuple(f"{name} {weight:.2f}" for name, weight in self.findings.intents[1:4])
            self.note("classified", *rejected, **inputs, **scores)

    def alarmed(self) -> bool:
        """Hand over at once for what no bot should answer; True when done."""
        found = self.findings
        if found.has(Signal.MAJOR_COMPLAINT):
            self.hand_over(HandoverReason.MAJOR_COMPLAINT, "lexicon")
        elif found.has(Signal.HUMAN):
            self.hand_over(HandoverReason.CUSTOMER_REQUEST, "words")
        elif found.has(Signal.URGENCY_CRITICAL):
            self.hand_over(HandoverReason.URGENCY, "lexicon")
        elif found.has(Signal.ANGER):
            self.hand_over(HandoverReason.ANGER, "lexicon")
        return self.handover is not None

    def remember_facts(self) -> None:
        number, phone = find_order_number(self.text), find_phone(self.text)
        if number:
            self.memory.facts["order_number"] = number
        if phone and not number:
            self.memory.facts["phone"] = phone
        self.memory.last_intent = self.classification.intent or self.memory.last_intent

    def without_words(self) -> None:
        """Only a picture, an emoji, punctuation or nothing."""
        waiting = self.memory.flow if self.memory.flow and self.memory.flow.flow in self.book.flows else None
        if self.turn.attachments:
            self.say(BotText.ATTACHMENT)
        if waiting is not None and self.turn.attachments:
            self.prompt_again(self.run(waiting))
        elif waiting is not None:
            self.in_flow(self.run(waiting))
        elif not self.failed_attempt() and not self.turn.attachments:
            self.say(BotText.EMPTY)

    def fresh(self) -> None:
        offered = self.typed_choice()
        if offered is not None:
            self.note("choice.typed", choice=offered.partition(":")[0])
            self.chosen(offered)
        elif is_cancel(self.text):
            self.say(BotText.ANYTHING_ELSE)
            self.answered = True
        elif not (self.small_talk() or self.start_by_intent()):
            self.from_articles()

    def typed_choice(self) -> str | None:
        """The id of a shown button whose place or label was typed."""
        offered = self.memory.offered
        folded = fold(self.text)
        for choice in offered:
            if fold(choice.label) == folded:
                return choice.id
        index = find_ordinal(self.text, len(offered))
        return offered[index].id if index is not None else None

    def small_talk(self) -> bool:
        if len(self.prepared.token_list) > _SMALL_TALK_TOKENS or self.findings.named:
            return False
        if self.turn.candidates and self.turn.candidates[0].score >= self.book.thresholds.certain_score:
            return False
        for signal, text in SMALL_TALK:
            if self.findings.has(signal):
                self.note("small_talk", kind=signal.value)
                self.say(text)
                self.answered = True
                return True
        return False

    def start_by_intent(self) -> bool:
        """Start the flow the message asks for, unless it only asks how things work."""
        thresholds = self.book.thresholds
        name, confidence = self.findings.best
        flow = self.book.intents[name].flow if name and confidence >= thresholds.flow_score else None
        has_number = find_order_number(self.text) is not None
        if flow is None and has_number and confidence < thresholds.flow_score:
            flow = self.book.bare_order_number
        if flow is None:
            return False
        top = self.turn.candidates[0] if self.turn.candidates else None
        asks = self.findings.has(Signal.INFORMATION, 0.3) and not has_number
        if asks and top is not None and top.score >= thresholds.maybe_score:
            self.note("flow.not_started", flow=flow, why="asks_for_information")
            return False
        self.start(flow, self.text)
        return True

    def from_articles(self) -> None:
        """Answer, offer the nearest, or admit not to know."""
        judged = judge(self.turn.candidates, self.findings, self.memory.answered_articles, self.book)
        rejected = [f"{c.key} {c.score:.2f}" for c in self.turn.candidates[1:4]]
        self.note(f"articles.{judged.verdict.value}", *rejected, **judged.inputs)
        if judged.verdict is Verdict.SURE:
            self.answer_with(judged.candidates[0])
        elif judged.verdict is Verdict.UNSURE:
            self.offer(judged.candidates)
        else:
            self.hopeless(related=judged.related)

    def offer(self, candidates: tuple[Candidate, ...]) -> None:
        if self.failed_attempt():
            return
        self.memory.last_question = self.text[:MAXIMUM_QUESTION_LENGTH]
        buttons = [Choice(id=f"article:{c.article_id}", label=c.title) for c in candidates]
        buttons[:0] = [
            Choice(id=f"flow:{name}", label=title)
            for name, title in alternatives(self.findings, self.book, self.turn.language)
        ]
        self.reply_choices(BotText.UNSURE, *buttons[:3], self.none(), self.human())

    def hopeless(self, *, related: bool) -> None:
        self.memory.last_question = self.text[:MAXIMUM_QUESTION_LENGTH]
        if self.memory.asked_once:
            reason = HandoverReason.LOW_CONFIDENCE if related else HandoverReason.OUT_OF_SCOPE
            self.hand_over(reason, "asked_once_already")
        elif not self.failed_attempt():
            self.memory.asked_once = True
            self.reply_choices(BotText.ASK_AGAIN if related else BotText.ASK_SCOPE, self.human())

    def chosen(self, choice: str) -> None:
        kind, _, value = choice.partition(":")
        waiting = self.memory.flow if self.memory.flow and self.memory.flow.flow in self.book.flows else None
        self.note("choice", kind=kind)
        if kind == "human":
            self.hand_over(HandoverReason.CUSTOMER_REQUEST, "button")
        elif kind == "article":
            self.chosen_article(value)
        elif kind == "flow" and value in self.book.flows:
            self.start(value, self.memory.last_question)
        elif kind == "cancel" and waiting:
            self.cancel()
        elif waiting and self.take_answer(self.run(waiting, choice=choice)):
            return
        elif kind == "none":
            self.hopeless(related=True)
        elif not self.failed_attempt():
            self.say(BotText.STALE_CHOICE)
            if waiting:
                self.prompt_again(self.run(waiting))

    def chosen_article(self, article_id: str) -> None:
        for candidate in self.turn.candidates:
            if candidate.article_id == article_id:
                self.answer_with(candidate)
                if self.memory.flow and self.memory.flow.flow in self.book.flows:
                    self.prompt_again(self.run(self.memory.flow))
                return
        if not self.failed_attempt():
            self.say(BotText.STALE_CHOICE)
