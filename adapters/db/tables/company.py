"""Business lines, the people who work in them, and their configuration."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from adapters.db.tables.base import (
    counter,
    document,
    instant,
    line_reference,
    optional_document,
    reference,
    text,
)


class BusinessLine(SQLModel, table=True):
    """A wall: nobody sees or serves another line's customers."""

    __tablename__ = "business_lines"
    id: str = Field(primary_key=True)
    name_zh: str = text()
    name_en: str = text()
    time_zone: str = text(default="Asia/Shanghai")
    default_language: str = text(default="zh")
    member_secret: str = text()
    """Key of the member tokens that the host page signs (HS256)."""
    allowed_origins: list[str] = document("[]")
    """Origins on which the widget may run."""
    config_version: int = counter(1)
    """Raised by every change of configuration; caches compare it."""
    created_at: datetime = instant(now=True)


class User(SQLModel, table=True):
    __tablename__ = "users"
    id: UUID = Field(primary_key=True)
    login: str = Field(unique=True)
    name: str = text()
    name_en: str = text(default="")
    password_hash: str = text()
    language: str = text(default="")
    """Chosen by the user; empty: what the browser asks for."""
    preferences: dict[str, Any] = document()
    created_at: datetime = instant(now=True)
    disabled_at: datetime | None = instant(required=False)


class UserRole(SQLModel, table=True):
    """What a user may do in a line: agent, supervisor, administrator."""

    __tablename__ = "user_roles"
    __table_args__ = (CheckConstraint("role in ('agent', 'supervisor', 'administrator')", name="known_role"),)
    user_id: UUID = reference("users.id", primary=True)
    line_id: str = line_reference(primary=True)
    role: str = Field(primary_key=True)


class SignIn(SQLModel, table=True):
    """A server-side session; only the token's hash is kept."""

    __tablename__ = "sign_ins"
    token_hash: bytes = Field(primary_key=True)
    user_id: UUID = reference("users.id", index=True)
    csrf_token: str = text()
    created_at: datetime = instant(now=True)
    last_seen_at: datetime = instant(now=True)
    expires_at: datetime = instant()
    user_agent: str = text(default="")


class Agent(SQLModel, table=True):
    """A user who takes work. Presence and load change only under the line's routing lock."""

    __tablename__ = "agents"
    __table_args__ = (
        CheckConstraint("load >= 0 and load <= capacity", name="capacity"),
        CheckConstraint("presence in ('ready', 'busy', 'away', 'offline')", name="known_presence"),
        Index("agents_ready", "line_id", "presence"),
    )
    user_id: UUID = reference("users.id", primary=True)
    line_id: str = line_reference()
    nickname_zh: str = text()
    """What customers see (昵称), never the legal name."""
    nickname_en: str = text()
    job_number: str = text(default="")
    capacity: int = 6
    """Units of concurrent work."""
    load: int = 0
    """Units held by owned work and pending offers."""
    presence: str = text(default="offline")
    presence_reason: str = text(default="")
    presence_at: datetime = instant(now=True)
    last_offered_at: datetime | None = instant(required=False)


class AgentHeartbeat(SQLModel, table=True):
    """When an agent's screen was last alive; apart, so that it never waits for routing."""

    __tablename__ = "agent_heartbeats"
    agent_id: UUID = reference("agents.user_id", primary=True)
    line_id: str = line_reference()
    seen_at: datetime = instant(now=True)


class Skill(SQLModel, table=True):
    __tablename__ = "skills"
    line_id: str = line_reference(primary=True)
    key: str = Field(primary_key=True)
    name_zh: str = text()
    name_en: str = text()


class AgentSkill(SQLModel, table=True):
    __tablename__ = "agent_skills"
    __table_args__ = (CheckConstraint("level between 1 and 5", name="level"),)
    agent_id: UUID = reference("agents.user_id", primary=True)
    line_id: str = line_reference()
    skill: str = Field(primary_key=True)
    level: int


class Calendar(SQLModel, table=True):
    """Business hours; `definition` is a `domain.calendar.Calendar`."""

    __tablename__ = "calendars"
    __table_args__ = (UniqueConstraint("line_id", "key"),)
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    key: str = text()
    name_zh: str = text()
    name_en: str = text()
    definition: dict[str, Any] = document()
    version: int = 1


class Setting(SQLModel, table=True):
    """One named part of a line's configuration: timing, texts, tiers, reasons, intents, …"""

    __tablename__ = "settings"
    line_id: str = line_reference(primary=True)
    key: str = Field(primary_key=True)
    value: Any = document()
    version: int = 1
    changed_at: datetime = instant(now=True)
    changed_by: UUID | None = reference("users.id", required=False)


class ConfigurationChange(SQLModel, table=True):
    """Before and after of a change of configuration, so that it can be undone."""

    __tablename__ = "configuration_changes"
    __table_args__ = (Index("configuration_changes_recent", "line_id", "at"),)
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    subject: str = text()
    """`table:key`, for example `queues:general`."""
    before: Any = optional_document()
    after: Any = optional_document()
    user_id: UUID | None = reference("users.id", required=False)
    at: datetime = instant(now=True)
    undone_at: datetime | None = instant(required=False)


class CannedReply(SQLModel, table=True):
    __tablename__ = "canned_replies"
    __table_args__ = (UniqueConstraint("line_id", "shortcut", "language"),)
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    shortcut: str = text()
    language: str = text()
    title: str = text()
    body: str = text()
    used_count: int = 0
