"""The API's shapes. Instants are RFC 3339 in UTC; ids are UUIDs; names of the fields are the glossary's words."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.db.tasks import TaskOutcome

Sequence = Annotated[int, Field(ge=0, le=2**31 - 1)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16_000)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Presence = Literal["ready", "busy", "away", "offline"]
LanguageCode = Literal["zh", "en"]


class Shape(BaseModel):
    """Answers are read from rows; what is asked may hold no unknown field."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")


class SignInRequest(Asked):
    login: Annotated[str, StringConstraints(max_length=200)]
    password: Annotated[str, StringConstraints(max_length=200)]


class SignInResult(Shape):
    token: str
    expires_at: datetime
    user_id: UUID
    line_id: str | None
    name: str


# Contacts


class ContactInList(Shape):
    id: UUID
    number: int
    customer_id: UUID
    customer_name: str
    channel: str
    language: str
    tier: str
    urgency: str
    stage: str
    intent: str | None
    owner_id: UUID | None
    offered_to: UUID | None
    waits_since: datetime | None
    last_message_at: datetime
    customer_seq: int
    unread: int
    preview: str


class ContactPage(Shape):
    contacts: list[ContactInList]
    after: str | None = Field(description="Give it as `after` for the next page; null at the end.")


class ContactDetail(Shape):
    id: UUID
    number: int
    customer_id: UUID
    customer_name: str
    channel: str
    language: str
    stage: str
    speaker: str
    tier: str
    urgency: str
    intent: str | None
    corrected_intent: str | None
    owner_id: UUID | None
    message_seq: int
    customer_seq: int = Field(description="The sequence of the customer's last message; `end` asks for it.")
    agent_read_seq: int
    handover_reason: str | None
    summary: dict[str, Any]
    required_skills: dict[str, int]
    opened_at: datetime
    enqueued_at: datetime | None
    accepted_at: datetime | None
    first_reply_at: datetime | None
    wrap_up_due_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    survey_score: int | None


class MessageShown(Shape):
    id: UUID
    seq: int
    author: str
    user_id: UUID | None
    kind: str
    body: str
    attrs: dict[str, Any]
    channel: str
    state: str
    at: datetime


class MessagePage(Shape):
    messages: list[MessageShown]
    after: int = Field(description="Give it as `after` to read on.")


class ReplyRequest(Asked):
    body: Text


class NoteRequest(Asked):
    body: Text
    mentions: list[UUID] = Field(default=[], max_length=50)


class Written(Shape):
    seq: int


class EndRequest(Asked):
    seen_seq: Sequence = Field(description="The last customer message that you have seen.")


class WrapUpRequest(Asked):
    category: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    subcategory: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    solved: bool
    next_step: Annotated[str, StringConstraints(max_length=2000)] = ""


class TransferRequest(Asked):
    to_agent: UUID | None = None
    to_queue: Annotated[str, StringConstraints(max_length=64)] | None = None
    reason: Annotated[str, StringConstraints(max_length=60)] = ""
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = ""


class AssignRequest(Asked):
    agent_id: UUID | None = Field(default=None, description="Nobody means you: a take-over.")


class ReadRequest(Asked):
    seq: Sequence


class CorrectionRequest(Asked):
    intent: Annotated[str, StringConstraints(max_length=80)]
    urgency: Literal["low", "normal", "high", "critical"] = "normal"


# Offers and presence


class OfferShown(Shape):
    id: UUID
    contact_id: UUID
    number: int
    customer_name: str
    channel: str
    tier: str
    urgency: str
    language: str
    intent: str | None
    preview: str
    summary: dict[str, Any]
    why: dict[str, Any]
    offered_at: datetime
    expires_at: datetime
    left_seconds: float


class OfferList(Shape):
    offers: list[OfferShown]


class Accepted(Shape):
    contact_id: UUID


class DeclineRequest(Asked):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class PresenceShown(Shape):
    presence: Presence
    presence_reason: str
    presence_at: datetime
    load: int
    capacity: int


class PresenceRequest(Asked):
    presence: Presence
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""


# Customers


class CustomerShown(Shape):
    id: UUID
    name: str
    language: str
    tier: str
    tags: list[str]
    notes: str
    city: str
    version: int
    created_at: datetime


class CustomerPage(Shape):
    customers: list[CustomerShown]
    after: UUID | None


class ContactOfCustomer(Shape):
    id: UUID
    number: int
    channel: str
    stage: str
    opened_at: datetime
    closed_at: datetime | None


class IdentityShown(Shape):
    channel: str
    verified: bool


class CustomerDetail(Shape):
    customer: CustomerShown
    identities: list[IdentityShown]
    contacts: list[ContactOfCustomer]
    contact_count: int


class CustomerFound(Shape):
    id: UUID
    name: str
    tier: str
    city: str
    contact_id: UUID | None
    number: int | None


class CustomersFound(Shape):
    customers: list[CustomerFound]


class CustomerChangeRequest(Asked):
    version: Sequence = Field(description="The version that you read; 409 when somebody changed it since.")
    name: Annotated[str, StringConstraints(max_length=80)] | None = None
    tier: Annotated[str, StringConstraints(max_length=40)] | None = None
    city: Annotated[str, StringConstraints(max_length=80)] | None = None
    notes: Annotated[str, StringConstraints(max_length=4000)] | None = None
    tags: list[Annotated[str, StringConstraints(max_length=30)]] | None = Field(default=None, max_length=20)


# Agents and queues


class AgentShown(Shape):
    id: UUID
    name: str
    nickname_zh: str
    nickname_en: str
    job_number: str
    presence: Presence
    presence_reason: str
    presence_at: datetime
    load: int
    capacity: int
    disabled: bool
    skills: dict[str, int]
    queues: list[str]


class AgentList(Shape):
    agents: list[AgentShown]


class QueueShown(Shape):
    key: str
    name_zh: str
    name_en: str
    offer_seconds: int
    acceptance: str
    active: bool
    waiting: int
    longest_since: datetime | None


class QueueList(Shape):
    queues: list[QueueShown]


# Articles


class ArticleInList(Shape):
    id: UUID
    key: str
    language: str
    title: str
    category: str
    skill: str
    status: str
    valid_from: date | None
    valid_until: date | None
    review_at: date | None
    version: int


class ArticleDetail(ArticleInList):
    questions: list[str]
    body: str
    changed_at: datetime


class ArticlePage(Shape):
    articles: list[ArticleInList]
    after: str | None


class ArticleRequest(Asked):
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    questions: list[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    ] = Field(default=[], max_length=30)
    body: Text
    category: Annotated[str, StringConstraints(max_length=64)] = ""
    skill: Annotated[str, StringConstraints(max_length=64)] = ""
    status: Literal["draft", "published", "archived"] = "published"
    valid_from: date | None = None
    valid_until: date | None = None
    review_at: date | None = None


class NewArticleRequest(ArticleRequest):
    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    language: LanguageCode


class ArticleChangeRequest(ArticleRequest):
    version: Sequence


class ArticleSaved(Shape):
    id: UUID


# Tasks


class TaskShown(Shape):
    id: UUID
    kind: str
    case_id: UUID | None
    number: int | None
    owner_id: UUID | None
    role: str | None
    created_at: datetime
    due_at: datetime | None
    overdue: bool | None
    done_at: datetime | None
    outcome: str | None
    outcomes: list[TaskOutcome] = Field(default=[], description="What may come of it; `settle` takes one.")


class TaskList(Shape):
    tasks: list[TaskShown]
    after: UUID | None


class SettleRequest(Asked):
    outcome: TaskOutcome
