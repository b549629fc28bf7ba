"""Skills and queues."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from adapters.db import admin_reading
from adapters.db.engine import NotFoundError, Transaction
from api.deps import Reading, SignedIn, Tx
from api.errors import Conflict
from domain.routing import LANGUAGE_SKILLS
from web.pages.admin_common import Configurer, Filled, FilledForm, back, menu, save, subject
from web.render import Render

router = APIRouter(prefix="/admin")

SHORTEST_OFFER_SECONDS, LONGEST_OFFER_SECONDS = 5, 86_400
ACCEPTANCES = ("offer", "automatic")


# Skills


@router.get("/skills")
async def skills_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """All skills, and the form of a new one."""
    return page("admin/skills.html", **await _skills(tx, user, Filled({})))


async def _skills(tx: Transaction, user: SignedIn, form: Filled) -> dict[str, Any]:
    return menu(
        "skills",
        rows=await admin_reading.skills(tx, user.line_id),
        languages=LANGUAGE_SKILLS,
        form=form,
        problems=form.problems,
        details=form.details,
    )


@router.post("/skills")
async def save_skill(user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """A new skill, or another name of a known one."""
    key = form.key()
    value = {"name_zh": form.text("name_zh"), "name_en": form.text("name_en")}
    known = {row.key for row in await admin_reading.skills(tx, user.line_id)}
    if form.raw("new") == "true" and key in known:
        form.problems["key"] = "admin.key_taken"
    if form.problems:
        return page("admin/skills.html", status_code=422, **await _skills(tx, user, form))
    await save(tx, user, subject("skills", key), value)
    return back("/admin/skills")


@router.post("/skills/{key}/remove")
async def remove_skill(key: str, user: Configurer, tx: Tx) -> Response:
    """Take a skill away that nobody has and no plan asks for."""
    row = next((row for row in await admin_reading.skills(tx, user.line_id) if row.key == key), None)
    if row is None:
        raise NotFoundError("skill")
    if row.agents or row.planned or key in LANGUAGE_SKILLS:
        raise Conflict("skill_in_use")
    await save(tx, user, subject("skills", key), None)
    return back("/admin/skills")


# Queues


@router.get("/queues")
async def queues_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """All queues."""
    return page("admin/queues.html", **menu("queues", rows=await admin_reading.queues(tx, user.line_id)))


@router.get("/queues/{key}")
async def queue_page(key: str, user: Configurer, tx: Reading, page: Render) -> Response:
    """One queue; `new` for a new one."""
    return page("admin/queue.html", **await _queue(tx, user, key, Filled({})))


async def _queue(tx: Transaction, user: SignedIn, key: str, form: Filled) -> dict[str, Any]:
    row = next((row for row in await admin_reading.queues(tx, user.line_id) if row.key == key), None)
    if row is None and key != "new":
        raise NotFoundError("queue")
    return menu(
        "queues",
        row=row,
        calendars=await admin_reading.calendars(tx, user.line_id),
        acceptances=ACCEPTANCES,
        form=form,
        problems=form.problems,
        details=form.details,
    )


@router.post("/queues/{key}")
async def save_queue(key: str, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Offer or automatic, how long an offer stands, whose hours count."""
    known = {row.key: row for row in await admin_reading.queues(tx, user.line_id)}
    is_new = key == "new"
    name = form.key() if is_new else key
    if is_new and name in (*known, "new"):
        form.problems["key"] = "admin.key_taken"
    value = {
        "name_zh": form.text("name_zh"),
        "name_en": form.text("name_en"),
        "offer_seconds": form.number("offer_seconds", SHORTEST_OFFER_SECONDS, LONGEST_OFFER_SECONDS),
        "acceptance": form.choice("acceptance", ACCEPTANCES),
        "calendar_key": form.choice(
            "calendar_key", [row.key for row in await admin_reading.calendars(tx, user.line_id)]
        ),
        "active": form.raw("active") == "true",
    }
    if not is_new and name not in known:
        raise NotFoundError("queue")
    if not value["active"] and name in known and known[name].waiting:
        form.problems["active"] = "admin.queues.still_waiting"
        form.details["waiting"] = known[name].waiting
    if form.problems:
        return page("admin/queue.html", status_code=422, **await _queue(tx, user, key, form))
    await save(tx, user, subject("queues", name), value)
    return back("/admin/queues")
