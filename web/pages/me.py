"""Language, theme and line: everybody's own choices."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from adapters.db import accounts
from api.deps import Configuration, CurrentUser, Pool, Rule, Tx, declares, signed_in_user
from api.errors import Forbidden
from web.i18n import LANGUAGE_COOKIE
from web.redirects import own_path
from web.render import THEME_COOKIE

router = APIRouter()

_YEAR_SECONDS = 365 * 24 * 3600


class Me(BaseModel):
    """The signed-in user as the API tells it; the token goes into `X-CSRF-Token` of unsafe requests."""

    id: str
    login: str
    name: str
    language: str
    line_id: str
    roles: list[str]
    csrf_token: str


@router.get("/api/v1/me", tags=["me"])
async def me(user: CurrentUser) -> Me:
    """Who am I."""
    return Me(
        id=str(user.id),
        login=user.user.login,
        name=user.user.name,
        language=user.user.language,
        line_id=user.line_id,
        roles=sorted(user.viewer.roles),
        csrf_token=user.csrf_token,
    )


@router.post("/preferences", dependencies=[declares(Rule.PUBLIC)])
async def choose(
    request: Request,
    settings: Configuration,
    pool: Pool,
    language: Annotated[Literal["zh", "en"] | None, Form()] = None,
    theme: Annotated[Literal["auto", "light", "dark"] | None, Form()] = None,
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Language or theme: kept in a cookie, and with the user where one is signed in."""
    response = RedirectResponse(own_path(next, "/"), 303)
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value is not None:
            response.set_cookie(
                name, value, max_age=_YEAR_SECONDS, samesite="lax", secure=settings.secure_cookies
            )
    if (signed_in := await signed_in_user(request)) is not None:
        chosen: dict[str, Any] = {"theme": theme} if theme else {}
        async with pool.transaction() as tx:
            await accounts.set_preferences(tx, signed_in.id, language=language, **chosen)
    return response


@router.post("/me/line")
async def work_in_line(
    user: CurrentUser,
    tx: Tx,
    line: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/desk",
) -> Response:
    """Work in another of the user's own lines."""
    if line not in user.user.roles:
        raise Forbidden
    await accounts.set_preferences(tx, user.id, line=line)
    return RedirectResponse(own_path(next), 303)
