"""Column helpers shared by the tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field


def instant(*, required: bool = True, now: bool = False, index: bool = False) -> Any:
    """An aware UTC instant; `now` lets the database's clock fill it."""
    return Field(
        default=None,
        sa_column=Column(
            DateTime(timezone=True),
            nullable=not (required or now),
            server_default=func.now() if now else None,
            index=index,
        ),
    )


def document(default: str = "{}") -> Any:
    """A JSON document whose empty value is `default` (as JSON text)."""
    return Field(default=None, sa_column=Column(JSONB, nullable=False, server_default=default))


def optional_document() -> Any:
    return Field(default=None, sa_column=Column(JSONB, nullable=True))


def text(*, required: bool = True, default: str | None = None) -> Any:
    return Field(
        default=default,
        sa_column=Column(Text, nullable=not required, server_default=default),
    )


def reference(target: str, *, required: bool = True, primary: bool = False, index: bool = False) -> Any:
    """A foreign key to a uuid column, for example `cases.id`."""
    return Field(
        default=None,
        sa_column=Column(
            PG_UUID(as_uuid=True),
            ForeignKey(target),
            primary_key=primary,
            nullable=not (required or primary),
            index=index,
        ),
    )


def line_reference(*, primary: bool = False) -> Any:
    """The business line that a row belongs to: on every row (DESIGN §1)."""
    return Field(
        default=None,
        sa_column=Column(Text, ForeignKey("business_lines.id"), nullable=False, primary_key=primary),
    )


def digest(*, required: bool = False) -> Any:
    return Field(default=None, sa_column=Column(LargeBinary, nullable=not required))


def counter(default: int = 0) -> Any:
    return Field(default=default, sa_column=Column(BigInteger, nullable=False, server_default=str(default)))


__all__ = [
    "UUID",
    "Any",
    "counter",
    "datetime",
    "digest",
    "document",
    "instant",
    "line_reference",
    "optional_document",
    "reference",
    "text",
]
