"""The bot's book: everything it knows from data — intents, signals, synonyms, flows, texts, thresholds.

A pack's files come in as plain dictionaries; `load_book` checks and compiles them. What is wrong is raised as
one `BookError` whose problems name the document and the exact key, so that a loader can point at the line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator

from domain.bot.flow_model import Flow, Name, Step, Texts
from domain.bot.lexicon import Term, TermError, compile_term
from domain.bot.model import Frozen, Localised, Urgency
from domain.bot.template import vocabulary_names
from domain.bot.texts import BOT_TEXTS, BotText
from domain.text import tokens

Location = tuple[str | int, ...]
_Document = TypeVar("_Document", bound=Frozen)


def _checked_term(value: str) -> str:
    try:
        compile_term(value)
    except TermError as error:
        raise ValueError(str(error)) from error
    return value


TermText = Annotated[str, AfterValidator(_checked_term)]


class Signal(StrEnum):
    """What a message can show besides its subject."""

    HUMAN = "human"
    MAJOR_COMPLAINT = "major_complaint"
    ANGER = "anger"
    URGENCY_HIGH = "urgency_high"
    URGENCY_CRITICAL = "urgency_critical"
    GREETING = "greeting"
    THANKS = "thanks"
    BYE = "bye"
    INFORMATION = "information"
    """Asks how something works, not for the thing itself: an article rather than a flow."""
    OUT_OF_SCOPE = "out_of_scope"


class SignalTerms(Frozen):
    """The words of a signal, strong and weak, and those that take it back."""

    strong: tuple[TermText, ...] = ()
    weak: tuple[TermText, ...] = ()
    never: tuple[TermText, ...] = ()


class Intent(Frozen):
    """A subject customers write about, with its evidence and what work on it needs."""

    title: Texts
    skills: dict[str, Annotated[int, Field(ge=1, le=5)]] = Field(min_length=1)
    plan: str | None = None
    flow: str | None = None
    urgency: Urgency = Urgency.NORMAL
    strong: tuple[TermText, ...] = ()
    weak: tuple[TermText, ...] = ()
    never: tuple[TermText, ...] = ()
    categories: tuple[str, ...] = ()
    """Article categories that speak for this intent."""


class Thresholds(Frozen):
    """Where sure ends and hopeless begins. Scores are 0 to 1."""

    sure_score: float = Field(default=0.62, ge=0, le=1)
    sure_margin: float = Field(default=0.06, ge=0, le=1)
    certain_score: float = Field(default=0.85, ge=0, le=1)
    """From here the margin is not asked for."""
    maybe_score: float = Field(default=0.34, ge=0, le=1)
    side_score: float = Field(default=0.6, ge=0, le=1)
    intent_score: float = Field(default=0.55, ge=0, le=1)
    flow_score: float = Field(default=0.6, ge=0, le=1)
    maximum_attempts: int = Field(default=4, ge=1, le=10)
    maximum_turns: int = Field(default=60, ge=5, le=500)
    maximum_side_questions: int = Field(default=4, ge=0, le=20)
    maximum_calls: int = Field(default=12, ge=1, le=100)


class IntentsDocument(Frozen):
    """The file `intents.yaml`."""

    utc_offset_minutes: int = Field(default=480, ge=-720, le=840)
    """The shop's civil time, for dates said and shown. An offset: the domain reads no zone files."""
    thresholds: Thresholds = Thresholds()
    signals: dict[Signal, SignalTerms] = Field(default_factory=dict)
    intents: dict[Name, Intent] = Field(default_factory=dict)
    texts: dict[BotText, Texts] = Field(default_factory=dict)
    bare_order_number: str | None = None
    """The flow that a message with an order number and no other subject starts."""


class SynonymGroup(Frozen):
    """Words that mean the same to a customer, in both languages."""

    id: Name
    zh: tuple[TermText, ...] = ()
    en: tuple[TermText, ...] = ()
    weight: float = Field(default=0.85, gt=0, le=1)
    """What another member is worth against the word itself."""


class SynonymsDocument(Frozen):
    """The file `synonyms.yaml`."""

    groups: tuple[SynonymGroup, ...] = ()
    stop: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Words by language that say nothing about a subject."""

    @model_validator(mode="after")
    def _unique(self) -> "SynonymsDocument":
        seen: set[str] = set()
        for group in self.groups:
            if group.id in seen:
                raise ValueError(f"the group {group.id!r} is there twice")
            seen.add(group.id)
        return self


@dataclass(frozen=True)
class BookProblem:
    """One mistake in a pack: which document, which key, what is wrong."""

    document: str
    loc: Location
    message: str


class BookError(ValueError):
    """The book cannot be made; every mistake found is listed."""

    def __init__(self, problems: list[BookProblem]) -> None:
        self.problems = problems
        super().__init__(
            "; ".join(f"{p.document}: {'.'.join(map(str, p.loc))}: {p.message}" for p in problems)
        )


@dataclass(frozen=True)
class CompiledTerm:
    term: Term
    weight: float


@dataclass(frozen=True)
class CompiledGroup:
    id: str
    weight: float
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Book:
    """The compiled book, immutable, shared by all turns."""

    flows: Mapping[str, Flow]
    intents: Mapping[str, Intent]
    thresholds: Thresholds
    utc_offset_minutes: int
    intent_terms: Mapping[str, tuple[CompiledTerm, ...]]
    intent_never: Mapping[str, tuple[Term, ...]]
    signal_terms: Mapping[Signal, tuple[CompiledTerm, ...]]
    signal_never: Mapping[Signal, tuple[Term, ...]]
    groups: tuple[CompiledGroup, ...]
    stop_tokens: frozenset[str]
    bare_order_number: str | None = None
    texts: Mapping[BotText, Localised] = field(default_factory=lambda: dict(BOT_TEXTS))


STRONG_WEIGHT = 0.75
WEAK_WEIGHT = 0.35


def load_book(
    *,
    flows: Mapping[str, Mapping[str, Any]],
    intents: Mapping[str, Any],
    synonyms: Mapping[str, Any],
) -> Book:
    """Check and compile a pack's documents; `flows` by name. Raises `BookError` with every mistake."""
    problems: list[BookProblem] = []
    checked_intents = _checked("intents", IntentsDocument, intents, problems)
    checked_synonyms = _checked("synonyms", SynonymsDocument, synonyms, problems)
    checked_flows: dict[str, Flow] = {}
    for name, content in flows.items():
        document = f"flows/{name}"
        flow = _checked(document, Flow, content, problems)
        if flow is not None:
            checked_flows[name] = flow
            problems.extend(_flow_problems(document, flow))
    if checked_intents is not None:
        for name, intent in checked_intents.intents.items():
            if intent.flow is not None and intent.flow not in flows:
                problems.append(
                    BookProblem("intents", ("intents", name, "flow"), f"there is no flow {intent.flow!r}")
                )
        bare = checked_intents.bare_order_number
        if bare is not None and bare not in flows:
            problems.append(BookProblem("intents", ("bare_order_number",), f"there is no flow {bare!r}"))
    for name, flow in checked_flows.items():
        problems.extend(
            BookProblem(f"flows/{name}", ("steps", index, "switch"), f"there is no flow {step.switch!r}")
            for index, step in enumerate(flow.steps)
            if step.switch and step.switch not in flows
        )
    if problems or checked_intents is None or checked_synonyms is None:
        raise BookError(problems)
    return _compiled(checked_flows, checked_intents, checked_synonyms)


def _checked(
    name: str, model: type[_Document], content: Mapping[str, Any], problems: list[BookProblem]
) -> _Document | None:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        for detail in error.errors():
            message = str(detail["msg"]).removeprefix("Value error, ")
            problems.append(BookProblem(name, tuple(detail["loc"]), message))
    return None


def _flow_problems(document: str, flow: Flow) -> list[BookProblem]:
    problems: list[BookProblem] = []
    ids = [step.id for step in flow.steps]
    for index, step in enumerate(flow.steps):
        loc: Location = ("steps", index)
        if step.id in ids[:index]:
            problems.append(BookProblem(document, (*loc, "id"), f"the step {step.id!r} is there twice"))
        for where, target in _targets(step):
            if target not in ids:
                problems.append(BookProblem(document, (*loc, *where), f"there is no step {target!r}"))
        for where, slot in _slots_used(step):
            if slot not in flow.slots:
                problems.append(BookProblem(document, (*loc, *where), f"there is no slot {slot!r}"))
        if step.branch and step.branch[-1].when:
            last = (*loc, "branch", len(step.branch) - 1, "when")
            problems.append(BookProblem(document, last, "the last way of a branch has no condition"))
        if step.verb in {"ask", "confirm", "call", "say"} and flow.after(step) is None:
            problems.append(
                BookProblem(document, loc, "nothing follows this step; end the flow with `end: true`")
            )
    for where, text in _templates(flow):
        problems.extend(
            BookProblem(document, where, f"there is no vocabulary {name!r} under words")
            for name in vocabulary_names(text)
            if name not in flow.words
        )
    return problems


def _targets(step: Step) -> Iterator[tuple[Location, str]]:
    if step.go:
        yield ("go",), step.go
    if step.declined:
        yield ("declined",), step.declined
    for status, target in step.outcomes.items():
        yield ("outcomes", status.value), target
    for index, case in enumerate(step.branch or ()):
        yield ("branch", index, "go"), case.go
    for index, choice in enumerate(step.choices):
        yield ("choices", index, "go"), choice.go


def _slots_used(step: Step) -> Iterator[tuple[Location, str]]:
    if step.ask:
        yield ("ask",), step.ask
    for key, names in (("change", step.change), ("forget", step.forget)):
        for index, name in enumerate(names):
            yield (key, index), name


def _templates(flow: Flow) -> Iterator[tuple[Location, str]]:
    for name, slot in flow.slots.items():
        for key, texts in (("prompt", slot.prompt), ("error", slot.error)):
            for language, text in texts.items():
                yield ("slots", name, key, language.value), text
    for index, step in enumerate(flow.steps):
        handover = step.handover.text if step.handover else None
        options = step.options_from.label if step.options_from else None
        named = (("say", step.say), ("confirm", step.confirm), ("choose", step.choose))
        for key, found in (*named, ("handover", handover), ("options_from", options)):
            for language, text in (found or {}).items():
                yield ("steps", index, key, language.value), text


def _compiled(flows: Mapping[str, Flow], intents: IntentsDocument, synonyms: SynonymsDocument) -> Book:
    return Book(
        flows=dict(flows),
        intents=dict(intents.intents),
        thresholds=intents.thresholds,
        utc_offset_minutes=intents.utc_offset_minutes,
        intent_terms={
            name: _weighted(intent.strong, intent.weak) for name, intent in intents.intents.items()
        },
        intent_never={name: _terms(intent.never) for name, intent in intents.intents.items()},
        signal_terms={kind: _weighted(terms.strong, terms.weak) for kind, terms in intents.signals.items()},
        signal_never={kind: _terms(terms.never) for kind, terms in intents.signals.items()},
        groups=tuple(
            CompiledGroup(group.id, group.weight, _terms((*group.zh, *group.en))) for group in synonyms.groups
        ),
        stop_tokens=frozenset(
            token for words in synonyms.stop.values() for word in words for token in tokens(word)
        ),
        bare_order_number=intents.bare_order_number,
        texts={**BOT_TEXTS, **intents.texts},
    )


def _weighted(strong: tuple[str, ...], weak: tuple[str, ...]) -> tuple[CompiledTerm, ...]:
    return tuple(CompiledTerm(term, STRONG_WEIGHT) for term in _terms(strong)) + tuple(
        CompiledTerm(term, WEAK_WEIGHT) for term in _terms(weak)
    )


def _terms(sources: tuple[str, ...]) -> tuple[Term, ...]:
    return tuple(compile_term(source) for source in sources)
