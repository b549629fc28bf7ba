"""The customer's chat: the page, the frame of the widget, their live events, and the development outbox."""

import json
import re
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from markupsafe import Markup

from adapters.db import chat, outbox
from adapters.db.chat import Line, PrivacyNotice
from adapters.db.config import LineConfig, line_config
from adapters.db.engine import Transaction
from adapters.files import SIZE_LIMIT_BYTES
from api.chat import FILES_PER_MESSAGE, TEXT_LIMIT_BYTES
from api.chat_visitor import ChatRoute, VisitorAlone, viewer_of, visitor_limit
from api.deps import Configuration, Reading, Rule, declares
from api.errors import NotFound
from web.edge import content_security_policy
from web.i18n import Texts
from web.live import hub_of, resume_id
from web.render import ReaderTexts, Render

router = APIRouter(route_class=ChatRoute)

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
LineId = Annotated[str | None, Query(max_length=64)]


@router.get("/chat", dependencies=[declares(Rule.PUBLIC)], include_in_schema=False)
async def page(
    reading: Reading, texts: ReaderTexts, show: Render, settings: Configuration, line: LineId = None
) -> HTMLResponse:
    """The chat on a page of its own."""
    found, config, notice = await _line(reading, line)
    return show(
        "chat/index.html",
        data=_data(found, config, notice, texts, embedded=False, development=settings.is_development),
        line_name=found.name(texts.language),
        embedded=False,
    )


@router.get("/chat/frame", dependencies=[declares(Rule.PUBLIC)], include_in_schema=False)
async def frame(
    reading: Reading, texts: ReaderTexts, show: Render, settings: Configuration, line: LineId = None
) -> HTMLResponse:
    """The chat inside the widget: may be framed by the origins that the line allows, and by no other."""
    found, config, notice = await _line(reading, line)
    return show(
        "chat/index.html",
        data=_data(found, config, notice, texts, embedded=True, development=settings.is_development),
        line_name=found.name(texts.language),
        embedded=True,
        headers={"Content-Security-Policy": content_security_policy(frame_ancestors(found.allowed_origins))},
    )


def frame_ancestors(origins: Iterable[str]) -> list[str]:
    """Ourselves and the allowed origins; a slip in the configuration never breaks out of the header."""
    return ["'self'", *(origin for origin in origins if _ORIGIN.fullmatch(origin))]


async def _line(tx: Transaction, line_id: str | None) -> tuple[Line, LineConfig, PrivacyNotice]:
    line = await chat.line_of(tx, line_id)
    if line is None:
        raise NotFound("chat_line_unknown")
    return line, await line_config(tx, line.id), await chat.privacy_notice(tx, line.id)


def _data(
    line: Line,
    config: LineConfig,
    notice: PrivacyNotice,
    texts: Texts,
    *,
    embedded: bool,
    development: bool,
) -> Markup:
    """What the page's script needs at once, as JSON that no text can break out of."""
    language = texts.language
    data: dict[str, Any] = {
        "line": line.id,
        "lineName": line.name(language),
        "language": language,
        "embedded": embedded,
        "development": development,
        "botLabel": _text(config, "bot_label", language),
        "greeting": _text(config, "greeting", language),
        "privacy": {
            "version": notice.version,
            "title": notice.title.get(language, ""),
            "body": notice.body.get(language, ""),
        },
        "surveyReasons": [
            {"key": reason["key"], "tone": reason.get("tone", ""), "label": reason["name"][language]}
            for reason in config.reasons.get("survey", [])
        ],
        "limits": {
            "textBytes": TEXT_LIMIT_BYTES,
            "fileBytes": SIZE_LIMIT_BYTES,
            "files": FILES_PER_MESSAGE,
        },
    }
    body = json.dumps(data, ensure_ascii=False)
    safe = body.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(safe)  # noqa: S704 # «<» cannot occur in it


def _text(config: LineConfig, key: str, language: str) -> str:
    return config.text(key, language) if key in config.texts else ""


@router.get(
    "/api/chat/events",
    response_class=EventSourceResponse,
    dependencies=[declares(Rule.CUSTOMER), visitor_limit("chat-events", "60/minute")],
    tags=["chat"],
)
async def events(
    request: Request,
    visitor: VisitorAlone,
    after: int | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """That something of the visitor's thread changed: ids and codes; read the messages then."""
    stream = hub_of(request).stream(viewer_of(visitor), after=resume_id(last_event_id, after))
    async for event in stream:
        ends_at = visitor.verified_until
        if visitor.verified and ends_at is not None and datetime.now(UTC) > ends_at:
            # The proof that this stream was opened with holds no longer: come again as what is left.
            yield ServerSentEvent(event="signed_out", data={})
            return
        yield event


@router.get("/dev/outbox", dependencies=[declares(Rule.DEVELOPMENT)], include_in_schema=False)
async def dev_outbox(reading: Reading, show: Render) -> HTMLResponse:
    """What carriers would have got; for developers only."""
    return show("chat/outbox.html", entries=await outbox.recent(reading))
