"""How errors are answered: a page, a fragment or JSON, saying what happened and what was kept."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy import exc as database_errors
from starlette.exceptions import HTTPException

from adapters.db.engine import NotFoundError
from api.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn, RefusedRequest, TooLarge, TooMany
from api.errors import Unavailable as ServiceUnavailable
from domain.refusals import Refusal, RefusalCode
from web.i18n import Texts, texts_of
from web.render import render, wants_fragment

logger = logging.getLogger(__name__)

_STATUS_OF_RULE = {
    RefusalCode.REASON_NEEDED: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.UNKNOWN_QUEUE: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.NOT_AN_AGENT: HTTPStatus.FORBIDDEN,
    RefusalCode.BLOCKED: HTTPStatus.FORBIDDEN,
}
_KINDS: dict[int, type[RefusedRequest]] = {
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
}


def install(app: FastAPI) -> None:
    """Register every handler; nothing reaches a person as a stack trace."""
    app.add_exception_handler(RefusedRequest, _refused)
    app.add_exception_handler(Refusal, _refused_by_rule)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(database_errors.DataError, _bad_value)
    for away in (
        database_errors.OperationalError,
        database_errors.InterfaceError,
        database_errors.TimeoutError,
        psycopg.OperationalError,
    ):
        app.add_exception_handler(away, _database_away)
    app.add_exception_handler(Exception, _broken)


def wants_json(request: Request) -> bool:
    """The API's clients and scripts; browsers ask for text/html."""
    if request.url.path.startswith(("/api/", "/hooks/")):
        return True
    accept = request.headers.get("accept", "")
    return "json" in accept or (bool(accept) and "html" not in accept and "*/*" not in accept)


async def answer_refusal(request: Request, refusal: RefusedRequest) -> Response:
    """The answer of any error, in the reader's language and the form the client wants."""
    if isinstance(refusal, NotSignedIn) and (answer := _to_sign_in(request)) is not None:
        return answer
    texts = texts_of(request)
    key = _text_key(texts, refusal)
    title, text = texts(f"{key}.title", **refusal.values), texts(f"{key}.text", **refusal.values)
    return _answer(request, refusal.status, refusal.code, title, text, refusal)


def _as_json(
    request: Request, status: int, title: str, error: dict[str, Any], headers: Mapping[str, str]
) -> Response:
    """An error for programs; under /api/v1 a problem document (RFC 9457) with the same content."""
    headers = {"Cache-Control": "no-store"} | dict(headers)
    if not request.url.path.startswith("/api/v1/"):
        return JSONResponse({"error": error}, status, headers=headers)
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": error["message"],
        "code": error["code"],
        "error": error,
    }
    return JSONResponse(problem, status, headers=headers, media_type="application/problem+json")


def _text_key(texts: Texts, refusal: RefusedRequest) -> str:
    key = f"error.{refusal.code}"
    return key if texts.has(f"{key}.title") else f"error.{refusal.default_code()}"


def _answer(
    request: Request, status: int, code: str, title: str, text: str, refusal: RefusedRequest | None = None
) -> Response:
    headers = refusal.headers if refusal else {}
    if wants_json(request):
        error: dict[str, Any] = {"code": code, "message": text}
        if refusal and refusal.fields:
            texts = texts_of(request)
            error["fields"] = {name: texts(key, **refusal.values) for name, key in refusal.fields.items()}
        return _as_json(request, status, title, error, headers)
    if wants_fragment(request):
        # A refused act leaves the page as it is and says why in a toast.
        headers = headers | {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}
        return render(
            request,
            "layout/toast.html",
            status_code=status,
            headers=headers,
            kind="bad",
            title=title,
            text=text,
        )
    return render(
        request,
        "layout/error.html",
        status_code=status,
        headers=headers,
        status=status,
        title=title,
        text=text,
    )


def _to_sign_in(request: Request) -> Response | None:
    if wants_json(request):
        return None
    if wants_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": "/signin"})
    if request.method != "GET":
        return None
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/signin?next={quote(path, safe='/')}", 303)


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, RefusedRequest)
    return await answer_refusal(request, refusal)


async def _refused_by_rule(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    texts = texts_of(request)
    status = _STATUS_OF_RULE.get(refusal.code, HTTPStatus.CONFLICT)
    text = texts(f"refusal.{refusal.code}", **refusal.values)
    return _answer(request, status, refusal.code, texts("refusal.title"), text)


async def _not_found(request: Request, _: Exception) -> Response:
    return await answer_refusal(request, NotFound())


async def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields: dict[str, str] = {}
    for problem in error.errors():
        place = [str(part) for part in problem["loc"][1:]] or [str(problem["loc"][0])]
        fields[".".join(place)] = _FIELD_TEXTS.get(problem["type"], "error.field.wrong")
    return await answer_refusal(request, Invalid(fields=fields))


_FIELD_TEXTS = {
    "missing": "error.field.missing",
    "string_too_short": "error.field.too_short",
    "string_too_long": "error.field.too_long",
    "json_invalid": "error.field.not_json",
}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        refusal: RefusedRequest = TooLarge(limit=error.detail, headers={"Connection": "close"})
    elif error.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        refusal = TooMany(int((error.headers or {}).get("Retry-After", 1)))
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal = RefusedRequest("method_not_allowed", headers=dict(error.headers or {}))
        refusal.status = HTTPStatus.METHOD_NOT_ALLOWED
    elif error.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        refusal = Invalid(error.detail)
    else:
        refusal = _KINDS.get(error.status_code, RefusedRequest)(headers=dict(error.headers or {}))
    return await answer_refusal(request, refusal)


async def _bad_value(request: Request, error: Exception) -> Response:
    # The value itself stays out of the log: it may be a customer's.
    logger.warning("the database refused a value: %s", type(getattr(error, "orig", error)).__name__)
    return await answer_refusal(request, Invalid())


async def _database_away(request: Request, error: Exception) -> Response:
    logger.warning("the database is away: %s", type(getattr(error, "orig", None) or error).__name__)
    return await answer_refusal(request, ServiceUnavailable(retry_seconds=3))


class _Broken(RefusedRequest):
    status = HTTPStatus.INTERNAL_SERVER_ERROR

    @classmethod
    def default_code(cls) -> str:
        return "broken"


async def _broken(request: Request, _: Exception) -> Response:
    return await answer_refusal(request, _Broken())
