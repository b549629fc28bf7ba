"""What the chat's interface says, as JSON; nothing here that a customer may not know."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from adapters.db.chat import Visitor
from adapters.db.chat_thread import ThreadMessage, ThreadState
from adapters.files import is_picture
from domain.contact import Stage


class CustomerView(BaseModel):
    """Who the visitor is to us."""

    name: str
    verified: bool
    verified_until: datetime | None


class PrivacyView(BaseModel):
    """The notice in force, and whether this customer accepted it."""

    version: str
    accepted: bool


class SessionView(BaseModel):
    """A session; send the token as `Authorization: Bearer …`."""

    token: str
    resumed: bool
    line: str
    line_name: str
    language: str
    customer: CustomerView
    privacy: PrivacyView
    thread: str


class FileView(BaseModel):
    """A file of a message; its bytes at `/api/files/{id}` with the same bearer."""

    id: UUID
    name: str
    content_type: str
    size_bytes: int
    width: int | None
    height: int | None
    is_picture: bool


class ChoiceView(BaseModel):
    """A button: send its `id` as `choice` and its label as `text`."""

    id: str
    label: str


class CitationView(BaseModel):
    """The article an answer rests on."""

    id: str
    title: str


class MessageView(BaseModel):
    """One message of the thread."""

    id: UUID
    seq: int
    """Its place in the whole thread; what `after` and `before` compare."""
    contact_id: UUID
    author: str
    """`customer`, `bot`, `agent` or `system`."""
    name: str | None
    """The agent's nickname."""
    kind: str
    body: str
    code: str | None
    """Which process text it is, for a notice."""
    choices: list[ChoiceView]
    citations: list[CitationView]
    files: list[FileView]
    survey: bool
    client_id: str | None
    """The sender's own id, on messages of this very session."""
    at: datetime


class StateView(BaseModel):
    """Where the conversation stands; `stage` is null before the first message."""

    contact_id: UUID | None
    stage: Stage | None
    position: int | None
    """1 is next; null while no place in a queue is held."""
    wait_seconds: int | None
    """An honest estimate; null when there is none."""
    opens_at: datetime | None
    may_leave_matter: bool
    left_matter: bool
    agent: str | None
    typing: str | None
    """`bot` while the assistant works on an answer."""
    agent_read_seq: int
    read_seq: int
    last_seq: int
    survey_due: bool
    survey_contact_id: UUID | None
    verified: bool


class ThreadView(BaseModel):
    """A stretch of the thread."""

    thread: str
    """When it differs from before, positions began anew: read everything again."""
    messages: list[MessageView]
    more: bool
    """There are more in the direction that was asked for."""
    state: StateView


class SentView(BaseModel):
    """What became of a message."""

    message_id: UUID
    seq: int
    contact_id: UUID
    duplicate: bool


def message_view(message: ThreadMessage, visitor: Visitor, language: str) -> MessageView:
    """One message as this visitor may see it."""
    row, attrs = message.row, message.row.attrs
    own = f"{visitor.identity_id}:"
    sent_here = row.author == "customer" and (row.external_id or "").startswith(own)
    return MessageView(
        id=row.id,
        seq=message.position,
        contact_id=row.contact_id,
        author=row.author,
        name=_of_language(row.nickname_zh, row.nickname_en, language),
        kind=row.kind,
        body=row.body,
        code=attrs.get("code") if row.author in ("system", "bot") else None,
        choices=[ChoiceView(id=each["id"], label=each["label"]) for each in attrs.get("choices", [])],
        citations=[CitationView(id=str(each["id"]), title=each["title"]) for each in _citations(attrs)],
        files=[file_view(each) for each in message.attachments],
        survey=bool(attrs.get("survey")),
        client_id=row.external_id.removeprefix(own) if sent_here else None,
        at=row.at,
    )


def _citations(attrs: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in attrs.get("citations", []) if isinstance(each, dict) and each.get("title")]


def file_view(row: Any) -> FileView:
    """A file, from its row."""
    return FileView(
        id=row.id,
        name=row.file_name,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        width=row.width,
        height=row.height,
        is_picture=is_picture(row.content_type),
    )


def state_view(state: ThreadState, visitor: Visitor, language: str) -> StateView:
    """The state as this visitor may see it."""
    return StateView(
        contact_id=state.contact_id,
        stage=state.stage,
        position=None if state.ahead is None else state.ahead + 1,
        wait_seconds=state.wait_seconds,
        opens_at=state.opens_at,
        may_leave_matter=state.may_leave,
        left_matter=state.left,
        agent=_of_language(state.agent_zh, state.agent_en, language),
        typing="bot" if state.bot_is_typing else None,
        agent_read_seq=state.agent_read_position,
        read_seq=state.read_position,
        last_seq=state.last_position,
        survey_due=state.survey_due,
        survey_contact_id=state.survey_contact_id,
        verified=visitor.verified,
    )


def _of_language(zh: str | None, en: str | None, language: str) -> str | None:
    return en if language == "en" else zh
