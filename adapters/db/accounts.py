"""Users, their roles and their sign-ins."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from adapters.db.engine import NotFoundError, Transaction, as_json
from adapters.ids import new_id
from domain.roles import Role

IDLE_LIMIT = timedelta(hours=12)
LIFE_LIMIT = timedelta(days=7)
_SEEN_EVERY = timedelta(minutes=1)
_USER_AGENT_LENGTH = 200


class LoginTakenError(ValueError):
    """Another user has this login."""


@dataclass(frozen=True)
class UserView:
    """A user as pages and the command line show one; never with the password's hash."""

    id: UUID
    login: str
    name: str
    language: str
    preferences: dict[str, Any]
    roles: dict[str, frozenset[Role]]
    """By business line."""
    created_at: datetime
    disabled_at: datetime | None

    @property
    def line_id(self) -> str | None:
        """The line the user works in now: the one preferred, else the first; None without any role."""
        preferred = self.preferences.get("line")
        return preferred if preferred in self.roles else next(iter(sorted(self.roles)), None)


@dataclass(frozen=True)
class Credentials:
    """What a sign-in is checked against."""

    user_id: UUID
    password_hash: str
    disabled: bool


@dataclass(frozen=True)
class NewSignIn:
    """A sign-in just made; the token is told once, to the browser."""

    token: str
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True)
class Session:
    """A valid sign-in and its user."""

    user: UserView
    csrf_token: str
    expires_at: datetime
    seen_long_ago: bool
    """Its last use must be written down again (`touch`)."""


_USERS = """
    select u.id, u.login, u.name, u.language, u.preferences, u.created_at, u.disabled_at,
           coalesce((select jsonb_object_agg(line_id, roles) from (
               select line_id, jsonb_agg(role) as roles from user_roles where user_id = u.id group by line_id
           ) as by_line), '{}') as roles
    from users u
"""

_SESSION = f"""
    select s.csrf_token, s.expires_at as session_expires_at,
           s.last_seen_at < now() - :seen_every as seen_long_ago, who.*
    from sign_ins s join ({_USERS}) as who on who.id = s.user_id
    where s.token_hash = :hash and s.expires_at > now() and s.last_seen_at > now() - :idle
      and who.disabled_at is null
"""  # noqa: S608 - both parts are constants of this file


def _view(row: Row[Any]) -> UserView:
    roles = {line: frozenset(Role(role) for role in names) for line, names in row.roles.items()}
    return UserView(
        row.id, row.login, row.name, row.language, row.preferences, roles, row.created_at, row.disabled_at
    )


def normal_login(login: str) -> str:
    """Logins differ by more than case and surrounding blanks."""
    return login.strip().casefold()


async def get_user(tx: Transaction, user_id: UUID) -> UserView:
    """Raises NotFoundError."""
    return _view(await tx.one(f"{_USERS} where u.id = :id", id=user_id))


async def find_user(tx: Transaction, login: str) -> UserView | None:
    """The user with this login, disabled ones too."""
    row = await tx.first(f"{_USERS} where u.login = :login", login=normal_login(login))
    return _view(row) if row else None


async def list_users(tx: Transaction, line_id: str | None = None) -> list[UserView]:
    """All users, or those with a role in one line; by login."""
    rows = await tx.all(
        f"""{_USERS} where cast(:line as text) is null
            or exists (select from user_roles r where r.user_id = u.id and r.line_id = :line)
            order by u.login""",
        line=line_id,
    )
    return [_view(row) for row in rows]


async def add_user(
    tx: Transaction,
    *,
    login: str,
    name: str,
    password_hash: str,
    line_id: str,
    roles: Iterable[Role],
    language: str = "",
    actor: str = "system",
) -> UserView:
    """A new user with roles in one line; without a `language` the browser's is shown. Raises LoginTakenError.

    The caller checks the password and hashes it before the transaction (`adapters.passwords`).
    """
    user_id = new_id()
    added = await tx.run(
        """insert into users (id, login, name, password_hash, language)
           values (:id, :login, :name, :hash, :language) on conflict (login) do nothing""",
        id=user_id,
        login=normal_login(login),
        name=name.strip() or login.strip(),
        hash=password_hash,
        language=language,
    )
    if not added:
        raise LoginTakenError(login)
    given = sorted(set(roles))
    await _write_roles(tx, user_id, line_id, given)
    tx.subject_event(
        line_id, f"config:{line_id}", "user.added", actor, {"user_id": str(user_id), "roles": given}
    )
    return await get_user(tx, user_id)


async def set_roles(
    tx: Transaction, user_id: UUID, line_id: str, roles: Iterable[Role], *, actor: str
) -> UserView:
    """Exactly these roles in this line from now on; live screens hear of it by the event."""
    given = sorted(set(roles))
    await tx.run(
        "delete from user_roles where user_id = :user and line_id = :line", user=user_id, line=line_id
    )
    await _write_roles(tx, user_id, line_id, given)
    tx.subject_event(
        line_id, f"config:{line_id}", "user.roles_changed", actor, {"user_id": str(user_id), "roles": given}
    )
    return await get_user(tx, user_id)


async def _write_roles(tx: Transaction, user_id: UUID, line_id: str, roles: list[Role]) -> None:
    for role in roles:
        await tx.run(
            "insert into user_roles (user_id, line_id, role) values (:user, :line, :role)",
            user=user_id,
            line=line_id,
            role=role.value,
        )


async def disable_user(tx: Transaction, user_id: UUID, *, actor: str) -> UserView:
    """The user can no longer sign in and every sign-in ends. Raises NotFoundError."""
    if not await tx.run(
        "update users set disabled_at = coalesce(disabled_at, now()) where id = :id", id=user_id
    ):
        raise NotFoundError("user")
    await end_sign_ins(tx, user_id)
    return await _tell_lines(tx, user_id, "user.disabled", actor)


async def enable_user(tx: Transaction, user_id: UUID, *, actor: str) -> UserView:
    """Undo `disable_user`; the old sign-ins stay ended."""
    if not await tx.run("update users set disabled_at = null where id = :id", id=user_id):
        raise NotFoundError("user")
    return await _tell_lines(tx, user_id, "user.enabled", actor)


async def set_password(tx: Transaction, user_id: UUID, password_hash: str, *, actor: str) -> UserView:
    """A new password; every sign-in ends. Raises NotFoundError."""
    if not await tx.run(
        "update users set password_hash = :hash where id = :id", id=user_id, hash=password_hash
    ):
        raise NotFoundError("user")
    await end_sign_ins(tx, user_id)
    return await _tell_lines(tx, user_id, "user.password_changed", actor)


async def _tell_lines(tx: Transaction, user_id: UUID, kind: str, actor: str) -> UserView:
    user = await get_user(tx, user_id)
    for line_id in user.roles:
        tx.subject_event(line_id, f"config:{line_id}", kind, actor, {"user_id": str(user_id)})
    return user


async def renew_hash(tx: Transaction, user_id: UUID, password_hash: str) -> None:
    """Store the same password under stronger parameters; sign-ins stay."""
    await tx.run("update users set password_hash = :hash where id = :id", id=user_id, hash=password_hash)


async def set_preferences(
    tx: Transaction, user_id: UUID, *, language: str | None = None, **preferences: Any
) -> None:
    """The user's own choices: language, `theme`, `line`, keys of the screens."""
    await tx.run(
        """update users set language = coalesce(:language, language),
                            preferences = preferences || cast(:preferences as jsonb) where id = :id""",
        id=user_id,
        language=language,
        preferences=as_json(preferences),
    )


# Sign-ins


def token_hash(token: str) -> bytes:
    """What is stored of a token; the token itself has 256 random bits, so plain SHA-256 does."""
    return sha256(token.encode()).digest()


async def credentials_of(tx: Transaction, login: str) -> Credentials | None:
    """What a sign-in with this login is checked against; None when nobody has it."""
    row = await tx.first(
        "select id, password_hash, disabled_at from users where login = :login", login=normal_login(login)
    )
    return Credentials(row.id, row.password_hash, row.disabled_at is not None) if row else None


async def sign_in(
    tx: Transaction, user_id: UUID, *, user_agent: str = "", old_token: str | None = None
) -> NewSignIn:
    """A new sign-in; the browser's old one ends, so that a token never survives a sign-in."""
    if old_token:
        await sign_out(tx, old_token)
    token, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    await tx.run("delete from sign_ins where user_id = :user and expires_at < now()", user=user_id)
    row = await tx.one(
        """insert into sign_ins (token_hash, user_id, csrf_token, expires_at, user_agent)
           values (:hash, :user, :csrf, now() + :life, :agent) returning expires_at""",
        hash=token_hash(token),
        user=user_id,
        csrf=csrf_token,
        life=LIFE_LIMIT,
        agent=user_agent[:_USER_AGENT_LENGTH],
    )
    return NewSignIn(token, csrf_token, row.expires_at)


async def session_of(tx: Transaction, token: str) -> Session | None:
    """The valid sign-in of a token: not expired, not idle for too long, its user not disabled."""
    row = await tx.first(
        _SESSION,
        hash=token_hash(token),
        idle=IDLE_LIMIT,
        seen_every=_SEEN_EVERY,
    )
    if row is None:
        return None
    return Session(_view(row), row.csrf_token, row.session_expires_at, row.seen_long_ago)


async def touch(tx: Transaction, token: str) -> None:
    """Note that the sign-in was used; asked for at most once a minute (`Session.seen_long_ago`)."""
    await tx.run("update sign_ins set last_seen_at = now() where token_hash = :hash", hash=token_hash(token))


async def sign_out(tx: Transaction, token: str) -> None:
    """End one sign-in."""
    await tx.run("delete from sign_ins where token_hash = :hash", hash=token_hash(token))


async def end_sign_ins(tx: Transaction, user_id: UUID) -> None:
    """End all sign-ins of a user."""
    await tx.run("delete from sign_ins where user_id = :user", user=user_id)
