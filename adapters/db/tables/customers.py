"""Customers and what reaches them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from adapters.db.tables.base import document, instant, line_reference, reference, text


class Customer(SQLModel, table=True):
    __tablename__ = "customers"
    __table_args__ = (
        Index("customers_recent", "line_id", "created_at"),
        Index("customers_by_name", "line_id", sql("lower(name) text_pattern_ops")),
        Index("customers_by_phone", "line_id", "phone_hint", postgresql_where="phone_hint <> ''"),
    )
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    name: str = text(default="")
    """Empty for a visitor who has not said it."""
    language: str = text(default="zh")
    tier: str = text(default="ordinary")
    tags: list[str] = document("[]")
    notes: str = text(default="")
    city: str = text(default="")
    phone_hint: str = text(default="")
    """A number typed by a visitor: a hint to the agent, proof of nothing."""
    version: int = 1
    created_at: datetime = instant(now=True)


class Identity(SQLModel, table=True):
    """(channel, external id) that reaches a customer: visitor, member, phone."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("line_id", "channel", "external_id"),)
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    channel: str = text()
    external_id: str = text()
    customer_id: UUID = reference("customers.id", index=True)
    verified_at: datetime | None = instant(required=False)
    verified_until: datetime | None = instant(required=False)
    """A member token's or a code's word holds until then; None with verified_at: for good."""
    created_at: datetime = instant(now=True)


class CustomerChange(SQLModel, table=True):
    """History of a profile that people edit in place."""

    __tablename__ = "customer_changes"
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    customer_id: UUID = reference("customers.id", index=True)
    field: str = text()
    before: str = text(default="")
    after: str = text(default="")
    user_id: UUID | None = reference("users.id", required=False)
    at: datetime = instant(now=True)


class Consent(SQLModel, table=True):
    """Acceptance of one version of the privacy notice."""

    __tablename__ = "consents"
    customer_id: UUID = reference("customers.id", primary=True)
    line_id: str = line_reference()
    notice_version: str = Field(primary_key=True)
    accepted_at: datetime = instant(now=True)


class VerificationCode(SQLModel, table=True):
    """A one-time code sent to a phone number; only its hash is kept."""

    __tablename__ = "verification_codes"
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    customer_id: UUID = reference("customers.id", index=True)
    phone: str = text()
    code_hash: bytes
    attempts: int = 0
    created_at: datetime = instant(now=True)
    expires_at: datetime = instant()
    used_at: datetime | None = instant(required=False)


class OutboxMessage(SQLModel, table=True):
    """What would have gone to a carrier: the development twin of SMS, shown on /dev/outbox."""

    __tablename__ = "outbox"
    id: UUID = Field(primary_key=True)
    line_id: str = line_reference()
    channel: str = text()
    recipient: str = text()
    body: str = text()
    at: datetime = instant(now=True)
