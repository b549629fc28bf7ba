"""Member tokens: what a host page says, signed, of the customer who is signed in there.

A token is a JWT (HS256) under the line's own secret: `sub` (member id), optional `name`, `phone`, `tier`, and
`exp` at most an hour ahead. Whoever holds no token is a visitor, whatever they type.
"""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jwt
import phonenumbers

from domain.text import clean_text

LIFETIME_LIMIT_SECONDS = 3600
LEEWAY_SECONDS = 60
"""How far the host's clock may be off."""
SECRET_LENGTH_MINIMUM = 32
HOME_REGION = "CN"
"""The country of a number written without its country code."""
_TOKEN_LENGTH_LIMIT = 4096
_MEMBER_ID_LENGTH_LIMIT = 128
_NAME_LENGTH_LIMIT = 80
_PHONE_LENGTH_LIMIT = 32


class TokenFault(StrEnum):
    """Why a token proves nothing; error code of the API."""

    INVALID = "member_token_invalid"
    EXPIRED = "member_token_expired"
    TOO_LONG_LIVED = "member_token_too_long_lived"
    OFF = "member_tokens_off"
    """The line has no usable secret."""


class MemberTokenError(ValueError):
    """The token proves nothing."""

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class Member:
    """What a valid token proves."""

    id: str
    name: str
    phone: str | None
    """E.164."""
    tier: str | None
    expires_in_seconds: int


def verify_member_token(token: str, secret: str) -> Member:
    """The member a token speaks of. Raises MemberTokenError."""
    if len(secret) < SECRET_LENGTH_MINIMUM:
        raise MemberTokenError(TokenFault.OFF)
    if len(token) > _TOKEN_LENGTH_LIMIT:
        raise MemberTokenError(TokenFault.INVALID)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub"], "verify_aud": False},
        )
    except jwt.ExpiredSignatureError:
        raise MemberTokenError(TokenFault.EXPIRED) from None
    except jwt.InvalidTokenError:
        raise MemberTokenError(TokenFault.INVALID) from None
    left = int(claims["exp"]) - int(time.time())
    if left > LIFETIME_LIMIT_SECONDS + LEEWAY_SECONDS:
        raise MemberTokenError(TokenFault.TOO_LONG_LIVED)
    member_id = clean_text(str(claims["sub"]))
    if not 0 < len(member_id) <= _MEMBER_ID_LENGTH_LIMIT:
        raise MemberTokenError(TokenFault.INVALID)
    return Member(
        id=member_id,
        name=clean_text(_text(claims.get("name")))[:_NAME_LENGTH_LIMIT],
        phone=normal_phone(_text(claims.get("phone"))),
        tier=_text(claims.get("tier")) or None,
        expires_in_seconds=max(1, left),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def normal_phone(typed: str) -> str | None:
    """The number as E.164, or None when it is no valid number."""
    if not typed or len(typed) > _PHONE_LENGTH_LIMIT:
        return None
    try:
        number = phonenumbers.parse(typed, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def masked_phone(phone: str) -> str:
    """What may be shown of a number: `+86 138••••6621`."""
    number = phonenumbers.parse(phone)
    national = str(number.national_number)
    return f"+{number.country_code} {national[:3]}••••{national[-4:]}"
