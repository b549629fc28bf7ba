"""Administration: the overview, the record of changes, and all its pages. Only administrators; no restart."""

import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from adapters.db import admin, admin_reading
from api.deps import Reading, Tx
from api.errors import Conflict
from web.i18n import Texts
from web.pages import (
    admin_articles,
    admin_bot,
    admin_content,
    admin_hours,
    admin_people,
    admin_plans,
    admin_routing,
    admin_shop,
)
from web.pages.admin_common import Configurer, back, menu
from web.render import ReaderTexts, Render

router = APIRouter()

LONGEST_SHOWN = 160
"""Characters of a value in the record of changes."""
for part in (
    admin_people,
    admin_routing,
    admin_plans,
    admin_hours,
    admin_articles,
    admin_content,
    admin_bot,
    admin_shop,
):
    router.include_router(part.router)


@router.get("/admin")
async def overview(user: Configurer, tx: Reading, page: Render) -> Response:
    """Every page of administration with what it does and how much is there."""
    return page("admin/index.html", **menu("", counts=await admin_reading.counts(tx, user.line_id)))


@router.get("/admin/changes")
async def changes_page(user: Configurer, tx: Reading, texts: ReaderTexts, page: Render) -> Response:
    """Who changed what, before and after."""
    rows = await admin.changes(tx, user.line_id)
    return page(
        "admin/changes.html",
        **menu(
            "changes",
            rows=rows,
            undoable=admin.undoable,
            people={
                str(each.id): (each.name_en or each.name) if texts.language == "en" else each.name
                for each in await admin_reading.people(tx, user.line_id)
            },
            differences=lambda before, after: [
                (field_name(texts, name), _said(texts, left), _said(texts, right))
                for name, left, right in differences(before, after)
            ],
        ),
    )


def field_name(texts: Texts, name: str) -> str:
    """A changed field in the reader's words; texts: admin.column.*"""
    bare = name.rpartition(".")[2]
    for key in (f"admin.column.{bare}", f"admin.text.{bare}", f"admin.time.{bare}"):
        if texts.has(key):
            return texts(key)
    return bare


def _said(texts: Texts, value: str) -> str:
    """A value that is a code in the reader's words."""
    for key in (f"admin.value.{value}", f"admin.queues.acceptance.{value}"):  # texts: admin.value.*
        if texts.has(key):
            return texts(key)
    return value


def differences(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """What differs between two values: field, before, after; mappings within are opened one level."""
    left, right = _opened(before), _opened(after)
    return [
        (name, _shown(left.get(name)), _shown(right.get(name)))
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    ]


def _opened(value: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, item in (value or {}).items():
        if isinstance(item, dict):
            fields |= {f"{name}.{key}": part for key, part in item.items()}
        else:
            fields[name] = item
    return fields


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


@router.post("/admin/changes/{change_id}/undo")
async def undo(change_id: UUID, user: Configurer, tx: Tx) -> RedirectResponse:
    """Take a change back; 409 when the same thing was changed again since."""
    try:
        await admin.undo(tx, user.line_id, user.id, change_id)
    except admin.LastAdministratorError:
        raise Conflict("last_administrator") from None
    return back("/admin/changes")
