"""The business line itself, and the widget on its pages: origins, the members' secret, the code to copy."""

import re
import secrets
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter
from fastapi.responses import Response

from adapters.db import admin, admin_reading
from adapters.db.engine import Transaction
from api.deps import Configuration, Reading, SignedIn, Tx
from web.pages.admin_common import Configurer, Filled, FilledForm, back, menu, save, subject
from web.render import Render

router = APIRouter(prefix="/admin")

MOST_ORIGINS = 20
_SECRET_BYTES = 32
_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?\Z")


@router.get("/line")
async def line_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """The shop's name, its time zone and language."""
    return page("admin/line.html", **await _line(tx, user, Filled({})))


async def _line(tx: Transaction, user: SignedIn, form: Filled) -> dict[str, Any]:
    row = await admin_reading.line(tx, user.line_id)
    return menu("line", row=row, form=form, problems=form.problems, details=form.details)


@router.post("/line")
async def save_line(user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """What customers and figures see."""
    row = await admin_reading.line(tx, user.line_id)
    value = {
        "name_zh": form.text("name_zh", longest=40),
        "name_en": form.text("name_en", longest=40),
        "time_zone": time_zone(form),
        "default_language": form.choice("default_language", ("zh", "en")),
        "allowed_origins": row.allowed_origins,
    }
    if form.problems:
        return page("admin/line.html", status_code=422, **await _line(tx, user, form))
    await save(tx, user, subject("business_lines", user.line_id), value)
    return back("/admin/line")


def time_zone(form: Filled) -> str:
    """A zone's name that exists."""
    name = form.text("time_zone", longest=64)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        form.problems["time_zone"] = "admin.field.time_zone"
    return name


@router.get("/widget")
async def widget_page(user: Configurer, tx: Reading, settings: Configuration, page: Render) -> Response:
    """The code to copy, where it may run, and a page to try it on."""
    return page("admin/widget.html", **await _widget(tx, user, settings.public_url, Filled({})))


async def _widget(
    tx: Transaction, user: SignedIn, public_url: str, form: Filled, secret: str = ""
) -> dict[str, Any]:
    row = await admin_reading.line(tx, user.line_id)
    return menu(
        "widget",
        row=row,
        snippet=snippet(public_url, row.id),
        secret=secret,
        form=form,
        problems=form.problems,
        details=form.details,
    )


def snippet(public_url: str, line_id: str) -> str:
    """The one tag that a host page needs."""
    return f'<script src="{public_url}/widget.js" data-line="{line_id}" async></script>'


def origins_of(form: Filled, field: str = "origins") -> list[str]:
    """Origins as people paste them (whole addresses too), one a line."""
    found = []
    for line in re.split(r"[\s,，；;]+", form.raw(field)):
        if not line:
            continue
        parts = urlsplit(line if "://" in line else f"https://{line}")
        if parts.scheme not in ("http", "https") or not _HOST.match(parts.netloc.lower()):
            form.problems[field] = "admin.widget.bad_origin"
            form.details["origin"] = line[:80]
            continue
        found.append(f"{parts.scheme}://{parts.netloc.lower()}")
    if len(found) > MOST_ORIGINS:
        form.problems[field] = "error.field.too_long"
    return list(dict.fromkeys(found))


@router.post("/widget")
async def save_origins(
    user: Configurer, tx: Tx, settings: Configuration, form: FilledForm, page: Render
) -> Response:
    """The origins of the pages that may show the widget."""
    origins = origins_of(form)
    if form.problems:
        shown = await _widget(tx, user, settings.public_url, form)
        return page("admin/widget.html", status_code=422, **shown)
    value = await admin.snapshot(tx, user.line_id, subject("business_lines", user.line_id)) or {}
    await save(tx, user, subject("business_lines", user.line_id), value | {"allowed_origins": origins})
    return back("/admin/widget")


@router.post("/widget/secret")
async def rotate_secret(user: Configurer, tx: Tx, settings: Configuration, page: Render) -> Response:
    """A new members' secret, shown this once; tokens signed with the old one end."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    await admin_reading.rotate_member_secret(tx, user.line_id, secret)
    await admin.record(
        tx, user.line_id, user.id, subject("business_lines", "secret"), None, {"rotated": True}
    )
    return page("admin/widget.html", **await _widget(tx, user, settings.public_url, Filled({}), secret))
