"""A customer's browser, as far as the product can tell: HTTP requests that are repeated until they are answered."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

REQUEST_TIMEOUT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 3.0
_TOO_MANY = 429


class RefusedError(Exception):
    """The product said no for good; `code` is its own word for why."""

    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{status} {code}")


class UnansweredError(Exception):
    """Nobody answered within the patience."""


@dataclass
class Wire:
    """What happened on the way, counted over all requests."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Why requests had to be repeated: an exception's name or a status."""


@dataclass(frozen=True)
class Accepted:
    """A message that the product said it keeps."""

    seq: int
    contact_id: str
    message_id: str
    duplicate: bool
    """It had been kept by an earlier try whose answer was lost."""


@dataclass(frozen=True)
class Thread:
    """What the customer's screen shows."""

    messages: list[dict[str, Any]]
    state: dict[str, Any]


class Requests:
    """Requests that are tried again, like a browser does, while the product is away or an answer is lost."""

    def __init__(self, http: httpx.AsyncClient, wire: Wire, chance: random.Random) -> None:
        self._http = http
        self._wire = wire
        self._chance = chance

    async def ask(
        self, method: str, path: str, *, patience_seconds: float, headers: dict[str, str], json: Any = None
    ) -> Any:
        """The answer's JSON (None for an empty one). Raises RefusedError, UnansweredError."""
        deadline = time.monotonic() + patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            self._wire.requests += 1
            try:
                answer = await self._http.request(method, path, headers=headers, json=json)
            except httpx.TransportError as error:
                problem = type(error).__name__
            else:
                if answer.is_success:
                    return answer.json() if answer.content else None
                if answer.status_code < 500 and answer.status_code != _TOO_MANY:
                    raise RefusedError(answer.status_code, _code_of(answer))
                problem = str(answer.status_code)
                if answer.status_code == _TOO_MANY:
                    self._wire.throttled += 1
                    pause = _seconds_to_wait(answer)
            self._wire.failures[problem] += 1
            wait = pause * (0.5 + self._chance.random())
            if time.monotonic() + wait > deadline:
                raise UnansweredError(problem)
            self._wire.retries += 1
            await asyncio.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def stream(
        self, path: str, headers: dict[str, str]
    ) -> "contextlib.AbstractAsyncContextManager[httpx.Response]":
        """An open answer that is read line by line."""
        return self._http.stream(
            "GET", path, headers=headers, timeout=httpx.Timeout(REQUEST_TIMEOUT_SECONDS, read=None)
        )


def _code_of(answer: httpx.Response) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(answer.json()["error"]["code"])
    return "unknown"


def _seconds_to_wait(answer: httpx.Response) -> float:
    with contextlib.suppress(ValueError):
        return max(float(answer.headers.get("retry-after", "1")), _FIRST_PAUSE_SECONDS)
    return 1.0


class ChatClient:
    """One visitor's session."""

    def __init__(self, requests: Requests, patience_seconds: float) -> None:
        """`patience_seconds`: how long one request is tried again."""
        self._requests = requests
        self._patience_seconds = patience_seconds
        self._headers: dict[str, str] = {}

    async def open(self, language: str | None, line: str | None = None) -> None:
        """Begin a session. Raises RefusedError, UnansweredError."""
        wish = {name: value for name, value in (("language", language), ("line", line)) if value}
        answer = await self._ask("POST", "/api/chat/session", wish)
        self._headers = {"Authorization": f"Bearer {answer['token']}"}

    async def send(self, client_id: str, text: str) -> Accepted:
        """Send a message; the same `client_id` at every try. Raises RefusedError, UnansweredError."""
        answer = await self._ask("POST", "/api/chat/messages", {"client_id": client_id, "text": text})
        return Accepted(
            seq=answer["seq"],
            contact_id=answer["contact_id"],
            message_id=answer["message_id"],
            duplicate=answer["duplicate"],
        )

    async def thread(self) -> Thread:
        """Everything the customer sees. Raises RefusedError, UnansweredError."""
        messages: list[dict[str, Any]] = []
        after = 0
        while True:
            page = await self._ask("GET", f"/api/chat/messages?after={after}&limit=500")
            messages += page["messages"]
            if not page["more"] or not page["messages"]:
                return Thread(messages, page["state"])
            after = page["messages"][-1]["seq"]

    async def listen(self, bell: asyncio.Event) -> None:
        """Ring at every live event until cancelled; a broken stream is opened again."""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                async with self._requests.stream("/api/chat/events", self._headers) as answer:
                    if answer.is_success:
                        bell.set()
                        async for line in answer.aiter_lines():
                            if line.startswith("data:"):
                                bell.set()
            await asyncio.sleep(1)

    async def _ask(self, method: str, path: str, json: Any = None) -> Any:
        return await self._requests.ask(
            method, path, patience_seconds=self._patience_seconds, headers=self._headers, json=json
        )
