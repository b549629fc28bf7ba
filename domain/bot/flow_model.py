"""The shape of a flow file: slots, steps, and the words it uses. Checked when a pack is loaded."""

import re
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from domain.bot.model import BusinessStatus, Frozen, HandoverReason, Localised, Urgency
from domain.bot.template import check_template
from domain.text import Language

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def _checked_name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError("a name is lower-case letters, digits and _, beginning with a letter")
    return value


def _checked_texts(value: Localised) -> Localised:
    missing = [language.value for language in Language if not value.get(language, "").strip()]
    if missing:
        raise ValueError(f"the text is missing in: {', '.join(missing)}")
    for text in value.values():
        check_template(text)
    return value


Name = Annotated[str, AfterValidator(_checked_name)]
Texts = Annotated[Localised, AfterValidator(_checked_texts)]
Template = Annotated[str, AfterValidator(check_template)]


class SlotType(StrEnum):
    """How a slot's value is found in the customer's words."""

    ORDER_NUMBER = "order_number"
    TRACKING_NUMBER = "tracking_number"
    PHONE = "phone"
    EMAIL = "email"
    AMOUNT = "amount"
    DATE = "date"
    YES_NO = "yes_no"
    ADDRESS = "address"
    QUANTITY = "quantity"
    OPTION = "option"
    TAX_NUMBER = "tax_number"
    TEXT = "text"


class SlotOption(Frozen):
    """One answer of an option slot, with the words that mean it."""

    id: Name
    label: Texts
    synonyms: tuple[str, ...] = ()


class Slot(Frozen):
    """Something the flow needs to know."""

    type: SlotType
    label: Texts
    prompt: Texts
    error: Texts
    retries: int = Field(default=3, ge=1, le=5)
    """Unusable answers before the contact goes to a human."""
    options: tuple[SlotOption, ...] = ()
    least: float | None = None
    most: float | None = None
    """Bounds of an amount or a quantity; the lengths of a text."""

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if (self.type is SlotType.OPTION) != bool(self.options):
            raise ValueError("options belong to a slot of type option, and such a slot needs them")
        return self


class Operator(StrEnum):
    """A test on a value other than being equal or among a list."""

    PRESENT = "present"
    AFTER_NOW = "after_now"
    COUNT = "count"
    COUNT_LEAST = "count_least"
    AT_LEAST = "at_least"


def _checked_conditions(value: dict[str, Any]) -> dict[str, Any]:
    known = {operator.value for operator in Operator}
    for path, wanted in value.items():
        if isinstance(wanted, dict) and (len(wanted) != 1 or not set(wanted) <= known):
            raise ValueError(f"the test of {path!r} is one of {', '.join(sorted(known))}")
    return value


class Case(Frozen):
    """One way out of a branch: all conditions must hold. None at all always holds."""

    when: Annotated[dict[str, Any], AfterValidator(_checked_conditions)] = Field(default_factory=dict)
    """By dotted path: the value, a list of values, or one operator with its operand."""
    go: Name


class MenuChoice(Frozen):
    """One button of a choose step."""

    id: Name
    label: Texts
    synonyms: tuple[str, ...] = ()
    go: Name


class OptionsFrom(Frozen):
    """Buttons for a slot made from a list the business system gave."""

    list: str
    value: str
    label: Texts
    most: int = Field(default=4, ge=1, le=8)


class HandoverStep(Frozen):
    """The flow itself decides that a human is needed."""

    text: Texts
    code: Name
    reason: HandoverReason = HandoverReason.FLOW
    skills: dict[str, int] = Field(default_factory=dict)
    urgency: Urgency = Urgency.NORMAL


_VERBS = ("ask", "confirm", "call", "branch", "say", "choose", "handover", "switch", "end")


class Step(Frozen):
    """One step; exactly one of ask, confirm, call, branch, say, choose, handover, switch, end."""

    id: Name
    ask: Name | None = None
    options_from: OptionsFrom | None = None
    confirm: Texts | None = None
    change: tuple[Name, ...] = ()
    """Slots that may be corrected when the customer does not confirm."""
    declined: Name | None = None
    """Where a plain no goes; without it the customer is asked what to change."""
    call: str | None = None
    arguments: dict[str, Template] = Field(default_factory=dict)
    save: Name | None = None
    outcomes: dict[BusinessStatus, Name] = Field(default_factory=dict)
    """Where each answer of the business system leads; ok goes on to the next step."""
    branch: tuple[Case, ...] | None = None
    say: Texts | None = None
    choose: Texts | None = None
    choices: tuple[MenuChoice, ...] = ()
    retries: int = Field(default=3, ge=1, le=5)
    handover: HandoverStep | None = None
    switch: Name | None = None
    """Another flow that takes over, with the slots both know."""
    end: bool = False
    forget: tuple[Name, ...] = ()
    """Slots emptied when the step is entered, so that they are asked again."""
    go: Name | None = None

    @property
    def verb(self) -> str:
        """Which of the verbs the step is."""
        return next(verb for verb in _VERBS if getattr(self, verb))

    @model_validator(mode="after")
    def _one_verb(self) -> Self:
        verbs = [verb for verb in _VERBS if getattr(self, verb)]
        if len(verbs) != 1:
            raise ValueError(
                f"a step has exactly one of {', '.join(_VERBS)}; here: {', '.join(verbs) or 'none'}"
            )
        if bool(self.choose) != bool(self.choices):
            raise ValueError("choose and choices belong together")
        return self


class SummaryFact(Frozen):
    """Something shown on the agent's hand-over card beside the slots."""

    name: Name
    label: Texts
    value: Template


class Flow(Frozen):
    """A conversation with a purpose, in steps."""

    title: Texts
    skills: dict[str, int] = Field(default_factory=dict)
    requires_verification: bool = False
    """Whether the customer must prove who they are before the business system is asked."""
    slots: dict[Name, Slot] = Field(default_factory=dict)
    words: dict[Name, dict[str, Texts]] = Field(default_factory=dict)
    """Vocabularies for templates: `{order.state|words.state}`."""
    facts: tuple[SummaryFact, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)

    def step(self, step_id: str) -> Step | None:
        """The step of that id, or None."""
        return next((step for step in self.steps if step.id == step_id), None)

    def after(self, step: Step) -> str | None:
        """The id of the step that follows by order or by `go`; None after the last."""
        if step.go:
            return step.go
        index = self.steps.index(step) + 1
        return self.steps[index].id if index < len(self.steps) else None
