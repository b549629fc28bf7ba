"""The spine: cases, their facts, the events, the tasks that people owe."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from adapters.db.tables.base import (
    counter,
    digest,
    document,
    instant,
    line_reference,
    optional_document,
    reference,
    text,
)

PARTITIONS = 16
"""Hash partitions of cases that dispatchers share out among themselves."""


class Case(SQLModel, table=True):
    """The parent of everything durable that has a workflow of its own (DESIGN §1)."""

    __tablename__ = "cases"
    __table_args__ = (
        CheckConstraint(
            "kind in ('contact', 'ticket', 'collaboration', 'consultation', 'notification')",
            name="known_kind",
        ),
        CheckConstraint(
            "folded_seq <= signalled_seq and signalled_seq <= fact_seq", name="sequences_in_order"
        ),
        CheckConstraint("closed_at is null or folded_seq = fact_seq", name="closed_with_nothing_left"),
        Index(
            "cases_unsignalled",
            "partition",
            "touched_at",
            postgresql_where="fact_seq > signalled_seq and quarantined_at is null",
        ),
        Index(
            "cases_in_flight",
            "partition",
            "touched_at",
            postgresql_where="signalled_seq > folded_seq",
        ),
        Index("cases_open", "line_id", "kind", postgresql_where="closed_at is null"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    kind: str = text()
    number: int = Field(default=None, sa_column=Column(BigInteger, Identity(start=1001), unique=True))
    """What people call it, for example C-1001."""
    partition: int = Field(
        default=None,
        sa_column=Column(
            SmallInteger, Computed(f"mod(hashtext(id::text) & 2147483647, {PARTITIONS})", persisted=True)
        ),
    )
    fact_seq: int = counter()
    signalled_seq: int = counter()
    folded_seq: int = counter()
    step_no: int = counter()
    last_outcome: Any = optional_document()
    event_seq: int = counter()
    head_hash: bytes | None = digest()
    opened_at: datetime = instant(now=True)
    touched_at: datetime = instant(now=True)
    """When the last fact was recorded."""
    closed_at: datetime | None = instant(required=False)
    quarantined_at: datetime | None = instant(required=False)
    quarantine_reason: str | None = text(required=False)


class Fact(SQLModel, table=True):
    """Something that became true and that the case's workflow must hear of."""

    __tablename__ = "facts"
    case_id: UUID = reference("cases.id", primary=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True))
    line_id: str = line_reference()
    kind: str = text()
    ref: str | None = text(required=False)
    attrs: dict[str, Any] = document()
    at: datetime = instant(now=True)


class Event(SQLModel, table=True):
    """Append-only: every fact and decision with its reason; timeline, audit and live bus (DESIGN §8)."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("subject", "seq"),
        Index("events_of_case", "case_id", "id"),
    )
    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    line_id: str = line_reference()
    subject: str = text()
    """The chain it belongs to: `case:{uuid}`, `agent:{uuid}`, `config:{line}`."""
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    case_id: UUID | None = reference("cases.id", required=False)
    kind: str = text()
    actor: str = text()
    """`customer`, `bot`, `system` or `user:{uuid}`."""
    attrs: dict[str, Any] = document()
    """Ids, codes and salted digests, never content."""
    at: datetime = instant()
    previous_hash: bytes | None = digest()
    hash: bytes = digest(required=True)


class Chain(SQLModel, table=True):
    """The head of a hash chain whose subject is no case."""

    __tablename__ = "chains"
    subject: str = Field(primary_key=True)
    line_id: str = line_reference()
    seq: int = counter()
    head_hash: bytes | None = digest()


class Task(SQLModel, table=True):
    """An act awaited from a person or a role."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("owner_id is not null or role is not null", name="awaited_from_someone"),
        UniqueConstraint("case_id", "key"),
        Index("tasks_open", "line_id", "due_at", postgresql_where="done_at is null"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    case_id: UUID | None = reference("cases.id", required=False, index=True)
    key: str = text()
    """Unique within a case, so that one cause raises one task."""
    kind: str = text()
    owner_id: UUID | None = reference("users.id", required=False)
    role: str | None = text(required=False)
    attrs: dict[str, Any] = document()
    created_at: datetime = instant(now=True)
    due_at: datetime | None = instant(required=False)
    done_at: datetime | None = instant(required=False)
    done_by: UUID | None = reference("users.id", required=False)
    outcome: str | None = text(required=False)


class Command(SQLModel, table=True):
    """A click that was carried out: the same command id again returns the same answer."""

    __tablename__ = "commands"
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    actor: str = text()
    name: str = text()
    outcome: Any = optional_document()
    at: datetime = instant(now=True)
