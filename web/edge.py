"""The edge: what is refused before any route is asked, and the headers that every answer carries."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Invalid, RefusedRequest, TooLarge
from web.faults import answer_refusal
from web.multipart import TextWatch

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE
BODY_LIMIT_BYTES = 64 * KILOBYTE
_DEEPEST_JSON = 64

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/"
_SURROGATE = re.compile("[\ud800-\udfff]")


def content_security_policy(frame_ancestors: Iterable[str] = ()) -> str:
    """Everything from ourselves, nothing inline; only `frame_ancestors` (origins) may frame the page."""
    ancestors = " ".join(frame_ancestors) or "'none'"
    return (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
        f"base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )


_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Strict headers on every answer; a page that may be framed sets its own Content-Security-Policy."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "content-security-policy" not in headers:
                    headers["Content-Security-Policy"] = content_security_policy()
                    headers["X-Frame-Options"] = "DENY"
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                if self._https:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        await self.app(scope, receive, with_headers)


class Gate:
    """Refuses what is too large, is no UTF-8, or holds characters that no text has.

    The limit is `BODY_LIMIT_BYTES`; a route that takes more declares FastAPI's `max_body_size`. Small
    bodies are read and looked at here, large ones are counted while the route reads them.
    """

    def __init__(self, app: ASGIApp, *, root: FastAPI) -> None:
        self.app = app
        self._root = root
        self._own_limits: list[tuple[re.Pattern[str], int]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Taken before the page reads anything: what happens from here on comes by the live stream.
        scope.setdefault("state", {})["live_after"] = self._root.state.live.last_id
        try:
            _check_address(scope)
            headers = Headers(scope=scope)
            limit = self._limit_of(scope["path"])
            _check_declared(headers, limit)
            content_type = headers.get("content-type", "")
            kind = content_type.split(";")[0].strip().lower()
            if kind.startswith(_MULTIPART):
                receive = _watched(_counted(receive, limit), TextWatch(content_type))
            elif limit > BODY_LIMIT_BYTES:
                receive = _counted(receive, limit)
            else:
                body = await _read(receive, limit)
                _check_body(kind, body)
                receive = _replayed(body, receive)
        except RefusedRequest as refusal:
            response = await answer_refusal(Request(scope), refusal)
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _limit_of(self, path: str) -> int:
        if self._own_limits is None:
            found = iter_route_contexts(self._root.routes)
            sized = (
                (getattr(each, "path_regex", None), getattr(each, "max_body_size", None)) for each in found
            )
            self._own_limits = [(regex, size) for regex, size in sized if regex and size]
        return next((size for regex, size in self._own_limits if regex.match(path)), BODY_LIMIT_BYTES)


def readable_size(size_bytes: int) -> str:
    """64 KB, 10 MB."""
    return f"{size_bytes // MEGABYTE} MB" if size_bytes >= MEGABYTE else f"{size_bytes // KILOBYTE} KB"


def _too_large(limit: int) -> TooLarge:
    return TooLarge(limit=readable_size(limit), headers={"Connection": "close"})


def _check_address(scope: Scope) -> None:
    for part in (scope.get("raw_path") or b"", scope.get("query_string") or b""):
        _check_text(_decoded(unquote_to_bytes(part)))


def _check_declared(headers: Headers, limit: int) -> None:
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise Invalid("unreadable")
    if int(declared) > limit:
        raise _too_large(limit)


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _counted(receive: Receive, limit: int) -> Receive:
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise HTTPException(413, detail=readable_size(limit))
        return message

    return counting


def _watched(receive: Receive, watch: TextWatch) -> Receive:
    async def watching() -> Message:
        message = await receive()
        try:
            watch.look(message.get("body", b""))
        except Invalid as refusal:
            # FastAPI passes only its own exceptions on from where it reads a form.
            raise HTTPException(422, detail=refusal.code) from None
        return message

    return watching


def _check_body(kind: str, body: bytes) -> None:
    if kind == _FORM:
        _check_text(_decoded(unquote_to_bytes(body.replace(b"+", b" "))))
    elif kind == "application/json" or kind.endswith("+json"):
        text = _decoded(body)
        _check_text(text)
        if "\\u" in text or text.count("[") + text.count("{") > _DEEPEST_JSON:
            _check_json(text)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Invalid("not_utf8") from None


def _check_text(text: str) -> None:
    if "\0" in text or _SURROGATE.search(text):
        raise Invalid("forbidden_character")


def _check_json(text: str) -> None:
    try:
        value = json.loads(text)
    except RecursionError:
        raise Invalid("too_deep") from None
    except ValueError:
        return  # the route says what is wrong with it
    _walk(value, 0)


def _walk(value: Any, depth: int) -> None:
    if depth > _DEEPEST_JSON:
        raise Invalid("too_deep")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for each in value:
            _walk(each, depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_text(key)
            _walk(each, depth + 1)
