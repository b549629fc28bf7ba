"""What a member token proves, and how numbers are read."""

import time
from typing import Any

import jwt
import pytest

from adapters.members import MemberTokenError, TokenFault, masked_phone, normal_phone, verify_member_token

SECRET = "a secret that is long enough to be a secret"


def token(secret: str = SECRET, **claims: Any) -> str:
    return jwt.encode({"sub": "M1", "exp": int(time.time()) + 600} | claims, secret, "HS256")


def test_a_good_token_says_who() -> None:
    member = verify_member_token(token(name=" 何\u202e苗 ", phone="138 0000 6621", tier="vip"), SECRET)
    assert (member.id, member.name, member.phone, member.tier) == ("M1", "何苗", "+8613800006621", "vip")
    assert 590 <= member.expires_in_seconds <= 600


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_line_without_a_secret_takes_no_tokens(secret: str) -> None:
    with pytest.raises(MemberTokenError) as refused:
        verify_member_token("x.y.z", secret)
    assert refused.value.fault is TokenFault.OFF


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"exp": 1}, TokenFault.EXPIRED),
        ({"exp": int(time.time()) + 5000}, TokenFault.TOO_LONG_LIVED),
        ({"sub": "x" * 129}, TokenFault.INVALID),
        ({"sub": "\x00"}, TokenFault.INVALID),
        ({"nbf": int(time.time()) + 500}, TokenFault.INVALID),
        ({"name": "x" * 5000}, TokenFault.INVALID),
    ],
)
def test_bad_claims_are_refused(claims: dict[str, Any], fault: TokenFault) -> None:
    with pytest.raises(MemberTokenError) as refused:
        verify_member_token(token(**claims), SECRET)
    assert refused.value.fault is fault


def test_odd_claims_are_left_out() -> None:
    member = verify_member_token(token(name=["x"], phone=138, tier={"a": 1}), SECRET)
    assert (member.name, member.phone, member.tier) == ("", None, None)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("13800006621", "+8613800006621"),
        ("+86 138-0000-6621", "+8613800006621"),
        ("+44 20 7946 0958", "+442079460958"),
        ("123", None),
        ("", None),
        ("'; drop table customers; --", None),
        ("1" * 40, None),
    ],
)
def test_numbers(typed: str, phone: str | None) -> None:
    assert normal_phone(typed) == phone


def test_a_shown_number_hides_its_middle() -> None:
    assert masked_phone("+8613800006621") == "+86 138••••6621"
