"""A product that speaks the public chat interface and misbehaves as a message's text tells it to."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MORNING = datetime(2026, 11, 23, 1, tzinfo=UTC)


@dataclass
class Contact:
    """One visitor's thread."""

    id: str = field(default_factory=lambda: str(uuid4()))
    messages: list[dict[str, Any]] = field(default_factory=list)
    stage: str | None = None
    reads: int = 0
    behaviour: str = ""

    def add(self, author: str, body: str, **more: Any) -> dict[str, Any]:
        seq = len(self.messages) + 1
        at = (MORNING + timedelta(seconds=seq)).isoformat()
        message = {
            "id": str(uuid4()),
            "seq": seq,
            "contact_id": self.id,
            "author": author,
            "body": body,
            "at": at,
        }
        self.messages.append(
            message | {"client_id": None, "choices": [], "citations": [], "code": None} | more
        )
        return self.messages[-1]


REPLIES: dict[str, dict[str, Any]] = {
    "answer": {"citations": [{"id": "a", "title": "A"}]},
    "choices": {"choices": [{"id": "article:1", "label": "A"}, {"id": "human", "label": "H"}]},
    "rephrase": {"choices": [{"id": "human", "label": "H"}]},
}


class FakeProduct:
    """The chat and as much of the API as an agent needs."""

    def __init__(self) -> None:
        self.contacts: dict[str, Contact] = {}
        self.posts: list[tuple[str, str]] = []
        """Client id and text of every try."""
        self.idempotency_keys: list[str] = []
        self.offered: set[str] = set()
        self.owned: dict[str, str] = {}
        """Contact id → stage, of the one agent."""
        self._tokens = itertools.count(1)

    def transport(self) -> httpx.ASGITransport:
        get, post = ["GET"], ["POST"]
        contact = "/api/v1/contacts/{id}"
        routes: list[tuple[str, list[str], Callable[..., Any]]] = [
            ("/healthz", get, self.health),
            ("/api/chat/session", post, self.session),
            ("/api/chat/messages", post, self.send),
            ("/api/chat/messages", get, self.thread),
            ("/api/v1/sign-in", post, self.sign_in),
            ("/api/v1/presence", ["PUT", "GET"], self.presence),
            ("/api/v1/presence/heartbeat", post, self.nothing),
            ("/api/v1/offers", get, self.offers),
            ("/api/v1/offers/{id}/accept", post, self.accept),
            ("/api/v1/contacts", get, self.mine),
            (f"{contact}/replies", post, self.reply),
            (f"{contact}/end", post, self.end),
            (f"{contact}/wrap-up", post, self.wrap_up),
        ]
        app = Starlette(routes=[Route(path, endpoint, methods=methods) for path, methods, endpoint in routes])
        return httpx.ASGITransport(app)

    async def health(self, _: Request) -> Response:
        return JSONResponse({})

    async def nothing(self, _: Request) -> Response:
        return Response(status_code=204)

    # Customers

    async def session(self, _: Request) -> Response:
        token = f"visitor-{next(self._tokens)}"
        self.contacts[token] = Contact()
        return JSONResponse({"token": token})

    def _contact(self, request: Request) -> Contact:
        return self.contacts[request.headers["authorization"].removeprefix("Bearer ")]

    async def send(self, request: Request) -> Response:
        wish = await request.json()
        client_id, text = wish["client_id"], wish["text"]
        tries = sum(posted == (client_id, text) for posted in self.posts)
        self.posts.append((client_id, text))
        contact = self._contact(request)
        contact.behaviour = text
        if text == "refuse":
            return JSONResponse({"error": {"code": "message_empty"}}, status_code=422)
        if text == "busy" and tries == 0:
            return JSONResponse(
                {"error": {"code": "too_many"}}, status_code=429, headers={"Retry-After": "0"}
            )
        if text == "away" and tries == 0:
            return JSONResponse({"error": {"code": "away"}}, status_code=503)
        known = next((each for each in contact.messages if each["client_id"] == client_id), None)
        message = known
        if known is None or text == "double":
            message = contact.add("customer", text, client_id=client_id)
            contact.stage = "bot"
            self._react(contact, text)
        if text in {"lose answer", "double"} and tries == 0:
            raise httpx.ReadError("the answer is lost")
        if text == "forget":
            contact.messages.clear()
        assert message is not None
        sent = {"seq": message["seq"], "contact_id": contact.id, "message_id": message["id"]}
        return JSONResponse(sent | {"duplicate": known is not None})

    def _react(self, contact: Contact, text: str) -> None:
        if text == "silent":
            return
        if text in {"queue", "agent"}:
            contact.stage = "queued"
            if text == "agent":
                self.offered.add(contact.id)
            return
        contact.add("bot", "Hello, I am the assistant.", code="greeting")
        contact.add("bot", f"About {text}", **REPLIES.get(text, REPLIES["answer"]))
        if text == "same answer twice":
            contact.add("bot", f"About {text}", **REPLIES["answer"])
        if text == "answer first":
            contact.messages.reverse()
        if text == "clock runs back":
            contact.messages[-1]["at"] = (MORNING - timedelta(hours=1)).isoformat()

    async def thread(self, request: Request) -> Response:
        contact = self._contact(request)
        contact.reads += 1
        shown = contact.messages
        if contact.behaviour == "slow" and contact.reads < 2:
            shown = shown[:1]
        return JSONResponse({"messages": shown, "more": False, "state": {"stage": contact.stage}})

    # One agent

    def _by_id(self, contact_id: str) -> Contact:
        return next(each for each in self.contacts.values() if each.id == contact_id)

    async def sign_in(self, request: Request) -> Response:
        assert (await request.json())["password"] == "secret"
        return JSONResponse({"token": "agent"})

    async def presence(self, _: Request) -> Response:
        return JSONResponse({"presence": "ready", "presence_reason": ""})

    async def offers(self, _: Request) -> Response:
        return JSONResponse({"offers": [{"id": each} for each in sorted(self.offered)]})

    async def accept(self, request: Request) -> Response:
        contact_id = request.path_params["id"]
        self.offered.discard(contact_id)
        self.owned[contact_id] = self._by_id(contact_id).stage = "talking"
        return JSONResponse({"contact_id": contact_id})

    async def mine(self, _: Request) -> Response:
        rows = [
            {"id": contact_id, "stage": stage, "language": "en", "customer_seq": 1}
            for contact_id, stage in self.owned.items()
        ]
        return JSONResponse({"contacts": rows, "after": None})

    async def reply(self, request: Request) -> Response:
        self.idempotency_keys.append(request.headers["idempotency-key"])
        contact = self._by_id(request.path_params["id"])
        seq = contact.add("agent", (await request.json())["body"])["seq"]
        return JSONResponse({"seq": seq}, status_code=201)

    async def end(self, request: Request) -> Response:
        assert (await request.json())["seen_seq"] == 1
        self.owned[request.path_params["id"]] = "wrap_up"
        return Response(status_code=204)

    async def wrap_up(self, request: Request) -> Response:
        assert (await request.json())["category"]
        contact_id = request.path_params["id"]
        del self.owned[contact_id]
        self._by_id(contact_id).stage = "survey"
        return Response(status_code=204)
