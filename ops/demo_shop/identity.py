"""Proofs, both ways: that a call comes from Holdfast and for whom, and who is signed in at the shop.

Written from the contract, on purpose without Holdfast's own code.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import jwt

from ops.demo_shop.model import Customer

SIGNATURE_WINDOW_S = 300
MEMBER_TOKEN_LIFETIME_S = 3600
SECRET_LENGTH_MINIMUM = 32

_SIGNATURE = re.compile(r"v1=[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSignatureError(Exception):
    """The call does not prove that it comes from Holdfast, or is too old."""


@dataclass(frozen=True)
class Caller:
    """For whom a call is made."""

    member_id: str | None
    phone: str | None
    idempotency_key: str | None


def verify_call(token: str, path: str, headers: Mapping[str, str], body: bytes, now: int) -> Caller:
    """Check the signature over the raw body and every header that matters. Raises BadSignatureError."""
    timestamp = headers.get("holdfast-timestamp", "")
    signature = headers.get("holdfast-signature", "")
    member = headers.get("holdfast-member", "")
    phone = headers.get("holdfast-phone", "")
    key = headers.get("idempotency-key", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        raise BadSignatureError
    if abs(now - int(timestamp)) > SIGNATURE_WINDOW_S:
        raise BadSignatureError
    signed = "\n".join(("v1", timestamp, path, member, phone, key, hashlib.sha256(body).hexdigest()))
    expected = "v1=" + hmac.new(token.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, expected):
        raise BadSignatureError
    return Caller(unquote(member) or None, unquote(phone) or None, unquote(key) or None)


def member_token(secret: str, customer: Customer, now: int) -> str:
    """The signed token by which the widget learns who is signed in; good for an hour."""
    claims = {
        "sub": customer.member_id,
        "name": customer.name,
        "phone": customer.phone,
        "tier": customer.tier.value,
        "iat": now,
        "exp": now + MEMBER_TOKEN_LIFETIME_S,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def session_cookie(secret: str, member_id: str) -> str:
    """Who is signed in at the shop, so that nobody can write somebody else into it."""
    return f"{member_id}.{_seal(secret, member_id)}"


def member_of_cookie(secret: str, cookie: str | None) -> str | None:
    """The member id of an untouched cookie."""
    member_id, _, seal = (cookie or "").partition(".")
    return (
        member_id if seal and hmac.compare_digest(seal.encode(), _seal(secret, member_id).encode()) else None
    )


def _seal(secret: str, member_id: str) -> str:
    return hmac.new(secret.encode(), b"demo-shop-session\n" + member_id.encode(), hashlib.sha256).hexdigest()
