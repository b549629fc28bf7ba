"""Queues, plans, waiting work and offers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Identity, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from adapters.db.tables.base import digest, document, instant, line_reference, reference, text


class Queue(SQLModel, table=True):
    """Where waiting work is ordered."""

    __tablename__ = "queues"
    __table_args__ = (
        UniqueConstraint("line_id", "key"),
        CheckConstraint("acceptance in ('offer', 'automatic')", name="known_acceptance"),
        CheckConstraint("offer_seconds between 5 and 86400", name="offer_seconds"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    key: str = text()
    name_zh: str = text()
    name_en: str = text()
    offer_seconds: int = 30
    acceptance: str = text(default="offer")
    calendar_key: str = text(default="hours")
    active: bool = True


class QueueMember(SQLModel, table=True):
    __tablename__ = "queue_members"
    queue_id: UUID = reference("queues.id", primary=True)
    agent_id: UUID = reference("agents.user_id", primary=True)
    line_id: str = line_reference()


class RoutingPlan(SQLModel, table=True):
    """Ordered steps (queues, required skills and levels, wait) that widen; see `domain.routing`."""

    __tablename__ = "routing_plans"
    line_id: str = line_reference(primary=True)
    key: str = Field(primary_key=True)
    name_zh: str = text()
    name_en: str = text()
    steps: list[dict[str, Any]] = document("[]")


class Requirement(SQLModel, table=True):
    """One distinct pair of queues and skills that waiting work asks for."""

    __tablename__ = "requirements"
    __table_args__ = (UniqueConstraint("line_id", "fingerprint"),)
    id: int = Field(default=None, sa_column=Column(Integer, Identity(), primary_key=True))
    line_id: str = line_reference()
    fingerprint: bytes = digest(required=True)
    queues: list[str] = document("[]")
    skills: dict[str, int] = document()


class Qualification(SQLModel, table=True):
    """Which agent meets which requirement; kept when members, skills or requirements change."""

    __tablename__ = "qualifications"
    __table_args__ = (Index("qualified_agents", "requirement_id", "agent_id"),)
    agent_id: UUID = reference("agents.user_id", primary=True)
    requirement_id: int = Field(foreign_key="requirements.id", primary_key=True)
    line_id: str = line_reference()
    queue_id: UUID = reference("queues.id")
    """The first queue of the requirement that the agent serves."""
    level: int = 0
    """Sum of the agent's levels in the required skills: the better fit goes first."""


class WaitingWork(SQLModel, table=True):
    """A case that waits for an agent; ordered by a static key that ages by itself (DESIGN §6)."""

    __tablename__ = "waiting_work"
    __table_args__ = (
        Index(
            "waiting_order",
            "line_id",
            "requirement_id",
            "order_key",
            postgresql_where="not offered and directed_to is null",
        ),
        Index("waiting_directed", "directed_to", "order_key", postgresql_where="not offered"),
    )
    case_id: UUID = reference("cases.id", primary=True)
    line_id: str = line_reference()
    requirement_id: int = Field(foreign_key="requirements.id", index=True)
    queue_id: UUID = reference("queues.id")
    order_key: datetime = instant()
    since: datetime = instant()
    weight: int = 1
    offered: bool = False
    refused_by: list[str] = document("[]")
    """Agents who declined it or let it expire in this step."""
    sticky_to: UUID | None = reference("agents.user_id", required=False)
    sticky_until: datetime | None = instant(required=False)
    directed_to: UUID | None = reference("agents.user_id", required=False)
    """A transfer to one agent: nobody else may take it until it is given back."""


class Offer(SQLModel, table=True):
    """One contact or ticket offered to one agent."""

    __tablename__ = "offers"
    __table_args__ = (
        CheckConstraint(
            "state in ('pending', 'accepted', 'declined', 'expired', 'withdrawn')", name="known_state"
        ),
        CheckConstraint("state <> 'declined' or decline_reason is not null", name="decline_has_reason"),
        Index("one_pending_offer", "case_id", unique=True, postgresql_where="state = 'pending'"),
        Index("offers_of_agent", "agent_id", "state"),
        Index("offers_taken", "queue_id", "settled_at", postgresql_where="state = 'accepted'"),
        Index("offers_of_case", "case_id", "offered_at"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    case_id: UUID = reference("cases.id")
    agent_id: UUID = reference("agents.user_id")
    queue_id: UUID = reference("queues.id")
    state: str = text(default="pending")
    weight: int = 1
    why: dict[str, Any] = document()
    """Why it came to this agent: skills, sticky, load, rank, alternatives passed over."""
    offered_at: datetime = instant(now=True)
    expires_at: datetime = instant()
    settled_at: datetime | None = instant(required=False)
    decline_reason: str | None = text(required=False)
