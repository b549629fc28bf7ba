"""Words and numbers: ready replies, what the product says to customers, timing, and what waiting is worth."""

import re
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from adapters.db import admin_reading
from adapters.db.engine import NotFoundError, Transaction
from api.deps import Reading, SignedIn, Tx
from domain.bot.model import Urgency
from domain.contact import Timing
from domain.pack_texts import CANNED_VARIABLES, TemplateSlip, TextKey, canned_slips, text_slips
from domain.routing import Priorities
from web.pages.admin_common import Configurer, Filled, FilledForm, back, menu, save, subject
from web.render import Render

router = APIRouter(prefix="/admin")

LONGEST_TEXT = 2000
LONGEST_REPLY = 4000
SHORTCUT = re.compile(r"[a-z0-9-]{1,20}\Z")
LANGUAGES = ("zh", "en")
LONGEST_TIMING_SECONDS = 30 * 86_400
LEAST_BONUS_MINUTES, MOST_BONUS_MINUTES = -60, 1440
HEAVIEST_WEIGHT = 100


def _note_slips(form: Filled, field: str, slips: list[TemplateSlip]) -> None:
    """What is wrong with the variables of a template."""
    for slip in slips:
        form.problems[field] = "admin.field.variable" if slip.variable else "admin.field.braces"
        form.details["variable"] = slip.variable or ""


# Ready replies


@router.get("/canned")
async def canned_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """All ready replies in both languages."""
    return page("admin/canned.html", **menu("canned", rows=await admin_reading.canned(tx, user.line_id)))


@router.get("/canned/{shortcut}")
async def canned_reply(shortcut: str, user: Configurer, tx: Reading, page: Render) -> Response:
    """One ready reply; `new` for a new one."""
    return page("admin/canned_reply.html", **await _canned(tx, user, shortcut, Filled({})))


async def _canned(tx: Transaction, user: SignedIn, shortcut: str, form: Filled) -> dict[str, Any]:
    rows = {row.shortcut: row for row in await admin_reading.canned(tx, user.line_id)}
    if shortcut not in rows and shortcut != "new":
        raise NotFoundError("canned reply")
    return menu(
        "canned",
        row=rows.get(shortcut),
        variables=sorted(CANNED_VARIABLES),
        form=form,
        problems=form.problems,
        details=form.details,
    )


@router.post("/canned/{shortcut}")
async def save_canned(shortcut: str, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Write both languages; a language left empty has no such reply."""
    known = {row.shortcut for row in await admin_reading.canned(tx, user.line_id)}
    name = form.raw("shortcut") if shortcut == "new" else shortcut
    if not SHORTCUT.match(name):
        form.problems["shortcut"] = "admin.canned.shortcut_form"
    if shortcut == "new" and name in (*known, "new"):
        form.problems["shortcut"] = "admin.key_taken"
    values: dict[str, dict[str, str] | None] = {}
    for language in LANGUAGES:
        body = form.text(f"body_{language}", longest=LONGEST_REPLY, needed=False)
        title = form.text(f"title_{language}", needed=bool(body))
        _note_slips(form, f"body_{language}", canned_slips(body))
        values[language] = {"title": title, "body": body} if body else None
    if not any(values.values()):
        form.problems["body_zh"] = "error.field.missing"
    if form.problems:
        return page("admin/canned_reply.html", status_code=422, **await _canned(tx, user, shortcut, form))
    for language, value in values.items():
        await save(tx, user, subject("canned_replies", name, language), value)
    return back("/admin/canned")


@router.post("/canned/{shortcut}/remove")
async def remove_canned(shortcut: str, user: Configurer, tx: Tx) -> Response:
    """Take a ready reply away; the record of changes can bring it back."""
    for language in LANGUAGES:
        await save(tx, user, subject("canned_replies", shortcut, language), None)
    return back("/admin/canned")


# What the product says to customers


@router.get("/texts")
async def texts_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """Every process text in both languages."""
    texts = await admin_reading.setting(tx, user.line_id, "texts") or {}
    return page("admin/texts.html", **menu("texts", texts_of_line=texts, keys=list(TextKey)))


@router.get("/texts/{key}")
async def text_page(key: TextKey, user: Configurer, tx: Reading, page: Render) -> Response:
    """One text with the variables it may carry."""
    return page("admin/text.html", **await _text(tx, user, key, Filled({})))


async def _text(tx: Transaction, user: SignedIn, key: TextKey, form: Filled) -> dict[str, Any]:
    texts = await admin_reading.setting(tx, user.line_id, "texts") or {}
    return menu(
        "texts",
        key=key,
        said=texts.get(key.value, {}),
        variables=sorted(key.variables),
        form=form,
        problems=form.problems,
        details=form.details,
    )


@router.post("/texts/{key}")
async def save_text(key: TextKey, user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Both languages; an unknown variable is refused here and not in front of a customer."""
    said = {language: form.text(language, longest=LONGEST_TEXT) for language in LANGUAGES}
    for language, text in said.items():
        _note_slips(form, language, text_slips(text, key.variables))
    if form.problems:
        return page("admin/text.html", status_code=422, **await _text(tx, user, key, form))
    texts = dict(await admin_reading.setting(tx, user.line_id, "texts") or {})
    await save(tx, user, subject("settings", "texts"), {"value": texts | {key.value: said}})
    return back("/admin/texts")


# Timing


@router.get("/timing")
async def timing_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """How long the line waits at each point."""
    return page("admin/timing.html", **await _timing(tx, user, Filled({})))


async def _timing(tx: Transaction, user: SignedIn, form: Filled) -> dict[str, Any]:
    timing = Timing.model_validate(await admin_reading.setting(tx, user.line_id, "timing") or {})
    return menu(
        "timing",
        timing=timing.model_dump(),
        usual=Timing().model_dump(),
        form=form,
        problems=form.problems,
        details=form.details,
    )


@router.post("/timing")
async def save_timing(user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """All of them, each within its bounds; running waits are reckoned anew at their next step."""
    value = {name: form.number(name, 1, LONGEST_TIMING_SECONDS) for name in Timing.model_fields}
    if form.problems:
        return page("admin/timing.html", status_code=422, **await _timing(tx, user, form))
    await save(tx, user, subject("settings", "timing"), {"value": Timing.model_validate(value).model_dump()})
    return back("/admin/timing")


# Tiers, urgency and channel weights


@router.get("/priorities")
async def priorities_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """What a tier, an urgency and a channel are worth in routing."""
    return page("admin/priorities.html", **await _priorities(tx, user, Filled({})))


async def _priorities(tx: Transaction, user: SignedIn, form: Filled) -> dict[str, Any]:
    priorities = Priorities.model_validate(await admin_reading.setting(tx, user.line_id, "priorities") or {})
    return menu(
        "priorities",
        tiers=await _tiers(tx, user.line_id, priorities),
        urgencies=list(Urgency),
        urgency_minutes=priorities.urgency_minutes,
        weights=priorities.channel_weights,
        form=form,
        problems=form.problems,
        details=form.details,
    )


async def _tiers(tx: Transaction, line_id: str, priorities: Priorities) -> list[dict[str, Any]]:
    """The named tiers in order, each with its worth."""
    named = await admin_reading.setting(tx, line_id, "tiers")
    tiers = named or [{"key": key, "name": {"zh": key, "en": key}} for key in priorities.tier_minutes]
    return [tier | {"bonus_minutes": priorities.tier_minutes.get(tier["key"], 0)} for tier in tiers]


@router.post("/priorities")
async def save_priorities(user: Configurer, tx: Tx, form: FilledForm, page: Render) -> Response:
    """Tiers with their names, urgencies, channels; who waits now keeps the place they have."""
    former = Priorities.model_validate(await admin_reading.setting(tx, user.line_id, "priorities") or {})
    tiers = []
    for tier in await _tiers(tx, user.line_id, former):
        key = tier["key"]
        name = {language: form.text(f"tier_{key}_{language}", longest=20) for language in LANGUAGES}
        minutes = form.number(f"tier_{key}", LEAST_BONUS_MINUTES, MOST_BONUS_MINUTES)
        tiers.append({"key": key, "name": name, "bonus_minutes": minutes})
    value = {
        "tier_minutes": {tier["key"]: tier["bonus_minutes"] for tier in tiers},
        "urgency_minutes": {
            urgency.value: form.number(f"urgency_{urgency.value}", LEAST_BONUS_MINUTES, MOST_BONUS_MINUTES)
            for urgency in Urgency
        },
        "channel_weights": {
            channel: form.number(f"weight_{channel}", 1, HEAVIEST_WEIGHT)
            for channel in former.channel_weights
        },
    }
    if form.problems:
        return page("admin/priorities.html", status_code=422, **await _priorities(tx, user, form))
    await save(tx, user, subject("settings", "priorities"), {"value": value})
    await save(tx, user, subject("settings", "tiers"), {"value": tiers})
    return back("/admin/priorities")
