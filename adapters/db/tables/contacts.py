"""Contacts: one continuous conversation each, and what belongs to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from adapters.db.tables.base import (
    digest,
    document,
    instant,
    line_reference,
    optional_document,
    reference,
    text,
)


class Contact(SQLModel, table=True):
    """One conversation with one customer, from first message to close."""

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint(
            "stage in ('bot', 'queued', 'offered', 'talking', 'wrap_up', 'survey', 'closed')",
            name="known_stage",
        ),
        CheckConstraint("speaker in ('bot', 'agent')", name="known_speaker"),
        CheckConstraint("(stage in ('talking', 'wrap_up')) = (owner_id is not null)", name="one_owner"),
        Index(
            "one_open_contact",
            "line_id",
            "customer_id",
            unique=True,
            postgresql_where="stage <> 'closed'",
        ),
        Index("contacts_of_owner", "owner_id", "last_message_at", postgresql_where="owner_id is not null"),
        Index("contacts_open", "line_id", "stage", "last_message_at", postgresql_where="stage <> 'closed'"),
        Index(
            "contacts_open_latest", "line_id", "last_message_at", "id", postgresql_where="stage <> 'closed'"
        ),
        Index("contacts_recent", "line_id", "last_message_at"),
        Index("contacts_of_customer", "customer_id", "opened_at"),
    )
    id: UUID = reference("cases.id", primary=True)
    line_id: str = line_reference()
    customer_id: UUID = reference("customers.id")
    identity_id: UUID = reference("identities.id")
    channel: str = text(default="web")
    language: str = text(default="zh")
    stage: str = text(default="bot")
    speaker: str = text(default="bot")
    """Who has the speaking right towards the customer."""
    owner_id: UUID | None = reference("agents.user_id", required=False)
    last_owner_id: UUID | None = reference("agents.user_id", required=False)
    previous_contact_id: UUID | None = reference("contacts.id", required=False)
    tier: str = text(default="ordinary")
    urgency: str = text(default="normal")
    priority: str = text(default="normal")

    message_seq: int = 0
    customer_seq: int = 0
    """Sequence of the customer's last message."""
    handled_seq: int = 0
    """Last customer message that the bot answered, or that was there when the conversation ended."""
    agent_read_seq: int = 0
    customer_read_seq: int = 0
    last_message_at: datetime = instant(now=True)
    last_customer_at: datetime | None = instant(required=False)
    last_agent_at: datetime | None = instant(required=False)
    waiting_since: datetime | None = instant(required=False)
    """First customer message that nobody has answered yet."""
    preview: str = text(default="")
    preview_author: str = text(default="customer")

    greeted_at: datetime | None = instant(required=False)
    bot_memory: dict[str, Any] = document()
    bot_resume: bool = False
    """The bot must take a turn without a new message: a verification or a result came."""
    call_id: UUID | None = Field(default=None)
    """The business-system call that the bot's turn waits for."""
    turn_deadline_at: datetime | None = instant(required=False)

    human_wanted_at: datetime | None = instant(required=False)
    handover_reason: str | None = text(required=False)
    handover_at: datetime | None = instant(required=False)
    close_asked: str | None = text(required=False)
    """Why the contact should close as soon as nothing is left to do: customer_left, idle."""
    summary: dict[str, Any] = document()
    """What the bot hands over: problem, tried, extracted facts (content; stays in the ledger)."""
    plan_key: str | None = text(required=False)
    plan_step: int = 0
    required_skills: dict[str, int] = document()
    enqueued_at: datetime | None = instant(required=False)
    widen_at: datetime | None = instant(required=False)
    opens_at: datetime | None = instant(required=False)
    """Out of hours: the contact waits until then."""
    exhausted_at: datetime | None = instant(required=False)
    left_matter_at: datetime | None = instant(required=False)
    accepted_at: datetime | None = instant(required=False)
    owner_gone_at: datetime | None = instant(required=False)
    nudged_at: datetime | None = instant(required=False)
    wrap_up_due_at: datetime | None = instant(required=False)
    survey_due_at: datetime | None = instant(required=False)

    first_reply_at: datetime | None = instant(required=False)
    opened_at: datetime = instant(now=True)
    closed_at: datetime | None = instant(required=False)
    close_reason: str | None = text(required=False)


class Message(SQLModel, table=True):
    """One utterance in a contact, or an internal note."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("author in ('customer', 'bot', 'agent', 'system')", name="known_author"),
        CheckConstraint("kind in ('text', 'choices', 'verify', 'file', 'note', 'notice')", name="known_kind"),
        UniqueConstraint("contact_id", "seq"),
        UniqueConstraint("line_id", "channel", "external_id"),
        Index("messages_search", "tokens", postgresql_using="gin"),
        Index("messages_recent", "line_id", "at"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    contact_id: UUID = reference("contacts.id")
    seq: int
    author: str = text()
    user_id: UUID | None = reference("users.id", required=False)
    kind: str = text(default="text")
    body: str = text(default="")
    attrs: dict[str, Any] = document()
    """Choices, citations, notice code, mentions."""
    channel: str = text(default="web")
    external_id: str | None = text(required=False)
    """The sender's own id of it: the same id twice is one message."""
    body_hash: bytes | None = digest()
    state: str = text(default="delivered")
    """queued, sent, delivered, read or failed."""
    at: datetime = instant(now=True)
    tokens: Any = Field(default=None, sa_column=Column(TSVECTOR, nullable=True))


class Attachment(SQLModel, table=True):
    """A file kept by reference; bytes lie in the data directory under `sha256`."""

    __tablename__ = "attachments"
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    contact_id: UUID | None = reference("contacts.id", required=False, index=True)
    """None until the message that carries it is sent."""
    message_id: UUID | None = reference("messages.id", required=False, index=True)
    uploaded_by: str = text()
    file_name: str = text()
    content_type: str = text()
    size_bytes: int
    width: int | None = None
    height: int | None = None
    sha256: str = text()
    created_at: datetime = instant(now=True)


class Classification(SQLModel, table=True):
    """What the classifier said of a contact, and what an agent corrected."""

    __tablename__ = "classifications"
    contact_id: UUID = reference("contacts.id", primary=True)
    line_id: str = line_reference()
    intent: str = text()
    urgency: str = text()
    skills: dict[str, int] = document()
    reason: Any = document()
    at: datetime = instant(now=True)
    corrected_intent: str | None = text(required=False)
    corrected_urgency: str | None = text(required=False)
    corrected_by: UUID | None = reference("users.id", required=False)
    corrected_at: datetime | None = instant(required=False)


class WrapUp(SQLModel, table=True):
    """会话小结: what it was about and what comes next."""

    __tablename__ = "wrap_ups"
    contact_id: UUID = reference("contacts.id", primary=True)
    line_id: str = line_reference()
    user_id: UUID | None = reference("users.id", required=False)
    category: str | None = text(required=False)
    subcategory: str | None = text(required=False)
    solved: bool | None = None
    next_step: str = text(default="")
    finished: bool = False
    """False: time ran out and it was marked unfinished."""
    at: datetime = instant(now=True)


class Survey(SQLModel, table=True):
    __tablename__ = "surveys"
    __table_args__ = (CheckConstraint("score is null or score between 1 and 5", name="score"),)
    contact_id: UUID = reference("contacts.id", primary=True)
    line_id: str = line_reference()
    invited_by: UUID | None = reference("users.id", required=False)
    invited_at: datetime = instant(now=True)
    score: int | None = None
    solved: bool | None = None
    reasons: list[str] = document("[]")
    comment: str = text(default="")
    answered_at: datetime | None = instant(required=False)


class BusinessSystemCall(SQLModel, table=True):
    """One call of the bot to the shop's own system, with its result (content)."""

    __tablename__ = "business_calls"
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    contact_id: UUID = reference("contacts.id", index=True)
    name: str = text()
    arguments: dict[str, Any] = document()
    idempotency_key: str = Field(unique=True)
    state: str = text(default="requested")
    """requested or finished."""
    status: str | None = text(required=False)
    result: Any = optional_document()
    requested_at: datetime = instant(now=True)
    finished_at: datetime | None = instant(required=False)


class Draft(SQLModel, table=True):
    __tablename__ = "drafts"
    user_id: UUID = reference("users.id", primary=True)
    contact_id: UUID = reference("contacts.id", primary=True)
    line_id: str = line_reference()
    kind: str = Field(primary_key=True)
    """reply or note."""
    body: str = text(default="")
    updated_at: datetime = instant(now=True)
