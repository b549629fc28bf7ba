"""What the composer asks for while somebody writes: ready replies, suggested articles, drafts."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from adapters.db import chat, desk_composer, desk_conversation
from adapters.db.config import line_config
from adapters.db.knowledge import find_candidates
from api.chat_files import FORM_LIMIT_BYTES, keep_upload, uploaded_view
from api.chat_views import FileView
from api.deps import Configuration, CurrentAgent, Pool, Reading, Tx
from api.ratelimit import rate_limit
from domain.text import Language
from web.pages.desk_deps import seen_contact, view_of
from web.render import ReaderTexts, Render

router = APIRouter()

SUGGESTED = 3
_QUERY_LENGTH = 60


@router.get("/desk/c/{contact_id}/canned")
async def canned(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Reading,
    texts: ReaderTexts,
    page: Render,
    q: Annotated[str, Query(max_length=_QUERY_LENGTH)] = "",
) -> Response:
    """Ready replies in the customer's language, their variables filled."""
    await seen_contact(tx, user, contact_id)
    view = await view_of(tx, texts, user)
    head = await desk_conversation.head(tx, contact_id)
    values = view.canned_values(head)
    rows = await desk_composer.canned(tx, user.line_id, head.language, q)
    filled = [(row, view.fill(row.body, values)) for row in rows]
    return page("desk/canned.html", options=filled)


@router.post("/desk/canned/{canned_id}/used", status_code=204)
async def canned_used(canned_id: UUID, user: CurrentAgent, tx: Tx) -> None:
    """A ready reply was taken; those used most come first."""
    await desk_composer.count_canned_use(tx, user.line_id, canned_id)


@router.get("/desk/c/{contact_id}/suggested")
async def suggested(contact_id: UUID, user: CurrentAgent, tx: Reading, page: Render) -> Response:
    """Articles that may answer what the customer said last; one click inserts."""
    await seen_contact(tx, user, contact_id)
    head = await desk_conversation.head(tx, contact_id)
    said = await desk_conversation.last_customer_text(tx, contact_id)
    config = await line_config(tx, user.line_id)
    found = (
        await find_candidates(tx, user.line_id, config.book, said, Language(head.language)) if said else []
    )
    return page("desk/suggested.html", articles=found[:SUGGESTED])


@router.post("/desk/c/{contact_id}/draft", status_code=204)
async def draft(
    contact_id: UUID,
    user: CurrentAgent,
    tx: Tx,
    kind: Annotated[Literal["reply", "note"], Form()],
    body: Annotated[str, Form(max_length=16_000)] = "",
) -> None:
    """Keep what is not sent yet; the same text twice is the same draft."""
    await seen_contact(tx, user, contact_id)
    await desk_conversation.save_draft(tx, user.line_id, user.id, contact_id, kind, body)


@router.post(
    "/desk/files", max_body_size=FORM_LIMIT_BYTES, dependencies=[rate_limit("desk-files", "60/minute")]
)
async def upload(request: Request, user: CurrentAgent, pool: Pool, settings: Configuration) -> FileView:
    """One file in the form field `file`, checked and kept; the reply names its id."""
    file = await keep_upload(request, settings)
    async with pool.transaction() as tx:
        attachment_id = await chat.add_attachment(tx, user.line_id, user.actor, file)
    return uploaded_view(attachment_id, file)
