"""Who calls the chat's interface: the visitor behind a bearer token, and from which pages it may be called.

There is no cookie: a page of another origin can do nothing in a visitor's name, and the widget works where
browsers keep third-party cookies away.
"""

from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from adapters.db import chat
from adapters.db.chat import Visitor
from adapters.db.engine import Transaction
from adapters.db.scopes import ContactScope
from api.access import ContactAct, Viewer, may_act_on_contact
from api.deps import Pool, Reading, Tx, database_of, is_own_origin
from api.errors import Forbidden, NotSignedIn, RefusedRequest
from api.ratelimit import client_address, count

_SCHEME = "bearer "
_CORS_METHODS = "GET, POST, OPTIONS"
_CORS_HEADERS = "Authorization, Content-Type, Last-Event-ID"
_PREFLIGHT_SECONDS = "600"


def bearer_token(request: Request) -> str | None:
    """The token of the `Authorization` header."""
    header = request.headers.get("authorization", "")
    return header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else None


async def visitor_in(tx: Transaction, request: Request) -> Visitor:
    """The visitor of this request. Raises NotSignedIn, or Forbidden for a page of a strange origin."""
    token = bearer_token(request)
    visitor = await chat.visitor_of(tx, token) if token else None
    if visitor is None:
        raise NotSignedIn("session_unknown")
    origin = foreign_origin(request)
    if origin is not None and origin not in visitor.allowed_origins:
        raise Forbidden("foreign_origin")
    return visitor


async def _writing_visitor(request: Request, tx: Tx) -> Visitor:
    return await visitor_in(tx, request)


async def _reading_visitor(request: Request, reading: Reading) -> Visitor:
    return await visitor_in(reading, request)


CurrentVisitor = Annotated[Visitor, Depends(_writing_visitor)]
"""The visitor, read in the transaction of the route's own `Tx`."""
ReadingVisitor = Annotated[Visitor, Depends(_reading_visitor)]
"""The visitor, read in the route's own `Reading`."""


async def _visitor_alone(request: Request, pool: Pool) -> Visitor:
    async with pool.reading() as tx:
        return await visitor_in(tx, request)


VisitorAlone = Annotated[Visitor, Depends(_visitor_alone)]
"""The visitor, for routes that hold no connection while they answer: streams, uploads, downloads."""


def viewer_of(visitor: Visitor) -> Viewer:
    """The visitor as `api.access` knows customers."""
    return Viewer.customer(
        visitor.customer_id, visitor.line_id, visitor.identity_id, verified=visitor.verified
    )


def refuse_act(visitor: Visitor, contact: ContactScope, act: ContactAct) -> None:
    """Raises Forbidden when the visitor may not do this with the contact."""
    if not may_act_on_contact(viewer_of(visitor), contact, act):
        raise Forbidden


# How often


async def count_visitor(request: Request, name: str, rate: str) -> None:
    """Count one use of a session. Raises TooMany."""
    token = bearer_token(request)
    who = sha256(token.encode()).hexdigest()[:32] if token else client_address(request)
    await count(request, name, rate, who)


def visitor_limit(name: str, rate: str) -> Any:
    """`dependencies=[visitor_limit("chat-read", "1200/minute")]`: counted by session."""

    async def check(request: Request) -> None:
        await count_visitor(request, name, rate)

    return Depends(check)


# From which pages


def foreign_origin(request: Request) -> str | None:
    """The origin of the page that calls us, when it is not our own."""
    origin = request.headers.get("origin")
    if origin is None:
        return None
    return None if is_own_origin(request, origin) else origin


async def cors_headers(request: Request) -> dict[str, str]:
    """What lets a page of an allowed foreign origin read our answer; nothing for others."""
    origin = foreign_origin(request)
    if origin is None:
        return {}
    async with database_of(request).reading() as tx:
        if not await chat.is_allowed_origin(tx, origin):
            return {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


async def answer_preflight(request: Request) -> Response:
    """What a browser asks before a page of another origin may call us."""
    headers = await cors_headers(request)
    if "Access-Control-Allow-Origin" not in headers:
        raise Forbidden("foreign_origin")
    allowed = {
        "Access-Control-Allow-Methods": _CORS_METHODS,
        "Access-Control-Allow-Headers": _CORS_HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
    }
    return Response(status_code=204, headers=headers | allowed)


class ChatRoute(APIRoute):
    """A route whose answers, refusals too, may be read by pages of the origins that lines allow."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def with_cors(request: Request) -> Response:
            headers = await cors_headers(request)
            try:
                response = await handle(request)
            except RefusedRequest as refusal:
                refusal.headers = refusal.headers | headers
                raise
            response.headers.update(headers)
            return response

        return with_cors
