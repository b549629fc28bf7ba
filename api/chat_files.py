"""Files of the chat: brought by customers, seen by those who may see the contact they belong to."""

from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile

from adapters.db import chat
from adapters.db.scopes import file_scope
from adapters.files import (
    SIZE_LIMIT_BYTES,
    FileFault,
    FileStore,
    RefusedFileError,
    StoredFile,
    is_picture,
)
from adapters.settings import Settings
from api.access import Viewer, may_see_file
from api.chat_views import FileView
from api.chat_visitor import ChatRoute, VisitorAlone, bearer_token, count_visitor, viewer_of, visitor_in
from api.deps import Configuration, Pool, Rule, declares, signed_in_user
from api.errors import Invalid, NotFound, NotSignedIn, TooLarge

router = APIRouter(tags=["chat"], route_class=ChatRoute, dependencies=[declares(Rule.CUSTOMER)])

FORM_LIMIT_BYTES = SIZE_LIMIT_BYTES + 64 * 1024
"""A file of the full size and what a form adds to it."""
_UPLOADS = "30/minute"
_SIZE_SHOWN = f"{SIZE_LIMIT_BYTES // 1024 // 1024} MB"
_SEALED = "default-src 'none'; sandbox"


@router.post("/api/chat/files", max_body_size=FORM_LIMIT_BYTES)
async def upload(request: Request, visitor: VisitorAlone, pool: Pool, settings: Configuration) -> FileView:
    """One file in the form field `file`; name its id in the message that carries it."""
    await count_visitor(request, "chat-file", _UPLOADS)
    file = await keep_upload(request, settings)
    async with pool.transaction() as tx:
        attachment_id = await chat.add_attachment(
            tx, visitor.line_id, f"identity:{visitor.identity_id}", file
        )
    return uploaded_view(attachment_id, file)


async def keep_upload(request: Request, settings: Settings) -> StoredFile:
    """Read, check and keep the form field `file`. Raises Invalid or TooLarge with the reason.

    The caller has asked who it is: nothing of the body is read before.
    """
    async with request.form(max_files=1, max_fields=4) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("file_missing")
        try:
            return await FileStore(settings.files_dir).accept(file.file, file.filename or "")
        except RefusedFileError as error:
            if error.fault is FileFault.TOO_LARGE:
                raise TooLarge(error.fault.value, limit=_SIZE_SHOWN) from None
            raise Invalid(error.fault.value) from None


def uploaded_view(attachment_id: UUID, file: StoredFile) -> FileView:
    """What the uploader hears."""
    return FileView(
        id=attachment_id,
        name=file.name,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        width=file.width,
        height=file.height,
        is_picture=is_picture(file.content_type),
    )


@router.get("/api/files/{attachment_id}", response_class=FileResponse)
async def download(
    attachment_id: UUID, request: Request, pool: Pool, settings: Configuration
) -> FileResponse:
    """The bytes, for the customer of that contact and for staff who may see it; 404 for everybody else."""
    viewer = await _viewer(request, pool)
    async with pool.reading() as tx:
        scope = await file_scope(tx, attachment_id)
        if not may_see_file(viewer, scope):
            raise NotFound
        file = await chat.stored_file(tx, attachment_id)
    path = FileStore(settings.files_dir).path(file.sha256)
    if not path.is_file():
        raise NotFound
    how = "inline" if is_picture(file.content_type) else "attachment"
    return FileResponse(
        path,
        media_type=file.content_type,
        headers={
            "Content-Disposition": f"{how}; filename*=UTF-8''{quote(file.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": _SEALED,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, max-age=300",
            "Vary": "Authorization, Cookie",
        },
    )


async def _viewer(request: Request, pool: Pool) -> Viewer:
    if bearer_token(request) is not None:
        async with pool.reading() as tx:
            return viewer_of(await visitor_in(tx, request))
    signed_in = await signed_in_user(request)
    if signed_in is None:
        raise NotSignedIn
    return signed_in.viewer
