"""Passwords: argon2id, never kept or logged in the clear."""

import asyncio
from enum import StrEnum

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

LENGTH_MINIMUM = 8
LENGTH_MAXIMUM = 200

_hasher = PasswordHash.recommended()
_NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$KJF8qyUdArKIChDEDx3eMw$KW6cmCiPinNv0TKTi3+3oUe5A2pKTg6mPPqs1LxBh7M"
)
"""Compared for a login that does not exist, so that the time of an answer does not tell."""


class PasswordProblem(StrEnum):
    """Why a new password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    SAME_AS_LOGIN = "same_as_login"
    TOO_SIMPLE = "too_simple"


class PasswordRefusedError(ValueError):
    """The new password is not good enough; `problem` says why."""

    def __init__(self, problem: PasswordProblem) -> None:
        self.problem = problem
        super().__init__(problem.value)


def check_new_password(password: str, login: str) -> None:
    """Raises PasswordRefusedError when a new password is too weak for this login."""
    if len(password) < LENGTH_MINIMUM:
        raise PasswordRefusedError(PasswordProblem.TOO_SHORT)
    if len(password) > LENGTH_MAXIMUM:
        raise PasswordRefusedError(PasswordProblem.TOO_LONG)
    if password.casefold() == login.casefold():
        raise PasswordRefusedError(PasswordProblem.SAME_AS_LOGIN)
    if len(set(password)) < 4 or password.casefold() in {"12345678", "123456789", "password", "qwertyuiop"}:
        raise PasswordRefusedError(PasswordProblem.TOO_SIMPLE)


async def hash_password(password: str) -> str:
    """The argon2id hash; in a thread, for it costs tens of milliseconds. Call it outside a transaction."""
    return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Whether it fits, and a fresh hash when the stored one is outdated. None stands for nobody's hash."""

    def verify() -> tuple[bool, str | None]:
        try:
            return _hasher.verify_and_update(password, password_hash or _NOBODYS_HASH)
        except UnknownHashError:
            return False, None

    fits, renewed = await asyncio.to_thread(verify)
    return fits and password_hash is not None, renewed
