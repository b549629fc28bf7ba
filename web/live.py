"""Live events: the bus fanned out in memory, to each viewer only what they may see at that moment."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.exc import OperationalError

from adapters.db import accounts
from adapters.db.bus import BusEvent, BusReader, Whisper, events_between
from adapters.db.engine import Database
from adapters.db.scopes import ContactScope, contact_scopes
from api.access import CUSTOMERS_ATTRIBUTES, Viewer, ViewerKind, may_see_event
from api.deps import CurrentUser, session_cookie_name, settings_of

logger = logging.getLogger(__name__)

QUEUE_LENGTH = 500
"""Events kept for a slow screen; beyond that it is told to fetch everything anew."""
RESUME_LENGTH = 2000
"""The most missed events that are sent one by one."""
_PAGE = 500
_RETRY_MILLISECONDS = 1000
_START_LIMIT_SECONDS = 10
_USER_EVENTS = ("user.",)

Refresh = Callable[[], Awaitable[Viewer | None]]
Wants = Callable[[str], bool]


@dataclass(eq=False)
class Subscriber:
    """One open stream."""

    viewer: Viewer
    refresh: Refresh | None
    """Reads anew who the viewer is; None from it ends the stream."""
    wants: Wants | None
    """Which kinds of events the screen cares about; never widens what the viewer may see."""
    waiting: deque[ServerSentEvent] = field(default_factory=deque)
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def push(self, event: ServerSentEvent) -> None:
        """Queue it; a full queue becomes one order to fetch everything anew."""
        if len(self.waiting) >= QUEUE_LENGTH:
            self.waiting.clear()
            event = _resync(int(event.id or 0))
        self.waiting.append(event)
        self.rung.set()

    def end(self) -> None:
        """No event reaches this stream any more."""
        self.ended = True
        self.waiting.clear()
        self.rung.set()


def _resync(last_id: int) -> ServerSentEvent:
    return ServerSentEvent(event="resync", data={"last_id": last_id}, id=str(last_id))


def _as_sent(event: BusEvent, *, to_customer: bool) -> ServerSentEvent:
    data = {
        "id": event.id,
        "kind": event.kind,
        "case_id": str(event.case_id) if event.case_id else None,
        "at": event.at.isoformat(),
    } | _details(event.actor, event.attrs, to_customer=to_customer)
    if not to_customer:
        data["subject"] = event.subject
    return ServerSentEvent(data=data, id=str(event.id))


def _details(actor: str, attrs: dict[str, Any], *, to_customer: bool) -> dict[str, Any]:
    if not to_customer:
        return {"actor": actor, "attrs": attrs}
    shown = {name: value for name, value in attrs.items() if name in CUSTOMERS_ATTRIBUTES}
    return {"actor": "agent" if actor.startswith("user:") else actor, "attrs": shown}


def _is_customer(subscriber: Subscriber) -> bool:
    return subscriber.viewer.kind is ViewerKind.CUSTOMER


class LiveHub:
    """The fan-out of one web process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: set[Subscriber] = set()
        self._last_id: int | None = None
        """Everything up to here has been handed to the streams that were open then."""
        self._started = asyncio.Event()
        self._connected = False
        self._reader = BusReader(
            database.url,
            on_events=self._fan_out,
            on_whisper=self._fan_out_whisper,
            on_connection=self._tell_connection,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the bus while the application runs."""
        task = asyncio.create_task(self._reader.run(), name="live bus")
        try:
            yield
        finally:
            task.cancel()
            for subscriber in list(self._subscribers):
                subscriber.end()
            with suppress(asyncio.CancelledError):
                await task

    async def stream(
        self,
        viewer: Viewer,
        *,
        after: int | None = None,
        refresh: Refresh | None = None,
        wants: Wants | None = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """What the viewer may see: first what was missed since event `after`, then everything new.

        Named events: `hello` (the id to resume from), `resync` (fetch everything anew), `bus` (whether the
        ledger is reachable), `whisper`, `signed_out`. All others are rows of `events`, unnamed.
        """
        subscriber = Subscriber(viewer, refresh, wants)
        try:
            start = await self._enter(subscriber)
            yield ServerSentEvent(
                event="hello", data={"last_id": start, "connected": True}, retry=_RETRY_MILLISECONDS
            )
            if after is not None:
                async for missed in self._missed(subscriber, after, start):
                    yield missed
            while not subscriber.ended:
                await subscriber.rung.wait()
                subscriber.rung.clear()
                while subscriber.waiting:
                    yield subscriber.waiting.popleft()
            yield ServerSentEvent(event="signed_out", data={})
        except (OperationalError, TimeoutError):
            logger.warning("a live stream ended: the database is away")  # the browser comes again
        finally:
            self._subscribers.discard(subscriber)

    @property
    def last_id(self) -> int | None:
        """Where a page that is being made now resumes; None before the bus was first reached."""
        return self._last_id

    async def revalidate(self, user_id: UUID) -> None:
        """Read anew what this user may do; streams of those who may nothing any more end."""
        for subscriber in [each for each in self._subscribers if each.viewer.id == user_id]:
            viewer = await subscriber.refresh() if subscriber.refresh else None
            if viewer is None:
                subscriber.end()
            else:
                subscriber.viewer = viewer

    # From the bus

    async def _enter(self, subscriber: Subscriber) -> int:
        async with asyncio.timeout(_START_LIMIT_SECONDS):
            await self._started.wait()
        assert self._last_id is not None
        self._subscribers.add(subscriber)
        return self._last_id

    async def _missed(self, subscriber: Subscriber, after: int, until: int) -> AsyncIterator[ServerSentEvent]:
        if after > until or until - after > RESUME_LENGTH:
            yield _resync(until)
            return
        while after < until and not subscriber.ended:
            async with self._database.reading() as tx:
                events = await events_between(tx, after, until, _PAGE)
                scopes = await contact_scopes(tx, _cases(events))
            for event in events:
                if self._reaches(subscriber, event, scopes):
                    yield _as_sent(event, to_customer=_is_customer(subscriber))
            if len(events) < _PAGE:
                return
            after = events[-1].id

    async def _fan_out(self, events: list[BusEvent]) -> None:
        scopes: dict[UUID, ContactScope] = {}
        if self._subscribers and (cases := _cases(events)):
            async with self._database.reading() as tx:
                scopes = await contact_scopes(tx, cases)
        for event in events:
            if event.id <= (self._last_id or 0):
                continue
            if event.kind.startswith(_USER_EVENTS) and "user_id" in event.attrs:
                await self.revalidate(UUID(event.attrs["user_id"]))
            for subscriber in self._subscribers:
                if self._reaches(subscriber, event, scopes):
                    subscriber.push(_as_sent(event, to_customer=_is_customer(subscriber)))
            self._last_id = event.id

    async def _fan_out_whisper(self, said: Whisper) -> None:
        if said.kind == "sign_in_ended":
            await self.revalidate(UUID(said.actor.removeprefix("user:")))
            return
        scopes: dict[UUID, ContactScope] = {}
        if said.case_id is not None and self._subscribers:
            async with self._database.reading() as tx:
                scopes = await contact_scopes(tx, [said.case_id])
        case_id = str(said.case_id) if said.case_id else None
        for subscriber in self._subscribers:
            if self._reaches(subscriber, said, scopes):
                details = _details(said.actor, said.attrs or {}, to_customer=_is_customer(subscriber))
                data = {"kind": said.kind, "case_id": case_id} | details
                subscriber.push(ServerSentEvent(event="whisper", data=data))

    def _tell_connection(self, connected: bool) -> None:
        if connected and self._last_id is None:
            self._last_id = self._reader.last_id
            self._started.set()
        if connected != self._connected:
            self._connected = connected
            for subscriber in self._subscribers:
                subscriber.push(ServerSentEvent(event="bus", data={"connected": connected}))

    def _reaches(
        self, subscriber: Subscriber, said: BusEvent | Whisper, scopes: dict[UUID, ContactScope]
    ) -> bool:
        if subscriber.ended or (subscriber.wants is not None and not subscriber.wants(said.kind)):
            return False
        contact = scopes.get(said.case_id) if said.case_id else None
        if said.case_id is not None and contact is None:
            return False
        return may_see_event(subscriber.viewer, line_id=said.line_id, kind=said.kind, contact=contact)


def _cases(events: Iterable[BusEvent]) -> set[UUID]:
    return {event.case_id for event in events if event.case_id is not None}


def resume_id(last_event_id: str | None, after: int | None) -> int | None:
    """Where a stream resumes: the browser's own header first, then the address."""
    if last_event_id and last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19:
        return int(last_event_id)
    return after if after is not None and 0 <= after < 2**63 else None


router = APIRouter()


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request,
    user: CurrentUser,
    after: int | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The one stream of a staff browser."""
    hub: LiveHub = request.app.state.live
    database: Database = request.app.state.database
    token = request.cookies[session_cookie_name(settings_of(request))]

    async def refresh() -> Viewer | None:
        async with database.reading() as tx:
            session = await accounts.session_of(tx, token)
        if session is None or session.user.line_id is None:
            return None
        line_id = session.user.line_id
        return Viewer.user(session.user.id, line_id, session.user.roles[line_id])

    async for event in hub.stream(user.viewer, after=resume_id(last_event_id, after), refresh=refresh):
        yield event


def hub_of(request: Request) -> LiveHub:
    """For other areas' streams, such as the customer's."""
    hub: LiveHub = request.app.state.live
    return hub
