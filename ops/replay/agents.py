"""Agents who sign in, accept what is offered, answer, end and wrap up, through the JSON API."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ops.replay.chat_client import RefusedError, Requests, UnansweredError
from ops.replay.judge import AgentReply

HEARTBEAT_SECONDS = 20.0
_LOOK_SECONDS = 0.7
_REQUEST_PATIENCE_SECONDS = 60.0
_REPLIES = {
    "zh": ("您好，我是人工客服，已看到您的问题，正在为您核实。", "已为您处理好，请留意后续通知。"),
    "en": (
        "Hello, this is a colleague. I have read your question and am looking into it.",
        "It is settled now.",
    ),
}
_WRAP_UP = {"category": "other", "solved": True}


@dataclass(frozen=True)
class SignIn:
    """Somebody's login."""

    login: str
    password: str


@dataclass
class AgentsTally:
    """What all agents did."""

    accepted: int = 0
    ended: int = 0
    replies: list[AgentReply] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    """An offer that had expired, a contact somebody else took: the product's word, not ours."""


class Agent:
    """One agent at work."""

    def __init__(self, requests: Requests, sign_in: SignIn, tally: AgentsTally, think_seconds: float) -> None:
        """`think_seconds`: between reading and writing."""
        self._requests = requests
        self._sign_in = sign_in
        self._tally = tally
        self._think_seconds = think_seconds
        self._headers: dict[str, str] = {}
        self._written: Counter[str] = Counter()
        self._last_at_seconds: dict[str, float] = {}
        self._seen_at_seconds = float("-inf")
        self._keys: dict[tuple[str, ...], str] = {}

    async def start(self) -> None:
        """Sign in and be ready. Raises RefusedError, UnansweredError."""
        answer = await self._requests.ask(
            "POST",
            "/api/v1/sign-in",
            patience_seconds=_REQUEST_PATIENCE_SECONDS,
            headers={},
            json={"login": self._sign_in.login, "password": self._sign_in.password},
        )
        self._headers = {"Authorization": f"Bearer {answer['token']}"}
        await self._ask("PUT", "/presence", {"presence": "ready"})

    async def work(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self._look()
            except UnansweredError:  # the product is away for long; it will be back
                continue
            await asyncio.sleep(_LOOK_SECONDS)

    async def rest(self) -> None:
        """Take no more work. Raises RefusedError, UnansweredError."""
        await self._ask("PUT", "/presence", {"presence": "away", "reason": "replay"})

    async def is_idle(self) -> bool:
        """Whether nothing is open any more."""
        mine = await self._ask("GET", "/contacts?tab=mine&order=waiting")
        return not mine["contacts"]

    async def _look(self) -> None:
        if time.monotonic() - self._seen_at_seconds > HEARTBEAT_SECONDS:
            await self._ask("POST", "/presence/heartbeat")
            self._seen_at_seconds = time.monotonic()
            state = await self._ask("GET", "/presence")
            if state["presence"] == "away" and state["presence_reason"] != "replay":  # an offer expired
                await self._ask("PUT", "/presence", {"presence": "ready"})
        for offer in (await self._ask("GET", "/offers"))["offers"]:
            self._tally.accepted += await self._act("POST", f"/offers/{offer['id']}/accept")
        for contact in (await self._ask("GET", "/contacts?tab=mine&order=waiting"))["contacts"]:
            await self._serve(contact)

    async def _serve(self, contact: dict[str, Any]) -> None:
        """One thing at a time: answer twice, end, wrap up."""
        contact_id = contact["id"]
        since = time.monotonic() - self._last_at_seconds.setdefault(contact_id, time.monotonic())
        if since < self._think_seconds:
            return
        self._last_at_seconds[contact_id] = time.monotonic()
        said = _REPLIES.get(contact["language"], _REPLIES["zh"])
        if contact["stage"] == "wrap_up":
            self._tally.ended += await self._act("POST", f"/contacts/{contact_id}/wrap-up", _WRAP_UP)
        elif contact["stage"] == "talking" and self._written[contact_id] < len(said):
            await self._reply(contact_id, said[self._written[contact_id]])
        elif contact["stage"] == "talking":
            seen = {"seen_seq": contact["customer_seq"]}
            if not await self._act("POST", f"/contacts/{contact_id}/end", seen):
                self._written[contact_id] -= 1  # the customer wrote meanwhile: answer once more

    async def _reply(self, contact_id: str, body: str) -> None:
        number = self._written[contact_id]
        try:
            kept = await self._ask(
                "POST",
                f"/contacts/{contact_id}/replies",
                {"body": body},
                key=("reply", contact_id, str(number)),
            )
        except RefusedError as refusal:
            self._tally.refusals[refusal.code] += 1
            return
        self._tally.replies.append(AgentReply(contact_id, kept["seq"], body))
        self._written[contact_id] += 1

    async def _act(self, method: str, path: str, json: Any = None) -> bool:
        """Whether it was allowed."""
        try:
            await self._ask(method, path, json, key=(path, str(json)))
        except RefusedError as refusal:
            self._tally.refusals[refusal.code] += 1
            return False
        return True

    async def _ask(self, method: str, path: str, json: Any = None, key: tuple[str, ...] | None = None) -> Any:
        """With a key, the same act carries the same idempotency key however often it is tried."""
        headers = self._headers
        if key is not None:
            headers = headers | {"Idempotency-Key": self._keys.setdefault(key, str(uuid4()))}
        return await self._requests.ask(
            method,
            f"/api/v1{path}",
            patience_seconds=_REQUEST_PATIENCE_SECONDS,
            headers=headers,
            json=json,
        )
