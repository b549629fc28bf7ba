"""Dependencies that read as sentences, and the rule that every route must declare.

A route is open to nobody until it names a `Rule`: by one of the annotated users below, or by
`dependencies=[declares(Rule.PUBLIC)]` on the route or its router. A test walks all routes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from secrets import compare_digest
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request

from adapters.db import accounts
from adapters.db.accounts import UserView
from adapters.db.engine import Database, Transaction
from adapters.settings import Settings
from api.access import Viewer
from api.errors import Forbidden, NotFound, NotSignedIn
from domain.roles import Role

SESSION_COOKIE = "hf_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class Rule(StrEnum):
    """Who reaches a route at all; what they may do with an object is decided by `api.access`."""

    PUBLIC = "public"
    """Everybody; unsafe methods must come from our own pages (a same-origin check)."""
    CUSTOMER = "customer"
    """The route's own dependency proves a customer's token; never a cookie alone."""
    PROVIDER = "provider"
    """A webhook: the handler verifies the signature over the raw bytes."""
    SIGNED_IN = "signed_in"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    EDITOR = "editor"
    """Supervisors and administrators."""
    DEVELOPMENT = "development"
    """Only where the product runs for developers; elsewhere the route does not exist."""


_ROLES_OF_RULE: dict[Rule, frozenset[Role]] = {
    Rule.SIGNED_IN: frozenset(Role),
    Rule.AGENT: frozenset({Role.AGENT, Role.SUPERVISOR}),
    Rule.SUPERVISOR: frozenset({Role.SUPERVISOR}),
    Rule.ADMINISTRATOR: frozenset({Role.ADMINISTRATOR}),
    Rule.EDITOR: frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR}),
}


@dataclass(frozen=True)
class SignedIn:
    """The user of this request, in the line they work in."""

    user: UserView
    line_id: str
    viewer: Viewer
    csrf_token: str

    @property
    def id(self) -> UUID:
        """The user's id; agents have the same."""
        return self.user.id

    @property
    def actor(self) -> str:
        """As events name them."""
        return self.viewer.actor


class RuleCheck:
    """The dependency behind a rule: refuses the request or returns its user (None for open rules)."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    async def __call__(self, request: Request) -> SignedIn | None:
        """Raises NotSignedIn or Forbidden."""
        if self.rule in (Rule.PUBLIC, Rule.DEVELOPMENT):
            if self.rule is Rule.DEVELOPMENT and not settings_of(request).is_development:
                raise NotFound
            _refuse_foreign_origin(request)
            return None
        roles = _ROLES_OF_RULE.get(self.rule)
        if roles is None:
            return None
        signed_in = await signed_in_user(request)
        if signed_in is None:
            raise NotSignedIn
        await _refuse_forged(request, signed_in)
        if signed_in.viewer.roles.isdisjoint(roles):
            raise Forbidden
        return signed_in


def declares(rule: Rule) -> Any:
    """For `dependencies=[…]` of a route or router whose functions need no user."""
    return Depends(_checks[rule])


_checks = {rule: RuleCheck(rule) for rule in Rule}


def settings_of(request: Request) -> Settings:
    """The settings the application was made with."""
    settings: Settings = request.app.state.settings
    return settings


def database_of(request: Request) -> Database:
    """The web role's pool."""
    database: Database = request.app.state.database
    return database


def session_cookie_name(settings: Settings) -> str:
    """Over HTTPS the name binds the cookie to this very host."""
    return f"__Host-{SESSION_COOKIE}" if settings.secure_cookies else SESSION_COOKIE


async def signed_in_user(request: Request) -> SignedIn | None:
    """Who is signed in, if anybody; read once per request."""
    if hasattr(request.state, "signed_in"):
        found: SignedIn | None = request.state.signed_in
        return found
    request.state.signed_in = found = await _read_session(request)
    return found


async def _read_session(request: Request) -> SignedIn | None:
    token = request.cookies.get(session_cookie_name(settings_of(request)))
    if not token:
        return None
    database = database_of(request)
    async with database.reading() as tx:
        session = await accounts.session_of(tx, token)
    if session is None or session.user.line_id is None:
        return None
    if session.seen_long_ago:
        async with database.transaction() as tx:
            await accounts.touch(tx, token)
    user, line_id = session.user, session.user.line_id
    viewer = Viewer.user(user.id, line_id, user.roles[line_id])
    return SignedIn(user, line_id, viewer, session.csrf_token)


def _refuse_foreign_origin(request: Request) -> None:
    """Unsafe requests come from our own pages; clients that are no browsers send no origin."""
    if request.method in _SAFE_METHODS:
        return
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden("foreign_origin")
    origin = request.headers.get("origin")
    if origin is None:
        return
    if not is_own_origin(request, origin):
        raise Forbidden("foreign_origin")


def is_own_origin(request: Request, origin: str) -> bool:
    """Whether a page of this origin is one of ours."""
    own = {request.headers.get("host", ""), urlsplit(settings_of(request).public_url).netloc}
    try:
        return urlsplit(origin).netloc in own - {""}
    except ValueError:  # not even an address
        return False


async def _refuse_forged(request: Request, signed_in: SignedIn) -> None:
    """Unsafe requests under a cookie carry the sign-in's own token, which no other site can read."""
    if request.method in _SAFE_METHODS:
        return
    _refuse_foreign_origin(request)
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(_FORM_TYPES):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if given is None or not compare_digest(given.encode(), signed_in.csrf_token.encode()):
        raise Forbidden("forged")


async def _writing(request: Request) -> AsyncIterator[Transaction]:
    async with database_of(request).transaction() as tx:
        yield tx


async def _reading(request: Request) -> AsyncIterator[Transaction]:
    async with database_of(request).reading() as tx:
        yield tx


async def _line(signed_in: Annotated[SignedIn, Depends(_checks[Rule.SIGNED_IN])]) -> str:
    return signed_in.line_id


CurrentUser = Annotated[SignedIn, Depends(_checks[Rule.SIGNED_IN])]
CurrentAgent = Annotated[SignedIn, Depends(_checks[Rule.AGENT])]
"""An agent or a supervisor: whoever works in the desk."""
Supervisor = Annotated[SignedIn, Depends(_checks[Rule.SUPERVISOR])]
Administrator = Annotated[SignedIn, Depends(_checks[Rule.ADMINISTRATOR])]
Editor = Annotated[SignedIn, Depends(_checks[Rule.EDITOR])]

Tx = Annotated[Transaction, Depends(_writing, scope="function")]
"""A writing transaction that commits after the function and before the answer is sent."""
Reading = Annotated[Transaction, Depends(_reading, scope="function")]
Line = Annotated[str, Depends(_line)]
"""The business line the user works in."""
Configuration = Annotated[Settings, Depends(settings_of)]
Pool = Annotated[Database, Depends(database_of)]
"""For what must not hold a transaction open, such as hashing between two of them."""
