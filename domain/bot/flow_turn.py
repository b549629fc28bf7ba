"""A bot turn inside a flow: answers, side questions, switching, cancelling, results."""

from domain.bot.book import Signal
from domain.bot.extract import is_cancel
from domain.bot.flow import FlowRun, advance, make_call, prompt, take_result
from domain.bot.flow_answer import FREE_TEXT, answer, fill_from, is_question, miss
from domain.bot.flow_model import Step
from domain.bot.model import (
    Awaiting,
    FlowPosition,
)
from domain.bot.texts import BotText
from domain.bot.turn_work import TurnWork

MAXIMUM_FACT_LENGTH = 200
SMALL_TALK = (
    (Signal.BYE, BotText.BYE),
    (Signal.THANKS, BotText.THANKS),
    (Signal.GREETING, BotText.GREETING),
)
_REFERS_BACK = (
    "这个",
    "这单",
    "它",
    "该订单",
    "刚才",
    " it ",
    " thi order ",
    " that order ",
    " thi one ",
    " same order ",
)


class FlowTurn(TurnWork):
    """A turn that starts, follows or leaves a flow."""

    def start(self, name: str, text: str, slots: dict[str, str] | None = None) -> None:
        flow = self.book.flows[name]
        position = FlowPosition(
            flow=name, step=flow.steps[0].id, slots={**self.carried(name), **(slots or {})}
        )
        run = self.run(position)
        run.note("flow.start", intent=self.classification.intent or "")
        fill_from(run, text)
        advance(run)
        self.finish(run)

    def carried(self, name: str) -> dict[str, str]:
        """The order spoken of before, when the message refers to it."""
        number = self.memory.facts.get("order_number")
        refers = any(mark in self.prepared.han or mark in self.prepared.words for mark in _REFERS_BACK)
        known = "order_number" in self.book.flows[name].slots
        return {"order_number": number} if number and known and refers else {}

    def in_flow(self, run: FlowRun) -> None:
        if is_cancel(self.text):
            self.cancel()
        elif run.position.awaiting is Awaiting.CALL:
            self.repeat_call(run)
        elif self.asks_aside(run, first=True) or self.take_answer(run):
            return
        elif not (self.switch(run) or self.polite(run) or self.asks_aside(run, first=False)):
            miss(run)
            self.finish(run, helped=False)

    def take_answer(self, run: FlowRun) -> bool:
        if not answer(run):
            return False
        self.finish(run)
        return True

    def repeat_call(self, run: FlowRun) -> None:
        """The customer wrote while a call was under way and its result is lost: ask again, same number."""
        step = run.flow.step(run.position.step)
        if step is None or step.call is None:
            advance(run)
        else:
            make_call(run, step, max(self.memory.calls, 1))
        self.finish(run, helped=False)

    def switch(self, run: FlowRun) -> bool:
        """Another flow is clearly wanted: go there, with the order already named."""
        name, confidence = self.findings.best
        other = (
            self.book.intents[name].flow if name and confidence >= self.book.thresholds.flow_score else None
        )
        if other is None or other == run.position.flow:
            return False
        run.note("flow.left", to=other)
        self.trace.extend(run.trace)
        self.start(other, self.text, self.shared(run, other))
        return True

    def shared(self, run: FlowRun, other: str) -> dict[str, str]:
        slots, theirs = run.position.slots, self.book.flows[other].slots
        same = {name for name in slots if name in theirs and theirs[name].type == run.flow.slots[name].type}
        return {name: slots[name] for name in same if not theirs[name].options}

    def polite(self, run: FlowRun) -> bool:
        for signal, text in SMALL_TALK:
            if self.findings.has(signal) and self.side_turn(run):
                self.say(text)
                self.prompt_again(run)
                return True
        return False

    def asks_aside(self, run: FlowRun, *, first: bool) -> bool:
        """Answer a question from the articles and come back to the flow.

        First only for free-text slots, which would swallow the question as their value.
        """
        step = run.flow.step(run.position.step)
        if first and not (self.takes_free_text(run, step) and is_question(self.text)):
            return False
        top = self.turn.candidates[0] if self.turn.candidates else None
        if top is None or top.score < self.book.thresholds.side_score or not self.side_turn(run):
            return False
        run.note("flow.side_question", article=top.key, score=top.score)
        self.answer_with(top)
        self.say(BotText.BACK_TO_FLOW)
        self.prompt_again(run)
        return True

    def takes_free_text(self, run: FlowRun, step: Step | None) -> bool:
        waiting = run.position.awaiting is Awaiting.SLOT and step is not None and step.ask is not None
        return waiting and step is not None and run.flow.slots[step.ask or ""].type in FREE_TEXT

    def side_turn(self, run: FlowRun) -> bool:
        if run.position.side_questions >= self.book.thresholds.maximum_side_questions:
            return False
        run.position.side_questions += 1
        return True

    def prompt_again(self, run: FlowRun) -> None:
        step = run.flow.step(run.position.step)
        if step is not None:
            prompt(run, step)
        self.finish(run)

    def cancel(self) -> None:
        assert self.memory.flow is not None
        self.note("flow.cancelled", flow=self.memory.flow.flow, step=self.memory.flow.step)
        self.memory.flow = None
        self.say(BotText.CANCELLED)
        self.say(BotText.ANYTHING_ELSE)
        self.answered = True

    def resumed(self) -> None:
        waiting = self.memory.flow
        if waiting is None or waiting.flow not in self.book.flows:
            self.memory.flow = None
            self.note("flow.resumed_without_flow")
            self.say(BotText.ANYTHING_ELSE)
            return
        run = self.run(waiting)
        if waiting.awaiting is Awaiting.VERIFICATION and not self.take_answer(run):
            miss(run)
            self.finish(run, helped=False)
        elif waiting.awaiting is not Awaiting.VERIFICATION:
            self.prompt_again(run)

    def take_result(self) -> None:
        waiting = self.memory.flow
        if waiting is None or waiting.flow not in self.book.flows:
            self.memory.flow = None
            self.note("flow.result_without_flow")
            self.say(BotText.ASK_MORE)
            return
        run = self.run(waiting)
        take_result(run)
        self.finish(run)

    def finish(self, run: FlowRun, *, helped: bool = True) -> None:
        """Take over what the flow did in this turn."""
        self.replies.extend(run.replies)
        self.trace.extend(run.trace)
        self.call = run.call
        if run.call is not None:
            self.memory.calls = run.call.sequence
        for name, value in run.position.slots.items():
            self.memory.facts[name] = value[:MAXIMUM_FACT_LENGTH]
        if run.handover is not None:
            decided = run.handover
            self.hand_over(
                decided.reason, decided.code, decided.skills, decided.urgency, run=run, told=decided.told
            )
        elif run.switch_to is not None:
            self.start(run.switch_to, "", self.shared(run, run.switch_to))
        else:
            self.memory.flow = None if run.ended else run.position
            self.answered = self.answered or helped
