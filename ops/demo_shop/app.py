"""The shop's HTTP surface: the calls of the contract, and the storefront."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Cookie, FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from ops.demo_shop.calls import CALLS, Call, Refusal
from ops.demo_shop.faults import Fault, FaultSwitch
from ops.demo_shop.identity import (
    MEMBER_TOKEN_LIFETIME_S,
    BadSignatureError,
    Caller,
    member_of_cookie,
    member_token,
    session_cookie,
    verify_call,
)
from ops.demo_shop.model import Customer
from ops.demo_shop.store import Session, Store
from ops.demo_shop.storefront import render_storefront

CALL_PATH_PREFIX = "/v1/calls/"
BODY_SIZE_MAXIMUM_BYTES = 64 * 1024
COOKIE = "demo_shop_member"

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class ShopSettings:
    """`token` is shared with Holdfast for calls, `member_secret` for member tokens."""

    token: str
    member_secret: str
    holdfast_url: str
    line: str


def create_app(
    settings: ShopSettings,
    store: Store,
    *,
    faults: FaultSwitch | None = None,
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """The application; with `faults` also their switch. `clock` gives seconds since 1970, UTC."""
    app = FastAPI(title="Demonstration shop", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")

    def now() -> int:
        return int(clock())

    @app.get("/healthz")
    def health() -> dict[str, str]:
        with store.reading() as session:
            session.customer(member_id="")
        return {"status": "ok"}

    @app.post(CALL_PATH_PREFIX + "{name}")
    async def call(name: str, request: Request) -> Response:
        body = await _bounded_body(request)
        if body is None:
            return _refused(Refusal(413, "body_too_large"))
        try:
            caller = verify_call(settings.token, request.url.path, request.headers, body, now())
        except BadSignatureError:
            return _refused(Refusal(401, "bad_signature"))
        try:
            return JSONResponse(await run_in_threadpool(_answer, store, name, caller, body, now()))
        except Refusal as refusal:
            return _refused(refusal)

    def signed_in(cookie: str | None) -> Customer | None:
        member_id = member_of_cookie(settings.member_secret, cookie)
        if member_id is None:
            return None
        with store.reading() as session:
            return session.customer(member_id=member_id)

    @app.get("/")
    def storefront(
        request: Request,
        lang: str | None = None,
        demo_shop_member: Annotated[str | None, Cookie()] = None,
    ) -> Response:
        customer = signed_in(demo_shop_member)
        with store.reading() as session:
            return render_storefront(
                language=_language(lang, request.headers.get("accept-language", "")),
                holdfast_url=settings.holdfast_url,
                line=settings.line,
                members=session.customers(),
                customer=customer,
                orders=session.orders_of(customer.member_id) if customer else [],
                member_token=member_token(settings.member_secret, customer, now()) if customer else None,
                now=now(),
            )

    @app.post("/sign-in")
    def sign_in(
        member_id: Annotated[str, Form(max_length=32)], lang: Annotated[str, Form()] = "zh"
    ) -> Response:
        with store.reading() as session:
            customer = session.customer(member_id=member_id)
        if customer is None:
            return _refused(Refusal(404, "customer_not_found"))
        response = RedirectResponse(f"/?lang={_language(lang, '')}", status_code=303)
        response.set_cookie(
            COOKIE, session_cookie(settings.member_secret, customer.member_id), httponly=True, samesite="lax"
        )
        return response

    @app.post("/sign-out")
    def sign_out(lang: Annotated[str, Form()] = "zh") -> Response:
        response = RedirectResponse(f"/?lang={_language(lang, '')}", status_code=303)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return response

    @app.get("/member-token")
    def fresh_member_token(demo_shop_member: Annotated[str | None, Cookie()] = None) -> Response:
        customer = signed_in(demo_shop_member)
        if customer is None:
            return _refused(Refusal(401, "not_signed_in"))
        token = member_token(settings.member_secret, customer, now())
        return JSONResponse(
            {"token": token, "expires_in_s": MEMBER_TOKEN_LIFETIME_S}, headers={"Cache-Control": "no-store"}
        )

    if faults is not None:
        _add_fault_switch(app, faults)
    return app


def _add_fault_switch(app: FastAPI, faults: FaultSwitch) -> None:
    @app.post("/_faults")
    async def choose(fault: Fault) -> dict[str, Any]:
        faults.choose(fault)
        return {"kind": fault.kind.value}

    @app.get("/_faults")
    async def struck() -> dict[str, int]:
        return {"struck": faults.struck}


def _answer(store: Store, name: str, caller: Caller, body: bytes, now: int) -> dict[str, Any]:
    """One call in one transaction. Raises Refusal."""
    call = CALLS.get(name)
    if call is None:
        raise Refusal(400, "unknown_call")
    arguments = _arguments(call, body)
    if not call.is_write:
        with store.reading() as session:
            return call.answer(session, _customer(session, caller), arguments, now)
    if caller.idempotency_key is None:
        raise Refusal(400, "idempotency_key_missing")
    digest = hashlib.sha256(body).hexdigest()
    with store.transaction() as session:
        customer = _customer(session, caller)
        done = session.done(customer.member_id, caller.idempotency_key)
        if done is not None:
            if done[:2] != (name, digest):
                raise Refusal(409, "idempotency_key_reused")
            return done[2]
        answer = call.answer(session, customer, arguments, now)
        session.record(customer.member_id, caller.idempotency_key, name, digest, answer)
        return answer


def _arguments(call: Call, body: bytes) -> Any:
    """The checked arguments. Raises Refusal."""
    try:
        return call.arguments.model_validate_json(body)
    except ValidationError as error:
        where = error.errors(include_input=False, include_url=False, include_context=False)[0]["loc"]
        raise Refusal(
            422,
            f"invalid_{where[0]}"
            if where and where[0] in {"number", "address", "reason"}
            else "invalid_arguments",
        ) from None


def _customer(session: Session, caller: Caller) -> Customer:
    """Whom Holdfast has proven the call to be for: the member, else the phone number. Raises Refusal."""
    if caller.member_id is None and caller.phone is None:
        raise Refusal(400, "identity_missing")
    customer = session.customer(member_id=caller.member_id, phone=caller.phone)
    if customer is None:
        raise Refusal(404, "customer_not_found")
    return customer


async def _bounded_body(request: Request) -> bytes | None:
    """The raw body; None if it is larger than any honest call."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_SIZE_MAXIMUM_BYTES:
            return None
    return bytes(body)


def _refused(refusal: Refusal) -> JSONResponse:
    return JSONResponse({"error": {"code": refusal.code}}, status_code=refusal.status)


def _language(asked: str | None, accepted: str) -> str:
    """What was asked for, else the browser's first language; Chinese where neither is known."""
    if asked in {"zh", "en"}:
        return asked
    first = accepted.split(",", maxsplit=1)[0].strip().lower()
    return "zh" if not first or first.startswith("zh") else "en"
