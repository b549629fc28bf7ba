"""What the tests of the chat share: a shop from the real pack, customers over HTTP, and what people do there."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt

from adapters.db.company import apply_pack
from adapters.db.config import line_config
from adapters.db.contact_acts import hand_over
from adapters.db.engine import Database
from adapters.db.messages import NewMessage, insert_message
from adapters.db.offers import accept_offer, heartbeat, set_presence
from adapters.packs import load_pack
from domain.contact import StepIntent, StepKind

LINE = "shop"
SECRET = "the shop's own secret, long enough to be one"
HOST = "http://host.test:8000"
"""The origin of a page on which the widget is allowed."""
ORIGIN = "http://testserver"
PACK = Path(__file__).parents[1] / "packs" / "ecommerce"

_numbers = itertools.count(1)


async def make_shop(database: Database) -> None:
    """The pack's company with its people and customers, open to pages of HOST."""
    async with database.transaction() as tx:
        await apply_pack(
            tx,
            LINE,
            load_pack(PACK),
            with_people=True,
            password_hash="no one signs in here",
            member_secret=SECRET,
            allowed_origins=[HOST],
        )


def token_of(member_id: str = "M9001", *, secret: str = SECRET, **claims: Any) -> str:
    """A member token as the host page signs it."""
    body = {"sub": member_id, "name": "何苗", "exp": int(time.time()) + 1800} | claims
    return jwt.encode({key: value for key, value in body.items() if value is not None}, secret, "HS256")


@dataclass
class Customer:
    """A customer's client of the public interface."""

    client: httpx.AsyncClient
    token: str = ""
    thread: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        return await self.client.post(f"/api/chat{path}", json=body or {}, headers=self.headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(f"/api/chat{path}", headers=self.headers, **options)

    async def begin(self, **wish: Any) -> dict[str, Any]:
        answer = await self.client.post(
            "/api/chat/session",
            json={"line": LINE} | wish,
            headers=self.headers if self.token else {},
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        self.token, self.thread = body["token"], body["thread"]
        return body

    async def say(self, text: str, client_id: str | None = None, **more: Any) -> dict[str, Any]:
        wish = {"client_id": client_id or f"m{next(_numbers)}", "text": text} | more
        answer = await self.post("/messages", wish)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def texts(self) -> list[str]:
        answer = await self.get("/messages?after=0&limit=500")
        assert answer.status_code == 200, answer.text
        return [message["body"] for message in answer.json()["messages"]]

    async def state(self, lang: str = "zh") -> dict[str, Any]:
        body: dict[str, Any] = (await self.get(f"/state?lang={lang}")).json()
        return body

    async def accept_notice(self) -> None:
        version = (await self.begin())["privacy"]["version"]
        assert (await self.post("/consent", {"version": version})).status_code == 204


async def bot_says(database: Database, contact_id: str, body: str, **more: Any) -> None:
    """What the bot's turn would have written; the customer's messages count as answered."""
    contact = UUID(contact_id)
    async with database.transaction() as tx:
        await tx.lock_case(contact)
        message_id, seq = await insert_message(
            tx, LINE, contact, NewMessage(author=more.pop("author", "bot"), body=body, **more)
        )
        await tx.run("update contacts set handled_seq = customer_seq where id = :id", id=contact)
        tx.event(LINE, contact, "message", "bot", {"message_id": message_id, "seq": seq})


async def agent_of(database: Database, login: str = "chenjia") -> UUID:
    async with database.reading() as tx:
        found: UUID = await tx.scalar("select id from users where login = :login", login=login)
        return found


async def hand_over_now(database: Database, contact_id: str) -> None:
    """What the workflow does when the bot steps back; queues are open at any hour a test is run at."""
    contact = UUID(contact_id)
    async with database.transaction() as tx:
        await tx.lock_routing(LINE)
        await tx.lock_case(contact)
        await tx.run("update queues set calendar_key = '' where line_id = :line", line=LINE)
        row = await tx.one("select * from contacts where id = :id", id=contact)
        intent = StepIntent(case_id=contact_id, step_no=1, kind=StepKind.HAND_OVER, seen_seq=1)
        await hand_over(tx, await line_config(tx, LINE), row, intent)


async def give_to_agent(database: Database, contact_id: str, login: str = "chenjia") -> UUID:
    """The bot hands over and this agent accepts; the agent's id."""
    contact, agent = UUID(contact_id), await agent_of(database, login)
    async with database.transaction() as tx:
        await heartbeat(tx, LINE, agent, fresh_seconds=90)
    async with database.transaction() as tx:
        await set_presence(tx, LINE, agent, "ready")
    await hand_over_now(database, contact_id)
    async with database.transaction() as tx:
        offer_id = await tx.scalar(
            "select id from offers where case_id = :id and state = 'pending' and agent_id = :agent",
            id=contact,
            agent=agent,
        )
        assert offer_id is not None, "the offer went to somebody else"
        await accept_offer(tx, LINE, offer_id, agent)
    return agent
