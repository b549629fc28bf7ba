"""Administration: the overview, the record of changes, and all its pages. Only administrators; no restart."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from adapters.db import admin, admin_reading
from api.deps import Reading, Tx
from api.errors import Conflict
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
from web.render import Render

router = APIRouter()
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
async def changes_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """Who changed what, before and after."""
    rows = await admin.changes(tx, user.line_id)
    return page("admin/changes.html", **menu("changes", rows=rows, undoable=admin.undoable))


@router.post("/admin/changes/{change_id}/undo")
async def undo(change_id: UUID, user: Configurer, tx: Tx) -> RedirectResponse:
    """Take a change back; 409 when the same thing was changed again since."""
    try:
        await admin.undo(tx, user.line_id, user.id, change_id)
    except admin.LastAdministratorError:
        raise Conflict("last_administrator") from None
    return back("/admin/changes")
