"""Knowledge: articles are edited in the desk; here they come in from a spreadsheet and go out to one."""

import asyncio
import hashlib
import re
import secrets
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import Response

from adapters.db import admin_articles
from adapters.db.config import touch_configuration
from adapters.knowledge_sheet import MAXIMUM_SHEET_BYTES, export_sheet, read_sheet, template_sheet
from adapters.settings import Settings
from api.deps import Configuration, Pool, Reading, Rule, Tx, declares
from api.errors import NotFound
from domain.knowledge import ArticleDraft
from domain.pack_base import Problem
from domain.text import Language
from web.edge import MEGABYTE
from web.i18n import Texts
from web.pages.admin_common import Configurer, back, menu
from web.render import ReaderTexts, Render

router = APIRouter(prefix="/admin/articles")

PREVIEWED = 50
_STAGED = re.compile(r"[a-f0-9]{32}\.(xlsx|csv)\Z")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("")
async def articles_page(user: Configurer, tx: Reading, page: Render) -> Response:
    """What is there by category, and the way in and out."""
    return page(
        "admin/articles.html", **menu("articles", rows=await admin_articles.categories(tx, user.line_id))
    )


@router.get("/template.xlsx", dependencies=[declares(Rule.ADMINISTRATOR)])
async def template(texts: ReaderTexts) -> Response:
    """A spreadsheet to fill in."""
    return _download(template_sheet(Language(texts.language)), "articles.xlsx")


@router.get("/export.xlsx")
async def export(user: Configurer, tx: Reading, texts: ReaderTexts) -> Response:
    """All published articles, to be changed and imported again."""
    drafts = await admin_articles.drafts(tx, user.line_id)
    return _download(export_sheet(drafts, Language(texts.language)), "articles.xlsx")


def _download(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, media_type=_XLSX, headers=headers)


@router.post("/import", max_body_size=11 * MEGABYTE)
async def preview(
    user: Configurer,
    settings: Configuration,
    pool: Pool,
    texts: ReaderTexts,
    page: Render,
    sheet: Annotated[UploadFile, File()],
) -> Response:
    """What the spreadsheet holds and what is wrong with it, by row; nothing is written yet."""
    data = await sheet.read(MAXIMUM_SHEET_BYTES + 1)
    staged = stage(settings, user.line_id, sheet.filename or "", data)
    shown = await previewed(settings, pool, user.line_id, staged, texts)
    return page("admin/import.html", **menu("articles", staged=staged, name=sheet.filename or "", **shown))


def stage(settings: Settings, line_id: str, filename: str, data: bytes) -> str:
    """Keep an upload until it is confirmed, under a name that nobody can guess."""
    suffix = "csv" if filename.lower().endswith(".csv") else "xlsx"
    name = f"{secrets.token_hex(16)}.{suffix}"
    folder = _folder(settings, line_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def _folder(settings: Settings, line_id: str) -> Path:
    # A line's id is a key of ours, but it is not made for paths.
    return settings.data_dir / "imports" / hashlib.sha256(line_id.encode()).hexdigest()[:16]


async def previewed(settings: Settings, pool: Any, line_id: str, staged: str, texts: Texts) -> dict[str, Any]:
    """The articles and problems of a staged sheet, and which articles it would change."""
    drafts, problems = await read_staged(settings, line_id, staged)
    async with pool.reading() as tx:
        known = await admin_articles.known_keys(tx, line_id)
    return {
        "drafts": drafts[:PREVIEWED],
        "total": len(drafts),
        "changed": sum((draft.key, draft.language.value) in known for draft in drafts),
        "faults": [
            (problem.line, problem.message_zh if texts.language == "zh" else problem.message)
            for problem in problems
        ],
    }


async def read_staged(
    settings: Settings, line_id: str, staged: str
) -> tuple[list[ArticleDraft], list[Problem]]:
    """What a staged sheet holds; a large one takes seconds, which nobody else must wait for."""
    return await asyncio.to_thread(read_sheet, staged, staged_bytes(settings, line_id, staged))


def staged_bytes(settings: Settings, line_id: str, staged: str) -> bytes:
    """Raises NotFound for a name that was not staged, or was used already."""
    path = _folder(settings, line_id) / staged
    if not _STAGED.match(staged) or not path.is_file():
        raise NotFound
    return path.read_bytes()


@router.post("/import/confirm")
async def confirm(
    user: Configurer, settings: Configuration, tx: Tx, staged: Annotated[str, Form(max_length=40)]
) -> Response:
    """Write the sound rows; each is a change on record that can be undone."""
    await import_staged(tx, settings, user.line_id, user.id, staged)
    return back("/admin/articles")


async def import_staged(tx: Tx, settings: Settings, line_id: str, user_id: Any, staged: str) -> int:
    """Write the sound rows of a staged sheet and let the file go; how many."""
    drafts, _ = await read_staged(settings, line_id, staged)
    written = await admin_articles.write_drafts(tx, line_id, user_id, drafts)
    await touch_configuration(tx, line_id)
    (_folder(settings, line_id) / staged).unlink(missing_ok=True)
    return written
