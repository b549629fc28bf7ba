"""What goes into one bot turn, what comes out, and what the bot remembers between turns.

All of it is plain data: `Memory` and `Decision` go through JSON columns of the ledger unharmed.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.text import Language

Localised = dict[Language, str]
"""One text in each language the product speaks."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Urgency(StrEnum):
    """How soon a human should look, from the customer's words and what the business system says."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (low) to 3 (critical), for comparing."""
        return list(Urgency).index(self)

    @staticmethod
    def highest(*values: "Urgency") -> "Urgency":
        """The most urgent of the values."""
        return max(values, key=lambda value: value.rank)


class HandoverReason(StrEnum):
    """Why the bot gives the contact to a human."""

    CUSTOMER_REQUEST = "customer_request"
    LOW_CONFIDENCE = "low_confidence"
    OUT_OF_SCOPE = "out_of_scope"
    ANGER = "anger"
    URGENCY = "urgency"
    MAJOR_COMPLAINT = "major_complaint"
    BOT_FAILURE = "bot_failure"
    DEADLINE = "deadline"
    FLOW = "flow"
    BUSINESS_SYSTEM_DOWN = "business_system_down"
    OUT_OF_ATTEMPTS = "out_of_attempts"


class Candidate(Frozen):
    """An article that may answer, as ranked by `domain.bot.retrieval`, best first."""

    article_id: str
    key: str
    title: str
    answer: str
    """The body shown to the customer."""
    score: float = Field(ge=0.0)
    """How well it matches, 0 to 1."""
    language: Language
    category: str = ""
    skill: str = ""
    evidence: tuple[str, ...] = ()
    """The query's concepts that the article covers, for the explanation."""


class Choice(Frozen):
    """A button. `id` comes back as `Turn.choice`."""

    id: str
    label: str


class ReplyKind(StrEnum):
    TEXT = "text"
    CHOICES = "choices"
    VERIFY = "verify"
    """The chat offers to prove who the customer is; the flow waits and goes on with a resumed turn."""


class Reply(Frozen):
    """One bot message to the customer, in the turn's language."""

    kind: ReplyKind = ReplyKind.TEXT
    text: str
    choices: tuple[Choice, ...] = ()
    citations: tuple[str, ...] = ()
    """Ids of the articles the text rests on."""


class BusinessCall(Frozen):
    """A question to, or an act in, the business system. The connector adds who the customer is."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    sequence: int = 1
    """Counts the calls of this contact: with the contact's id it is the idempotency key of the call."""


class BusinessStatus(StrEnum):
    OK = "ok"
    NOT_FOUND = "not_found"
    """Also when the order belongs to somebody else."""
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"


class BusinessResult(Frozen):
    """What the business system answered to the call that the last decision asked for."""

    status: BusinessStatus
    data: dict[str, Any] = Field(default_factory=dict)


class Evidence(Frozen):
    """One reason of a classification: a code and the lexicon's own term (never the customer's words)."""

    code: str
    term: str
    weight: float = 1.0


class Classification(Frozen):
    """What the message is about and what work on it needs, with the reason."""

    intent: str | None = None
    confidence: float = 0.0
    urgency: Urgency = Urgency.NORMAL
    skills: dict[str, int] = Field(default_factory=dict)
    """Required skills with their least level."""
    plan: str | None = None
    """Routing plan to use; None means the line's default."""
    reason: tuple[Evidence, ...] = ()


class Fact(Frozen):
    """Something the bot found out, for the agent's hand-over card."""

    name: str
    value: str
    label: Localised = Field(default_factory=dict)


class Handover(Frozen):
    """The contact goes to a human: why, what is needed, and what is known so far."""

    reason: HandoverReason
    code: str = ""
    """The finer reason, such as the flow step that decided."""
    facts: tuple[Fact, ...] = ()
    skills: dict[str, int] = Field(default_factory=dict)
    plan: str | None = None
    urgency: Urgency = Urgency.NORMAL
    summary: Localised = Field(default_factory=dict)
    """A few plain sentences for the agent in each language."""


class OfferedChoice(Frozen):
    """A button shown last, so that a typed "2" or the label itself can be understood."""

    id: str
    label: str


class Awaiting(StrEnum):
    """What the flow waits for."""

    SLOT = "slot"
    CONFIRM = "confirm"
    CHOICE = "choice"
    CORRECTION = "correction"
    """The customer said that something is wrong; which, is being asked."""
    VERIFICATION = "verification"
    CALL = "call"


class FlowPosition(BaseModel):
    """Where the customer stands in a flow."""

    model_config = ConfigDict(extra="forbid")

    flow: str
    step: str
    awaiting: Awaiting = Awaiting.SLOT
    slots: dict[str, str] = Field(default_factory=dict)
    results: dict[str, Any] = Field(default_factory=dict)
    """Data of the business calls, by the name the flow saves them under."""
    misses: int = 0
    """Answers in a row that the present step could not use."""
    side_questions: int = 0
    calls: int = 0
    steps: int = 0
    """Steps taken, to end a flow that runs in circles."""
    typed: bool = False
    """The customer wants to type a value instead of choosing one that is listed."""


class Memory(BaseModel):
    """What the bot remembers of a contact between turns; lives in a jsonb column."""

    model_config = ConfigDict(extra="ignore")

    version: Literal[1] = 1
    turns: int = 0
    attempts: int = 0
    """Turns in a row that did not help the customer."""
    asked_once: bool = False
    flow: FlowPosition | None = None
    offered: tuple[OfferedChoice, ...] = ()
    facts: dict[str, str] = Field(default_factory=dict)
    calls: int = 0
    last_intent: str | None = None
    last_question: str = ""
    """The last question the bot could not answer, shortened, for the hand-over card."""
    answered_articles: tuple[str, ...] = ()
    """Keys of the articles already given."""
    greeted: bool = False


class Turn(Frozen):
    """Everything one bot turn may look at. `now` is the ledger's clock, aware."""

    text: str = ""
    choice: str | None = None
    language: Language
    now: AwareDatetime
    verified: bool = False
    """The customer proved to own the identity (signed member token or code)."""
    member: bool = False
    candidates: tuple[Candidate, ...] = ()
    result: BusinessResult | None = None
    """Set when this turn brings the answer to the last decision's call; `text` is then empty."""
    resumed: bool = False
    """Set when the customer has just verified, or gave it up, and the waiting flow should go on."""
    attachments: int = 0
    """Files that came with the message; the bot cannot read them."""


class Trace(Frozen):
    """One step of the bot's reasoning: a code, its inputs (ids, codes, numbers), what was rejected."""

    code: str
    inputs: dict[str, str | int | float | bool] = Field(default_factory=dict)
    rejected: tuple[str, ...] = ()


class Decision(Frozen):
    """The outcome of one turn: replies, a hand-over, a call to make, or several of them; never nothing."""

    replies: tuple[Reply, ...] = ()
    memory: Memory
    handover: Handover | None = None
    call: BusinessCall | None = None
    classification: Classification = Classification()
    answered: bool = False
    """Whether this turn helped: an article, a flow's step forward, small talk."""
    trace: tuple[Trace, ...] = ()
