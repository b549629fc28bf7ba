"""Ways for the shop to fail on purpose, so that tests see what the connector and the bot make of it.

Off unless the shop is started with `--faults`; then `POST /_faults` chooses one, and `GET /_faults` counts
how many calls it hit. Only calls of the contract are struck; `/_faults` itself always answers.
"""

import asyncio
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DRIP_INTERVAL_S = 0.2


class FaultKind(StrEnum):
    NONE = "none"
    DOWN = "down"
    """Nothing listens on the port for `seconds`."""
    SLOW = "slow"
    """Each answer starts after `seconds`; the work is done before."""
    GARBAGE = "garbage"
    """200 with bytes that are no JSON."""
    SERVER_ERROR = "server_error"
    """503."""
    RATE_LIMIT = "rate_limit"
    """429 with Retry-After: `seconds`."""
    DRIP = "drip"
    """The right answer, one byte every fifth of a second."""
    LOST_ANSWER = "lost_answer"
    """The work is done, then the connection breaks before the answer."""


class Fault(BaseModel):
    """What goes wrong, and for how many calls (None: until changed)."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    seconds: float = Field(default=0.0, ge=0.0, le=600.0)
    calls: int | None = Field(default=None, ge=1)


class FaultSwitch:
    """The fault chosen now."""

    def __init__(self) -> None:
        self._fault = Fault(kind=FaultKind.NONE)
        self.struck = 0
        self.downtime_s: float | None = None
        """Set when the server shall stop listening for so long; the runner takes it."""

    def choose(self, fault: Fault) -> None:
        """From the next call on."""
        self.struck = 0
        if fault.kind is FaultKind.DOWN:
            self.downtime_s = fault.seconds
        self._fault = fault

    def take(self) -> Fault:
        """The fault for one call, counted."""
        fault = self._fault
        if fault.kind in {FaultKind.NONE, FaultKind.DOWN}:
            return fault
        self.struck += 1
        if fault.calls is not None and self.struck >= fault.calls:
            self._fault = Fault(kind=FaultKind.NONE)
        return fault


class FaultyApp:
    """The shop with its faults around it."""

    def __init__(self, app: ASGIApp, switch: FaultSwitch, path_prefix: str) -> None:
        self._app = app
        self._switch = switch
        self._path_prefix = path_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._path_prefix):
            await self._app(scope, receive, send)
            return
        fault = self._switch.take()
        match fault.kind:
            case FaultKind.NONE | FaultKind.DOWN:
                await self._app(scope, receive, send)
            case FaultKind.GARBAGE:
                await _answer(send, 200, b"\x00\xff<html>\xfe proxy says hello", {})
            case FaultKind.SERVER_ERROR:
                await _answer(send, 503, b"upstream connect error", {})
            case FaultKind.RATE_LIMIT:
                await _answer(send, 429, b"{}", {"retry-after": f"{fault.seconds:.0f}"})
            case FaultKind.SLOW | FaultKind.DRIP | FaultKind.LOST_ANSWER:
                await self._spoil(fault, scope, receive, send)

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the shop do its work, then spoil how the answer travels."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        start = messages[0]
        body = b"".join(message.get("body", b"") for message in messages[1:])
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        await send(start)
        if fault.kind is FaultKind.LOST_ANSWER:
            return  # less than the announced length: the server breaks the connection
        step = 1 if fault.kind is FaultKind.DRIP else len(body)
        for offset in range(0, len(body), step):
            last = offset + step >= len(body)
            await send(
                {"type": "http.response.body", "body": body[offset : offset + step], "more_body": not last}
            )
            if not last:
                await asyncio.sleep(_DRIP_INTERVAL_S)


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
