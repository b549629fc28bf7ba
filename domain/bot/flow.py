"""The flow engine: walks the steps of a flow until it must wait for the customer or the business system.

`flow_answer` reads what comes back. Both work on a `FlowRun`, which lives for one turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.bot.book import Book
from domain.bot.conditions import choose_case
from domain.bot.flow_model import Flow, OptionsFrom, Slot, SlotType, Step
from domain.bot.model import (
    Awaiting,
    BusinessCall,
    BusinessStatus,
    Choice,
    FlowPosition,
    HandoverReason,
    Localised,
    Reply,
    ReplyKind,
    Trace,
    Turn,
    Urgency,
)
from domain.bot.template import MISSING, Renderer, lookup
from domain.bot.texts import BotText
from domain.text import Language

MAXIMUM_STEPS_IN_A_FLOW = 200
MAXIMUM_LABEL_LENGTH = 60
_WHOLE_HOLE_LENGTH = 2


@dataclass(frozen=True)
class FlowHandover:
    """The flow gives the contact to a human; `decide` adds what the whole turn knows."""

    reason: HandoverReason
    code: str
    skills: dict[str, int]
    urgency: Urgency = Urgency.NORMAL
    told: bool = False
    """Whether the flow's own words have told the customer."""


@dataclass
class FlowRun:
    """One turn's work on one flow. `position` is the turn's own copy and may be changed."""

    turn: Turn
    book: Book
    flow: Flow
    position: FlowPosition
    sequence: int
    """Number of calls this contact has made so far."""
    replies: list[Reply] = field(default_factory=list)
    trace: list[Trace] = field(default_factory=list)
    call: BusinessCall | None = None
    handover: FlowHandover | None = None
    ended: bool = False
    switch_to: str | None = None
    """Another flow that should take over with the slots they share."""

    @property
    def language(self) -> Language:
        return self.turn.language

    @property
    def renderer(self) -> Renderer:
        return Renderer(self.language, self.flow.words, self.book.utc_offset_minutes, self.turn.now)

    def note(self, code: str, *rejected: str, **inputs: str | float | bool) -> None:
        """Remember a step of the reasoning."""
        self.trace.append(Trace(code=code, inputs={"flow": self.position.flow, **inputs}, rejected=rejected))

    def own(self, text: BotText) -> str:
        """One of the bot's own sentences."""
        return self.book.texts[text][self.language]

    def raw_values(self) -> dict[str, Any]:
        """What conditions and arguments may look at."""
        who = {"verified": self.turn.verified, "member": self.turn.member}
        return {"customer": who, **self.position.results, **self.position.slots}

    def shown_values(self, language: Language | None = None) -> dict[str, Any]:
        """What templates may show: like the raw values, options by their label."""
        values = self.raw_values()
        for name, value in self.position.slots.items():
            slot = self.flow.slots.get(name)
            label = next((o.label for o in slot.options if o.id == value), None) if slot else None
            if label:
                values[name] = label[language or self.language]
        return values

    def render(self, texts: Localised) -> str:
        return self.renderer.render(texts[self.language], self.shown_values())

    def say(self, text: str, *choices: Choice, kind: ReplyKind | None = None) -> None:
        """Add a reply."""
        chosen = kind or (ReplyKind.CHOICES if choices else ReplyKind.TEXT)
        self.replies.append(Reply(kind=chosen, text=text, choices=choices))

    def give_up(self, reason: HandoverReason, code: str, urgency: Urgency = Urgency.NORMAL) -> None:
        """Hand the contact over on the flow's behalf."""
        self.note("flow.handover", reason=reason.value, step=self.position.step, why=code)
        self.handover = FlowHandover(reason, code, dict(self.flow.skills), urgency)


def advance(run: FlowRun) -> None:
    """Walk on from the present step until the flow waits, hands over or ends."""
    position = run.position
    while not (run.ended or run.handover or run.call or run.switch_to):
        step = run.flow.step(position.step)
        position.steps += 1
        if step is None or position.steps > MAXIMUM_STEPS_IN_A_FLOW:
            run.give_up(
                HandoverReason.BOT_FAILURE, "flow_step_missing" if step is None else "flow_in_circles"
            )
            return
        for name in step.forget:
            position.slots.pop(name, None)
        if _enter(run, step):
            return


def _enter(run: FlowRun, step: Step) -> bool:
    """Do one step; True when the flow now waits for the customer."""
    position = run.position
    match step.verb:
        case "ask":
            if step.ask in position.slots:
                return _next(run, step)
            return _wait(run, step, Awaiting.SLOT)
        case "confirm":
            return _wait(run, step, Awaiting.CONFIRM)
        case "choose":
            return _wait(run, step, Awaiting.CHOICE)
        case "call":
            return _call(run, step)
        case "branch":
            case, rejected = choose_case(step.branch or (), run.raw_values(), run.turn.now)
            passed = [f"case {number + 1}" for number in rejected]
            run.note("flow.branch", *passed, step=step.id, go=case.go)
            position.step = case.go
            return False
        case "say":
            run.say(run.render(step.say or {}))
            return _next(run, step)
        case "handover":
            _hand_over(run, step)
            return False
        case "switch":
            run.note("flow.switch", step=step.id, to=step.switch or "")
            run.switch_to = step.switch
            return False
        case _:
            run.note("flow.end", step=step.id)
            run.ended = True
            return False


def _next(run: FlowRun, step: Step) -> bool:
    run.position.step = run.flow.after(step) or step.id
    run.position.misses = 0
    return False


def go_on(run: FlowRun, step: Step, target: str | None = None) -> None:
    """Leave a step for its target, or for the one that follows, and walk on."""
    _next(run, step)
    if target is not None:
        run.position.step = target
    run.position.typed = False
    advance(run)


def start_again(run: FlowRun) -> None:
    """Walk from the first step with the slots as they are now: what was read is read anew."""
    run.position.results = {}
    run.position.step = run.flow.steps[0].id
    run.position.misses = 0
    advance(run)


def _wait(run: FlowRun, step: Step, awaiting: Awaiting) -> bool:
    run.position.awaiting = awaiting
    run.position.misses = 0
    run.note("flow.wait", step=step.id, awaiting=awaiting.value)
    prompt(run, step)
    return True


def _call(run: FlowRun, step: Step) -> bool:
    position = run.position
    if run.flow.requires_verification and not run.turn.verified:
        return _wait(run, step, Awaiting.VERIFICATION)
    if position.calls >= run.book.thresholds.maximum_calls:
        run.give_up(HandoverReason.BOT_FAILURE, "too_many_calls")
        return False
    position.calls += 1
    make_call(run, step, run.sequence + 1)
    return False


def make_call(run: FlowRun, step: Step, sequence: int) -> None:
    """Ask for the step's business call; the flow waits for its result."""
    run.position.awaiting = Awaiting.CALL
    values = run.raw_values()
    arguments = {name: _argument(run, text, values) for name, text in step.arguments.items()}
    run.call = BusinessCall(name=step.call or "", arguments=arguments, sequence=sequence)
    run.note("flow.call", step=step.id, call=run.call.name, sequence=sequence)


def _argument(run: FlowRun, text: str, values: Mapping[str, Any]) -> Any:
    """A lone `{path}` keeps the value's type; anything else is a text."""
    whole = text.startswith("{") and text.endswith("}") and text.count("{") == 1 and "|" not in text
    if whole:
        return lookup(text[1:-1], values)
    return run.renderer.render(text, values)


def _hand_over(run: FlowRun, step: Step) -> None:
    decided = step.handover
    assert decided is not None
    run.say(run.render(decided.text))
    run.note("flow.handover", reason=decided.reason.value, step=step.id, why=decided.code)
    skills = {**run.flow.skills, **decided.skills}
    run.handover = FlowHandover(decided.reason, decided.code, skills, decided.urgency, told=True)


def prompt(run: FlowRun, step: Step) -> None:
    """Ask the present question, also again after a side question."""
    match run.position.awaiting:
        case Awaiting.SLOT:
            slot = run.flow.slots[step.ask or ""]
            run.say(run.render(slot.prompt), *slot_choices(run, step, slot))
        case Awaiting.CONFIRM:
            yes, no = Choice(id="yes", label=run.own(BotText.YES)), Choice(id="no", label=run.own(BotText.NO))
            run.say(run.render(step.confirm or {}), yes, no)
        case Awaiting.CHOICE:
            run.say(run.render(step.choose or {}), *menu_choices(run, step))
        case Awaiting.CORRECTION:
            run.say(run.own(BotText.WHAT_TO_CHANGE), *change_choices(run, step))
        case Awaiting.VERIFICATION:
            human = Choice(id="human", label=run.own(BotText.TALK_TO_HUMAN))
            run.say(run.own(BotText.VERIFY), human, kind=ReplyKind.VERIFY)
        case Awaiting.CALL:
            run.say(run.own(BotText.ONE_MOMENT))


def slot_choices(run: FlowRun, step: Step, slot: Slot) -> tuple[Choice, ...]:
    """Buttons for a slot: its options, or what the business system listed."""
    if slot.type is SlotType.OPTION:
        return tuple(Choice(id=f"slot:{o.id}", label=o.label[run.language]) for o in slot.options)
    if slot.type is SlotType.YES_NO:
        return (
            Choice(id="slot:yes", label=run.own(BotText.YES)),
            Choice(id="slot:no", label=run.own(BotText.NO)),
        )
    if step.options_from is None or run.position.typed:
        return ()
    listed = listed_options(run, step.options_from)
    if not listed:
        return ()
    other = Choice(id="other", label=run.own(BotText.OTHER_ORDER))
    return (*(Choice(id=f"slot:{value}", label=label) for value, label in listed), other)


def listed_options(run: FlowRun, source: OptionsFrom) -> list[tuple[str, str]]:
    """(value, label) of the entries a business call listed, as many as are shown."""
    entries = lookup(source.list, run.position.results)
    found: list[tuple[str, str]] = []
    for entry in entries if isinstance(entries, list) else []:
        value = entry.get(source.value) if isinstance(entry, Mapping) else None
        if isinstance(value, str) and value:
            label = run.renderer.render(source.label[run.language], {**run.shown_values(), **entry})
            found.append((value, label[:MAXIMUM_LABEL_LENGTH]))
    return found[: source.most]


def menu_choices(run: FlowRun, step: Step) -> tuple[Choice, ...]:
    return tuple(Choice(id=f"menu:{c.id}", label=c.label[run.language]) for c in step.choices)


def change_choices(run: FlowRun, step: Step) -> tuple[Choice, ...]:
    """Buttons for what may be corrected, and for stopping."""
    slots = (
        Choice(id=f"change:{name}", label=run.flow.slots[name].label[run.language]) for name in step.change
    )
    return (*slots, Choice(id="cancel", label=run.own(BotText.STOP)))


def take_result(run: FlowRun) -> None:
    """Go on with what the business system answered."""
    result = run.turn.result
    step = run.flow.step(run.position.step)
    assert result is not None
    if step is None or step.call is None or run.position.awaiting is not Awaiting.CALL:
        run.note("flow.result_unexpected", step=run.position.step)
        if step is not None:
            prompt(run, step)
        return
    run.note("flow.result", step=step.id, call=step.call, status=result.status.value)
    if step.save and result.status is BusinessStatus.OK:
        run.position.results[step.save] = result.data
    if result.status is not BusinessStatus.OK:
        run.position.results["problem"] = result.data
    target = step.outcomes.get(result.status)
    if result.status is BusinessStatus.OK or target is not None:
        go_on(run, step, target)
    elif result.status is BusinessStatus.UNAVAILABLE:
        run.give_up(HandoverReason.BUSINESS_SYSTEM_DOWN, step.call.replace(".", "_"))
    else:
        run.give_up(HandoverReason.FLOW, f"{step.call.replace('.', '_')}_{result.status.value}")


def facts_of(run: FlowRun) -> list[tuple[str, str, Localised]]:
    """What the flow found out, as (name, value, label), for the agent."""
    found = [
        (name, str(run.shown_values()[name]), run.flow.slots[name].label)
        for name in run.position.slots
        if name in run.flow.slots
    ]
    values = run.shown_values()
    for fact in run.flow.facts:
        value = run.renderer.render(fact.value, values)
        if value and MISSING not in value:
            found.append((fact.name, value, fact.label))
    return found
