"""Sign-in and sign-out."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from adapters.db import accounts
from adapters.db.bus import Whisper, whisper
from adapters.passwords import verify_password
from api.deps import (
    Configuration,
    CurrentUser,
    Pool,
    Rule,
    declares,
    session_cookie_name,
    signed_in_user,
)
from api.errors import TooMany
from api.ratelimit import BackOff, client_address, count
from web.redirects import own_path
from web.render import Render

router = APIRouter()

_LOGIN_LENGTH = 200
_back_off = BackOff()


@router.get("/signin", dependencies=[declares(Rule.PUBLIC)])
async def signin_page(request: Request, page: Render, next: str = "/") -> Response:
    """The form; who is signed in already goes on."""
    if await signed_in_user(request) is not None:
        return RedirectResponse(own_path(next), 303)
    return page("signin.html", next=own_path(next), login="", problem=None, seconds=0)


@router.post("/signin", dependencies=[declares(Rule.PUBLIC)])
async def sign_in(
    request: Request,
    page: Render,
    settings: Configuration,
    pool: Pool,
    login: Annotated[str, Form(max_length=_LOGIN_LENGTH)] = "",
    password: Annotated[str, Form(max_length=_LOGIN_LENGTH)] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """A new sign-in, or the form again saying that login or password is wrong (never which)."""

    def refused(problem: str, status: int, **more: Any) -> Response:
        values = {"seconds": 0} | more
        return page(
            "signin.html", status_code=status, next=own_path(next), login=login, problem=problem, **values
        )

    address, who = client_address(request), accounts.normal_login(login)
    try:
        _back_off.check(who, address)
        await count(request, "signin", "30/minute", address)
    except TooMany as refusal:
        return refused("too_many", 429, headers=refusal.headers, **refusal.values)
    async with pool.reading() as tx:
        known = await accounts.credentials_of(tx, login)
    fits, renewed = await verify_password(password, known.password_hash if known else None)
    if known is None or not fits or known.disabled:
        _back_off.failed(who, address)
        return refused("wrong", 401)
    _back_off.succeeded(who, address)
    cookie = session_cookie_name(settings)
    before = await signed_in_user(request)
    async with pool.transaction() as tx:
        if renewed is not None:
            await accounts.renew_hash(tx, known.user_id, renewed)
        made = await accounts.sign_in(
            tx,
            known.user_id,
            user_agent=request.headers.get("user-agent", ""),
            old_token=request.cookies.get(cookie),
        )
        if before is not None:
            await whisper(tx, Whisper(before.line_id, "sign_in_ended", before.actor))
    response = RedirectResponse(own_path(next), 303)
    response.set_cookie(
        cookie,
        made.token,
        max_age=int(accounts.LIFE_LIMIT.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


@router.post("/signout")
async def sign_out(request: Request, user: CurrentUser, settings: Configuration, pool: Pool) -> Response:
    """End this sign-in."""
    cookie = session_cookie_name(settings)
    async with pool.transaction() as tx:
        await accounts.sign_out(tx, request.cookies[cookie])
        await whisper(tx, Whisper(user.line_id, "sign_in_ended", user.actor))
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(cookie, httponly=True, samesite="lax", secure=settings.secure_cookies)
    return response
