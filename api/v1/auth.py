"""Who calls: a browser with its cookie and CSRF token, or a program with a bearer token."""

from typing import Annotated
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Header, Request

from adapters.db import accounts
from adapters.db.bus import Whisper, whisper
from adapters.ids import new_id
from adapters.passwords import verify_password
from api.access import Viewer
from api.deps import Pool, Rule, RuleCheck, SignedIn, database_of, declares
from api.errors import Forbidden, NotSignedIn
from api.ratelimit import BackOff, client_address, count
from api.v1.shapes import SignInRequest, SignInResult
from domain.roles import Role

router = APIRouter(tags=["sign-in"])

_BEARER = "bearer "
_COMMANDS = UUID("6f0b8b0c-3c0e-4b64-9d5e-9a2b1f1f5d11")
"""Names the space in which idempotency keys that are no UUIDs become some."""
_back_off = BackOff()


class ApiRule(RuleCheck):
    """A rule that a bearer token fulfils too: a header that no other site can make a browser send."""

    def __init__(self, rule: Rule, roles: frozenset[Role]) -> None:
        super().__init__(rule)
        self._roles = roles

    async def __call__(self, request: Request) -> SignedIn | None:
        """Raises NotSignedIn or Forbidden."""
        token = bearer_token(request)
        if token is None:
            return await super().__call__(request)
        signed_in = await _signed_in_by(request, token)
        if signed_in is None:
            raise NotSignedIn("token")
        request.state.signed_in = signed_in
        if signed_in.viewer.roles.isdisjoint(self._roles):
            raise Forbidden
        return signed_in


def bearer_token(request: Request) -> str | None:
    """The token of the Authorization header."""
    given = request.headers.get("authorization", "")
    return given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else None


async def _signed_in_by(request: Request, token: str) -> SignedIn | None:
    database = database_of(request)
    async with database.reading() as tx:
        session = await accounts.session_of(tx, token)
    if session is None or session.user.line_id is None:
        return None
    if session.seen_long_ago:
        async with database.transaction() as tx:
            await accounts.touch(tx, token)
    user, line_id = session.user, session.user.line_id
    return SignedIn(user, line_id, Viewer.user(user.id, line_id, user.roles[line_id]), session.csrf_token)


_signed_in = ApiRule(Rule.SIGNED_IN, frozenset(Role))
_agent = ApiRule(Rule.AGENT, frozenset({Role.AGENT, Role.SUPERVISOR}))
_supervisor = ApiRule(Rule.SUPERVISOR, frozenset({Role.SUPERVISOR}))
_editor = ApiRule(Rule.EDITOR, frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR}))

ApiUser = Annotated[SignedIn, Depends(_signed_in)]
ApiAgent = Annotated[SignedIn, Depends(_agent)]
"""An agent or a supervisor."""
ApiSupervisor = Annotated[SignedIn, Depends(_supervisor)]
ApiEditor = Annotated[SignedIn, Depends(_editor)]
"""A supervisor or an administrator."""


async def _command_id(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=200,
            description="Your own id of this act. The same key again answers as the first time and does nothing.",
        ),
    ] = None,
) -> UUID:
    if not idempotency_key:
        return new_id()
    user: SignedIn | None = getattr(request.state, "signed_in", None)
    return uuid5(_COMMANDS, f"{user.actor if user else ''}:{idempotency_key}")


CommandId = Annotated[UUID, Depends(_command_id)]


@router.post("/sign-in", dependencies=[declares(Rule.PUBLIC)])
async def sign_in(request: Request, asked: SignInRequest, pool: Pool) -> SignInResult:
    """A bearer token for a program. Send it as `Authorization: Bearer …`; it ends after 12 idle hours."""
    address, who = client_address(request), accounts.normal_login(asked.login)
    _back_off.check(who, address)
    await count(request, "signin", "60/minute", address)
    async with pool.reading() as tx:
        known = await accounts.credentials_of(tx, asked.login)
    fits, renewed = await verify_password(asked.password, known.password_hash if known else None)
    if known is None or not fits or known.disabled:
        _back_off.failed(who, address)
        raise NotSignedIn("wrong_password")
    _back_off.succeeded(who, address)
    async with pool.transaction() as tx:
        if renewed is not None:
            await accounts.renew_hash(tx, known.user_id, renewed)
        made = await accounts.sign_in(
            tx, known.user_id, user_agent=request.headers.get("user-agent", "program")
        )
        user = await accounts.get_user(tx, known.user_id)
    return SignInResult(
        token=made.token, expires_at=made.expires_at, user_id=user.id, line_id=user.line_id, name=user.name
    )


@router.post("/sign-out", status_code=204)
async def sign_out(request: Request, user: ApiUser, pool: Pool) -> None:
    """End the sign-in of this bearer token."""
    token = bearer_token(request)
    if token is None:
        raise NotSignedIn("token")
    async with pool.transaction() as tx:
        await accounts.sign_out(tx, token)
        await whisper(tx, Whisper(user.line_id, "sign_in_ended", user.actor))
