"""Customers' messages at a given rate, and what an agent's screen shows of them and when.

The generator knows the product by its public interface: sessions and messages over HTTP, and the one live
stream of a staff browser. The bare spike speaks the same words, so both are measured by the same means.
"""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx

MESSAGES_A_CONTACT = 3
_PREPARING = 6
_TIMEOUT_SECONDS = 30.0
_CHECK_SECONDS = 0.1


@dataclass
class Visitor:
    """One customer's session and how much was said in it."""

    token: str
    said: int = 0


@dataclass
class Sent:
    """One message on its way; instants are on the monotonic clock."""

    at: float
    opens_contact: bool
    message_id: str | None = None
    acknowledged_at: float | None = None
    error: str | None = None


@dataclass
class Shown:
    """What the screen showed of one contact."""

    seqs: list[int] = field(default_factory=list)
    replies: list[tuple[int, float]] = field(default_factory=list)
    handed_over: bool = False

    def reply_to(self, seq: int) -> float | None:
        """When the first answer after a message was seen."""
        return next((at for answer, at in self.replies if answer > seq), None)

    @property
    def is_in_order(self) -> bool:
        """Whether every message was seen once, in order."""
        return all(later == earlier + 1 for earlier, later in pairwise([0, *self.seqs]))


@dataclass(frozen=True)
class PhaseResult:
    """One stretch at one rate; times in milliseconds."""

    rate: float
    seconds: float
    sent: int
    errors: dict[str, int]
    reply_ms: list[float]
    opening_reply_ms: list[float]
    """Of these, replies to a message that opened a contact."""
    screen_ms: list[float]
    acknowledged_ms: list[float]
    replied_in_time: int
    """Replies that came before the stretch was over."""
    unanswered: int
    """Neither answered nor handed over when the drain ended."""
    drain_seconds: float
    out_of_order: int
    """Contacts whose messages the screen did not show once each and in order."""
    contacts: list[str]

    @property
    def throughput(self) -> float:
        """Replies a second while messages came in."""
        return self.replied_in_time / self.seconds


class Load:
    """One generator against one address; `running` around everything."""

    def __init__(
        self,
        url: str,
        live_headers: dict[str, str],
        texts: Sequence[str],
        *,
        seed: int = 1,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`live_headers` open the live stream: a staff member's session; `transport` stands in for the network."""
        self._live_headers = live_headers
        self._texts = itertools.cycle(texts)
        self._chance = random.Random(seed)  # noqa: S311 - arrivals, not secrets
        self._fresh: deque[Visitor] = deque()
        self._active: deque[Visitor] = deque()
        self._shown: dict[str, Shown] = {}
        self._customer_events: dict[str, tuple[str, int, float]] = {}
        self._numbers = itertools.count(1)
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
            trust_env=False,
            transport=transport,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """Open the agent's screen; close everything afterwards."""
        ready = asyncio.Event()
        async with self._http:
            watching = asyncio.create_task(self._watch(ready))
            try:
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await ready.wait()
                yield self
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

    async def prepare(self, count: int) -> None:
        """Open sessions ahead of a stretch, so that it measures messages and nothing else."""
        wanted = iter(range(max(0, count - len(self._fresh))))

        async def open_some() -> None:
            for _ in wanted:
                answer = await self._http.post("/api/chat/session", json={})
                answer.raise_for_status()
                self._fresh.append(Visitor(answer.json()["token"]))

        await asyncio.gather(*(open_some() for _ in range(_PREPARING)))

    async def phase(self, rate: float, seconds: float, *, drain_seconds: float) -> PhaseResult:
        """Messages at `rate` a second for `seconds`, then at most `drain_seconds` of waiting for answers."""
        await self.prepare(round(rate * seconds / MESSAGES_A_CONTACT * 1.3) + 10)
        self._active.clear()
        sent: list[Sent] = []
        # As chance has it, but exactly as many as wished: short stretches are comparable then.
        moments = sorted(self._chance.uniform(0, seconds) for _ in range(round(rate * seconds)))
        began = time.monotonic()
        async with asyncio.TaskGroup() as sending:
            for moment in moments:
                await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
                visitor = self._next_visitor()
                sent.append(Sent(at=time.monotonic(), opens_contact=visitor.said == 0))
                visitor.said += 1
                sending.create_task(self._send(visitor, sent[-1]))
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
            ended = time.monotonic()
        drained = await self._drain(sent, drain_seconds)
        return self._result(rate, began, ended, sent, drained)

    def _next_visitor(self) -> Visitor:
        """Whoever has been silent longest writes again; every third message opens a contact."""
        if (self._fresh and self._chance.random() < 1 / MESSAGES_A_CONTACT) or not self._active:
            visitor = self._fresh.popleft()
        else:
            visitor = self._active.popleft()
        if visitor.said + 1 < MESSAGES_A_CONTACT:
            self._active.append(visitor)
        return visitor

    async def _send(self, visitor: Visitor, sent: Sent) -> None:
        body = {"client_id": f"bench-{next(self._numbers)}", "text": next(self._texts)}
        headers = {"Authorization": f"Bearer {visitor.token}"}
        try:
            answer = await self._http.post("/api/chat/messages", json=body, headers=headers)
        except httpx.TransportError as error:
            sent.error = type(error).__name__
            return
        if not answer.is_success:
            sent.error = str(answer.status_code)
            return
        sent.acknowledged_at = time.monotonic()
        sent.message_id = answer.json()["message_id"]

    async def _drain(self, sent: Sequence[Sent], most_seconds: float) -> float:
        """How long it took until everything accepted had an answer or a person."""
        began = time.monotonic()
        while time.monotonic() - began < most_seconds:
            if all(each.error or self._is_settled(each) for each in sent):
                break
            await asyncio.sleep(_CHECK_SECONDS)
        return time.monotonic() - began

    def _seen(self, sent: Sent) -> tuple[str, int, float] | None:
        return self._customer_events.get(sent.message_id) if sent.message_id is not None else None

    def _replied_at(self, sent: Sent) -> float | None:
        seen = self._seen(sent)
        return self._shown[seen[0]].reply_to(seen[1]) if seen is not None else None

    def _is_settled(self, sent: Sent) -> bool:
        seen = self._seen(sent)
        return seen is not None and (self._shown[seen[0]].handed_over or self._replied_at(sent) is not None)

    def _result(
        self, rate: float, began: float, ended: float, sent: Sequence[Sent], drained: float
    ) -> PhaseResult:
        replies = [(each, at) for each in sent if (at := self._replied_at(each)) is not None]
        seen = [(each, found) for each in sent if (found := self._seen(each)) is not None]
        errors: dict[str, int] = {}
        for each in sent:
            if each.error is not None:
                errors[each.error] = errors.get(each.error, 0) + 1
        contacts = list(dict.fromkeys(found[0] for _, found in seen))
        return PhaseResult(
            rate=rate,
            seconds=ended - began,
            sent=len(sent),
            errors=errors,
            reply_ms=[(at - each.at) * 1000 for each, at in replies],
            opening_reply_ms=[(at - each.at) * 1000 for each, at in replies if each.opens_contact],
            screen_ms=[(found[2] - each.at) * 1000 for each, found in seen],
            acknowledged_ms=[
                (each.acknowledged_at - each.at) * 1000 for each in sent if each.acknowledged_at is not None
            ],
            replied_in_time=sum(at <= ended for _, at in replies),
            unanswered=sum(each.error is None and not self._is_settled(each) for each in sent),
            drain_seconds=drained,
            out_of_order=sum(not self._shown[contact].is_in_order for contact in contacts),
            contacts=contacts,
        )

    def messages_in(self, contact_id: str) -> int:
        """How many messages of its customer the screen showed."""
        return sum(case_id == contact_id for case_id, _, _ in self._customer_events.values())

    # The agent's screen

    async def _watch(self, ready: asyncio.Event) -> None:
        """Follow the live stream; one that breaks is resumed where it ended."""
        last_id = ""
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, read=None)
        while True:
            headers = self._live_headers | ({"Last-Event-ID": last_id} if last_id else {})
            with contextlib.suppress(httpx.HTTPError):
                async with self._http.stream("GET", "/live", headers=headers, timeout=timeout) as answer:
                    if answer.is_success:
                        async for line in answer.aiter_lines():
                            ready.set()
                            if line.startswith("id:"):
                                last_id = line[3:].strip()
                            elif line.startswith("data:"):
                                self.take(json.loads(line[5:]), time.monotonic())
            await asyncio.sleep(_CHECK_SECONDS)

    def take(self, event: Any, at: float) -> None:
        """An event came to the screen at an instant of the monotonic clock."""
        case_id = event.get("case_id") if isinstance(event, dict) else None
        if case_id is None:
            return
        shown = self._shown.setdefault(case_id, Shown())
        if event["kind"] == "handed_over":
            shown.handed_over = True
        if event["kind"] != "message":
            return
        seq = event["attrs"]["seq"]
        shown.seqs.append(seq)
        if event["actor"] == "customer":
            self._customer_events[event["attrs"]["message_id"]] = (case_id, seq, at)
        elif event["actor"] == "bot":
            shown.replies.append((seq, at))
