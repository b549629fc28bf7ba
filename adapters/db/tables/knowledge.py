"""What the bot knows: articles and flows."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from adapters.db.tables.base import document, instant, line_reference, reference, text


class Article(SQLModel, table=True):
    __tablename__ = "articles"
    __table_args__ = (
        UniqueConstraint("line_id", "key", "language"),
        CheckConstraint("status in ('draft', 'published', 'archived')", name="known_status"),
        Index("articles_search", "tokens", postgresql_using="gin"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    key: str = text()
    """The same article in two languages has one key."""
    language: str = text()
    title: str = text()
    questions: list[str] = document("[]")
    body: str = text()
    category: str = text(default="")
    skill: str = text(default="")
    status: str = text(default="published")
    valid_from: date | None = None
    valid_until: date | None = None
    owner_id: UUID | None = reference("users.id", required=False)
    review_at: date | None = None
    version: int = 1
    changed_at: datetime = instant(now=True)
    changed_by: UUID | None = reference("users.id", required=False)
    embedding: Any = document("[]")
    """From the optional embeddings endpoint: see `adapters.db.embedding`; [] when there is none."""
    tokens: Any = Field(default=None, sa_column=Column(TSVECTOR, nullable=True))


class Flow(SQLModel, table=True):
    """A declarative conversation; `definition` is validated by `domain.bot.book`."""

    __tablename__ = "flows"
    line_id: str = line_reference(primary=True)
    key: str = Field(primary_key=True)
    definition: dict[str, Any] = document()
    enabled: bool = True
    version: int = 1
