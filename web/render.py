"""Templates: one environment, and the names every template may use."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jinja2
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from api.deps import SignedIn
from web.assets import Assets
from web.i18n import LANGUAGES, Texts, texts_of
from web.icons import icon

TEMPLATES = Path(__file__).parent / "templates"
THEME_COOKIE = "hf_theme"
THEMES = ("auto", "light", "dark")


@cache
def environment() -> jinja2.Environment:
    """Everything is escaped; a name that is not there is an error, not an empty place."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["icon"] = icon
    made.globals["LANGUAGES"] = LANGUAGES
    made.globals["THEMES"] = THEMES
    made.filters["initial"] = initial
    return made


def initial(name: str) -> str:
    """What stands in an avatar: the first character of a Chinese name, the first letter of another."""
    return next((letter.upper() for letter in name if letter.isalnum()), "·")


def theme_of(request: Request) -> str:
    """`light`, `dark`, or `auto`: as the system wishes."""
    signed_in: SignedIn | None = getattr(request.state, "signed_in", None)
    wish = (signed_in.user.preferences.get("theme") if signed_in else None) or request.cookies.get(
        THEME_COOKIE
    )
    return wish if wish in THEMES else "auto"


def context_of(request: Request) -> dict[str, Any]:
    """What templates know besides what the page gives them."""
    texts = texts_of(request)
    signed_in: SignedIn | None = getattr(request.state, "signed_in", None)
    assets: Assets = request.app.state.assets
    return {
        "request": request,
        "_": texts,
        "texts": texts,
        "me": signed_in,
        "csrf_token": signed_in.csrf_token if signed_in else "",
        "theme": theme_of(request),
        "live_after": getattr(request.state, "live_after", None),
        "asset": assets.url,
        "is_development": request.app.state.settings.is_development,
    }


def render_text(request: Request, template: str, **context: Any) -> str:
    """A fragment as text."""
    return environment().get_template(template).render(context_of(request) | context)


def render(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """A page or a fragment; what people see of others is never stored by caches in between."""
    return HTMLResponse(
        render_text(request, template, **context),
        status_code=status_code,
        headers={"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"} | (headers or {}),
    )


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page rather than the page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"


Page = Callable[..., HTMLResponse]


def _page(request: Request) -> Page:
    def page(template: str, **options: Any) -> HTMLResponse:
        return render(request, template, **options)

    return page


Render = Annotated[Page, Depends(_page)]
"""`page("desk/index.html", contacts=contacts)` for the reader of this request."""
ReaderTexts = Annotated[Texts, Depends(texts_of)]
