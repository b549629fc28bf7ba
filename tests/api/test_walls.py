"""Every route against objects of another line, colleagues' contacts and forged clicks: generated from the app."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from adapters.db import accounts
from adapters.db.chat import open_session
from adapters.db.engine import Database
from api.deps import Rule
from tests.api.walls_world import BANK, CANARY, Bank, make_bank, prints
from tests.support.signed_in import HOST, app_of, give_role
from tests.web.desk_world import LINE, World, make_world
from web.rules import rules_of

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
STREAMS = ("/live", "/api/chat/events")
"""They never end; `test_foundation_live` tells who hears what."""
OBJECTS = re.compile(r"\{(contact|customer|article|task|offer|canned|attachment|user|agent|change)_id\}")
STAFF = frozenset(
    {Rule.SIGNED_IN, Rule.AGENT, Rule.SUPERVISOR, Rule.ADMINISTRATOR, Rule.EDITOR},
)
EVIL = "https://evil.test"

FORMS: dict[str, dict[str, str]] = {
    "reply": {"body": "x"},
    "note": {"body": "x"},
    "read": {"seq": "1"},
    "end": {"seen_seq": "9"},
    "wrap-up": {"category": "other"},
    "classification": {"intent": "refund"},
    "transfer": {"to": "queue:general"},
    "draft": {"kind": "reply", "body": "x"},
    "phone": {"reason": "callback"},
    "customers": {"field": "name", "version": "1", "value": "x"},
    "decline": {"reason": "busy"},
    "presence": {"presence": "ready"},
    "settle": {"outcome": "seen"},
    "password": {"password": "a very long new password"},
    "people": {"name": "x", "roles": "agent"},
    "assign": {"part": "queue", "key": "general"},
}
"""What a page would send, by a word of the address; more fields than a route knows do no harm."""
BODIES: dict[str, dict[str, Any]] = {
    "replies": {"body": "x"},
    "notes": {"body": "x"},
    "read": {"seq": 1},
    "end": {"seen_seq": 9},
    "wrap-up": {"category": "other", "solved": True},
    "transfer": {"to_queue": "general"},
    "assign": {},
    "classification": {"intent": "refund"},
    "decline": {"reason": "busy"},
    "customers": {"version": 1, "name": "x"},
    "articles": {"title": "x", "body": "x", "version": 1},
    "settle": {"outcome": "seen"},
}
QUERY = {
    "seq": "5",
    "event": "1",
    "part": "queue",
    "tab": "all",
    "order": "latest",
    "q": "zebra7261",
}


@dataclass(frozen=True)
class Route:
    """One method of one route."""

    method: str
    path: str
    rules: frozenset[Rule]

    def address(self, ids: dict[str, str]) -> str:
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: ids[found[1]], self.path)

    def content(self) -> dict[str, Any]:
        words = [word for word in self.path.split("/") if word and not word.startswith("{")]
        if self.method == "GET":
            return {"params": QUERY}
        table: dict[str, dict[str, Any]] = BODIES if self.path.startswith("/api/") else FORMS
        found = next((table[word] for word in reversed(words) if word in table), {})
        return {"json" if self.path.startswith("/api/") else "data": found}


def routes_of(app: FastAPI) -> list[Route]:
    return [
        Route(method, context.path, frozenset(rules_of(context)))
        for context in iter_route_contexts(app.routes)
        for method in sorted(getattr(context, "methods", None) or ())
        if method not in ("HEAD", "OPTIONS") and context.path
    ]


@dataclass(frozen=True)
class Place:
    database: Database
    app: FastAPI
    world: World
    bank: Bank
    routes: list[Route]

    def of_objects(self) -> Iterator[Route]:
        return (each for each in self.routes if OBJECTS.search(each.path))


@pytest.fixture(scope="module")
async def place(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    database = Database(module_database_url, pool_size=4)
    world = await make_world(database)
    await give_role(database, world.users["gaoyuan"], "agent", "supervisor", "administrator", line_id=LINE)
    bank = await make_bank(database)
    app = app_of(database, tmp_path_factory.mktemp("data"))
    async with app.router.lifespan_context(app):
        yield Place(database, app, world, bank, routes_of(app))
    await database.close()


@asynccontextmanager
async def client(place: Place, login: str | None = None, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser, signed in with its token in every request, or nobody."""
    transport = httpx.ASGITransport(place.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as http:
        http.headers["Accept"] = "text/html,*/*"
        if login is not None:
            async with place.database.transaction() as tx:
                made = await accounts.sign_in(tx, place.world.users[login])
            http.cookies.set("hf_session", made.token)
            http.headers["X-CSRF-Token"] = made.csrf_token
        yield http


async def ask(http: httpx.AsyncClient, route: Route, ids: dict[str, str], **headers: str) -> httpx.Response:
    place_of_click = {"X-Command-Id": str(uuid4())}
    return await http.request(
        route.method, route.address(ids), headers=place_of_click | headers, **route.content()
    )


def test_the_matrix_is_made_of_all_object_routes(place: Place) -> None:
    assert len(list(place.of_objects())) >= 55
    assert {kind for each in place.of_objects() for kind in OBJECTS.findall(each.path)} == {
        "contact", "customer", "article", "task", "offer", "canned", "attachment", "user", "agent", "change",
    }  # fmt: skip


@pytest.mark.parametrize("login", ["chenjia", "zhangwei", "gaoyuan"])
async def test_another_lines_objects_do_not_exist(place: Place, login: str) -> None:
    before = await prints(place.database, BANK)
    reached = []
    async with client(place, login) as http:
        for route in place.of_objects():
            answer = await ask(http, route, place.bank.ids)
            is_refusal = answer.status_code in (403, 404) or (
                # Somebody else's offer is refused as such, whichever line it is of.
                answer.status_code == 409 and "offer_id" in route.path
            )
            if not is_refusal or CANARY in answer.text:
                reached.append((route.method, route.path, answer.status_code))
    assert reached == []
    assert await prints(place.database, BANK) == before


@pytest.mark.parametrize("login", ["chenjia", "gaoyuan"])
async def test_no_page_or_list_shows_another_lines_content(place: Place, login: str) -> None:
    before = await prints(place.database, BANK)
    shown = []
    async with client(place, login) as http:
        for route in place.routes:
            if OBJECTS.search(route.path) or route.path in STREAMS or not route.rules & STAFF:
                continue
            if route.method != "GET" and "{" not in route.path:
                continue
            answer = await ask(http, route, place.bank.ids)
            if answer.status_code >= 500 or CANARY in answer.text:
                shown.append((route.method, route.path, answer.status_code))
    assert shown == []
    assert await prints(place.database, BANK) == before


async def test_strangers_and_customers_reach_nothing_of_the_staffs(place: Place) -> None:
    async with place.database.transaction() as tx:
        tokens = [await open_session(tx, line, "en") for line in (LINE, BANK)]
    reached = []
    for token in (None, *tokens):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with client(place, None, **headers) as http:
            for route in place.routes:
                if route.path in STREAMS or not (route.rules & STAFF or "attachment" in route.path):
                    continue
                answer = await ask(http, route, place.bank.ids)
                to_sign_in = answer.headers.get("location", "").startswith("/signin?next=")
                if not (answer.status_code in (401, 403, 404) or to_sign_in) or CANARY in answer.text:
                    reached.append((route.method, route.path, answer.status_code))
    assert reached == []


OPEN_TO_COLLEAGUES = {"looking", "draft", "phone", "read", "note", "notes"}
"""Reading along, one's own drafts, an internal note, and a number that is revealed on record."""


async def test_a_colleague_reads_along_and_moves_nothing(place: Place) -> None:
    """An agent of the line who does not own the contact; a customer of another conversation sees nothing."""
    contact = await place.world.talking("chenjia", "林晓峰")
    ids = place.bank.ids | {"contact_id": str(contact)}
    async with place.database.reading() as tx:
        before = await tx.one("select c.* from contacts c where id = :id", id=contact)
    moved = []
    async with client(place, "wangmin") as http:
        for route in place.of_objects():
            if "{contact_id}" not in route.path or route.method == "GET":
                continue
            answer = await ask(http, route, ids)
            if answer.status_code not in (403, 404, 409) and route.path.rpartition("/")[2] not in (
                OPEN_TO_COLLEAGUES
            ):
                moved.append((route.path, answer.status_code))
    assert moved == []
    async with place.database.reading() as tx:
        after = await tx.one("select c.* from contacts c where id = :id", id=contact)
        written = await tx.all(
            "select kind from messages where contact_id = :id and author = 'agent'", id=contact
        )
    assert (after.owner_id, after.stage, after.summary) == (before.owner_id, before.stage, before.summary)
    assert {row.kind for row in written} <= {"note"}


async def test_a_forged_click_is_refused_on_every_route(place: Place) -> None:
    """With a good cookie: no token, a wrong token, or a page of another origin changes nothing."""
    before = await prints(place.database, LINE)
    ids = {name: str(uuid4()) if name.endswith("_id") else value for name, value in place.bank.ids.items()}
    passed = []
    async with client(place, "gaoyuan") as http:
        token = http.headers.pop("X-CSRF-Token")
        forged: tuple[dict[str, str], ...] = (
            {},
            {"X-CSRF-Token": "guessed"},
            {"X-CSRF-Token": token, "Origin": EVIL},
            {"X-CSRF-Token": token, "Origin": "null"},
            {"X-CSRF-Token": token, "Sec-Fetch-Site": "cross-site"},
        )
        for route in place.routes:
            if route.method not in UNSAFE or Rule.CUSTOMER in route.rules:
                continue  # the chat knows no cookie: without its bearer nobody is known
            for headers in forged:
                if Rule.PUBLIC in route.rules and "Origin" not in headers and "Sec-Fetch-Site" not in headers:
                    continue
                answer = await ask(http, route, ids, **headers)
                if answer.status_code != 403:
                    passed.append((route.method, route.path, headers, answer.status_code))
    assert passed == []
    assert await prints(place.database, LINE) == before


async def test_a_line_does_not_take_over_somebody_who_works_in_another_too(place: Place) -> None:
    both = place.world.users["sunlei"]
    await give_role(place.database, both, "administrator", line_id=BANK)
    async with place.database.reading() as tx:
        before = await tx.scalar("select password_hash from users where id = :id", id=both)
    async with client(place, "gaoyuan") as http:
        taken = await http.post(
            f"/admin/people/{both}/password", data={"password": "a very long new password"}
        )
        blocked = await http.post(
            f"/admin/people/{both}", data={"name": "x", "roles": "agent", "disabled": "true"}
        )
    assert (taken.status_code, blocked.status_code) == (403, 403)
    async with place.database.reading() as tx:
        row = await tx.one("select password_hash, disabled_at from users where id = :id", id=both)
    assert (row.password_hash, row.disabled_at) == (before, None)


async def test_acts_inside_the_line_take_nobody_of_another_line(place: Place) -> None:
    """A foreign agent as a target, a foreign queue, a foreign file: each is unknown here."""
    contact = await place.world.talking("chenjia", "外线")
    teller = place.bank.ids["agent_id"]
    async with client(place, "chenjia") as chen, client(place, "zhangwei") as boss:
        click: dict[str, Any] = {"headers": {"X-Command-Id": str(uuid4())}}
        answers = [
            await chen.post(f"/desk/c/{contact}/transfer", data={"to": f"agent:{teller}"}, **click),
            await chen.post(f"/desk/c/{contact}/transfer", data={"to": "queue:vault"}, **click),
            await chen.post(
                f"/desk/c/{contact}/reply",
                data={"body": "x", "files": place.bank.ids["attachment_id"]},
                headers={"X-Command-Id": str(uuid4())},
            ),
            await boss.post(
                f"/desk/c/{contact}/assign", data={"to": teller}, headers={"X-Command-Id": str(uuid4())}
            ),
            await chen.post("/me/line", data={"line": BANK}),
        ]
    assert all(answer.status_code in (403, 404, 409, 422) for answer in answers), answers
    async with place.database.reading() as tx:
        row = await tx.one("select owner_id, stage from contacts where id = :id", id=UUID(str(contact)))
    assert (row.owner_id, row.stage) == (place.world.users["chenjia"], "talking")
