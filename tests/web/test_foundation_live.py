"""The live stream: who hears what, resuming, slow screens, losing access."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from fastapi.sse import ServerSentEvent

from adapters.db import accounts
from adapters.db.bus import Whisper, whisper
from adapters.db.engine import Database
from adapters.ids import new_id
from api.access import Viewer
from domain.roles import Role
from web import live
from web.live import LiveHub, resume_id


@dataclass
class Case:
    id: UUID
    customer_id: UUID
    identity_id: UUID


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[LiveHub]:
    made = LiveHub(database)
    async with made.running():
        yield made


async def new_case(database: Database, line: str = "shop") -> Case:
    made = Case(new_id(), new_id(), new_id())
    values = {"id": made.id, "customer": made.customer_id, "identity": made.identity_id, "line": line}
    async with database.transaction() as tx:
        await tx.run(
            "insert into customers (id, line_id) values (:customer, :line)",
            **_only(values, "customer", "line"),
        )
        await tx.run(
            """insert into identities (id, line_id, channel, external_id, customer_id)
               values (:identity, :line, 'visitor', :external, :customer)""",
            **_only(values, "identity", "line", "customer"),
            external=str(made.identity_id),
        )
        await tx.run(
            "insert into cases (id, line_id, kind) values (:id, :line, 'contact')",
            **_only(values, "id", "line"),
        )
        await tx.run(
            "insert into contacts (id, line_id, customer_id, identity_id) values (:id, :line, :customer, :identity)",
            **values,
        )
    return made


def _only(values: dict[str, object], *names: str) -> dict[str, object]:
    return {name: values[name] for name in names}


async def happen(database: Database, case: Case, kind: str, line: str = "shop") -> None:
    async with database.transaction() as tx:
        await tx.lock_case(case.id)
        tx.event(line, case.id, kind, "system", {})


class Screen:
    """Reads a stream in the background."""

    def __init__(self, stream: AsyncIterator[ServerSentEvent]) -> None:
        self._stream = stream
        self.seen: list[ServerSentEvent] = []
        self.ended = False

    async def read(self) -> None:
        async with aclosing(self._stream) as stream:  # type: ignore[type-var] # it is a generator
            async for event in stream:
                self.seen.append(event)
        self.ended = True

    @property
    def kinds(self) -> list[str]:
        return [event.data["kind"] for event in self.seen if event.event is None]

    @property
    def names(self) -> list[str]:
        return [event.event for event in self.seen if event.event]

    async def until(self, kind: str) -> None:
        async with asyncio.timeout(10):
            while kind not in self.kinds and kind not in self.names:  # noqa: ASYNC110 - the stream is read elsewhere
                await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(*streams: AsyncIterator[ServerSentEvent]) -> AsyncIterator[list[Screen]]:
    screens = [Screen(stream) for stream in streams]
    tasks = [asyncio.create_task(screen.read()) for screen in screens]
    for screen in screens:
        await screen.until("hello")
    yield screens
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def agent(line: str = "shop") -> Viewer:
    return Viewer.user(uuid4(), line, frozenset({Role.AGENT}))


async def test_everybody_hears_only_what_they_may(hub: LiveHub, database: Database) -> None:
    case, other = await new_case(database), await new_case(database)
    customer = Viewer.customer(case.customer_id, "shop", case.identity_id)
    async with watching(hub.stream(agent()), hub.stream(agent("bank")), hub.stream(customer)) as screens:
        for kind in ("message", "note_added", "offer_made"):
            await happen(database, case, kind)
        await happen(database, other, "message")
        await happen(database, case, "closed")
        await screens[0].until("closed")
        await screens[2].until("closed")
    assert screens[0].kinds == ["message", "note_added", "offer_made", "message", "closed"]
    assert screens[1].kinds == []
    assert screens[2].kinds == ["message", "closed"]


async def test_a_customer_learns_nothing_of_who_decided_and_why(hub: LiveHub, database: Database) -> None:
    case = await new_case(database)
    customer = Viewer.customer(case.customer_id, "shop", case.identity_id)
    async with watching(hub.stream(agent()), hub.stream(customer)) as screens:
        async with database.transaction() as tx:
            await tx.lock_case(case.id)
            tx.event(
                "shop", case.id, "offer_accepted", "user:42", {"seq": 1, "why": {"passed_over": ["wang"]}}
            )
        for screen in screens:
            await screen.until("offer_accepted")
    inside, outside = (str(screen.seen[-1].data) for screen in screens)
    assert "wang" in inside
    assert "user:42" in inside
    assert "wang" not in outside
    assert "user:" not in outside
    async with watching(hub.stream(customer, after=int(screens[0].seen[-1].id or 0) - 1)) as [later]:
        await later.until("offer_accepted")
    assert "wang" not in str(later.seen)


async def test_a_screen_that_comes_back_gets_what_it_missed_once(hub: LiveHub, database: Database) -> None:
    case = await new_case(database)
    viewer = agent()
    async with watching(hub.stream(viewer)) as [first]:
        await happen(database, case, "one")
        await first.until("one")
        last = int(first.seen[-1].id or 0)
    await happen(database, case, "two")
    await happen(database, case, "three")
    async with watching(hub.stream(viewer, after=last)) as [second]:
        await happen(database, case, "four")
        await second.until("four")
    assert second.kinds == ["two", "three", "four"]


async def test_what_was_missed_is_judged_by_what_one_may_now(hub: LiveHub, database: Database) -> None:
    case = await new_case(database)
    async with watching(hub.stream(agent())) as [screen]:
        start = screen.seen[0].data["last_id"]
        await happen(database, case, "secret")
        await screen.until("secret")
    async with watching(hub.stream(agent("bank"), after=start)) as [other]:
        await happen(database, case, "more")
        await asyncio.sleep(0.1)
    assert other.kinds == []


@pytest.mark.parametrize("after", [0, 10**15])
async def test_too_much_missed_means_fetch_everything(
    hub: LiveHub, database: Database, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RESUME_LENGTH", 1)
    case = await new_case(database)
    for _ in range(3):
        await happen(database, case, "tick")
    async with watching(hub.stream(agent())) as [probe]:
        await happen(database, case, "seen")
        await probe.until("seen")
    async with watching(hub.stream(agent(), after=after)) as [screen]:
        await screen.until("resync")
        await happen(database, case, "next")
        await screen.until("next")
    assert screen.kinds == ["next"]


async def test_a_slow_screen_is_told_to_fetch_everything(
    hub: LiveHub, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUEUE_LENGTH", 5)
    case = await new_case(database)
    stream = hub.stream(agent())
    async with aclosing(stream) as slow:  # type: ignore[type-var] # it is a generator
        assert (await anext(slow)).event == "hello"
        async with watching(hub.stream(agent())) as [quick]:
            for number in range(9):
                await happen(database, case, f"tick{number}")
            await quick.until("tick8")
        first = await anext(slow)
        assert first.event == "resync"
        rest = [(await anext(slow)).data["kind"] for _ in range(3)]
    assert rest == ["tick6", "tick7", "tick8"]
    assert quick.kinds == [f"tick{number}" for number in range(9)]


async def test_whoever_loses_access_hears_nothing_more(
    hub: LiveHub, database: Database, users: dict[str, UUID]
) -> None:
    case = await new_case(database)
    chen = users["chen"]

    async def refresh() -> Viewer | None:
        async with database.reading() as tx:
            user = await accounts.get_user(tx, chen)
        roles = user.roles.get("shop", frozenset())
        return None if user.disabled_at else Viewer.user(chen, "shop", roles)

    viewer = Viewer.user(chen, "shop", frozenset({Role.AGENT}))
    async with watching(hub.stream(viewer, refresh=refresh), hub.stream(agent())) as [screen, colleague]:
        await happen(database, case, "before")
        await screen.until("before")
        async with database.transaction() as tx:
            await accounts.set_roles(tx, chen, "shop", [Role.ADMINISTRATOR], actor="system")
        await happen(database, case, "hidden")
        async with database.transaction() as tx:
            await accounts.set_roles(tx, chen, "shop", [Role.AGENT], actor="system")
        await happen(database, case, "again")
        await screen.until("again")
        assert "hidden" not in screen.kinds
        async with database.transaction() as tx:
            await accounts.disable_user(tx, chen, actor="system")
        await happen(database, case, "after")
        await colleague.until("after")
        await screen.until("signed_out")
    assert screen.kinds[-1] != "after"
    assert "hidden" in colleague.kinds
    async with database.transaction() as tx:
        await accounts.enable_user(tx, chen, actor="system")


async def test_whispers_reach_those_who_see_the_contact(hub: LiveHub, database: Database) -> None:
    case = await new_case(database)
    customer = Viewer.customer(case.customer_id, "shop", case.identity_id)
    async with watching(hub.stream(agent()), hub.stream(agent("bank")), hub.stream(customer)) as screens:
        async with database.transaction() as tx:
            await whisper(tx, Whisper("shop", "looking", "user:1", case.id))
            await whisper(tx, Whisper("shop", "typing", "user:1", case.id))
        await happen(database, case, "message")
        for screen in (screens[0], screens[2]):
            await screen.until("message")
    heard = [[event.data["kind"] for event in screen.seen if event.event == "whisper"] for screen in screens]
    assert heard == [["looking", "typing"], [], ["typing"]]


@pytest.mark.parametrize(
    ("header", "after", "expected"),
    [
        ("12", None, 12),
        ("12", 5, 12),
        (None, 5, 5),
        ("x", 5, 5),
        ("9" * 30, None, None),
        (None, -1, None),
        (None, 2**70, None),
    ],
)
def test_where_a_stream_resumes(header: str | None, after: int | None, expected: int | None) -> None:
    assert resume_id(header, after) == expected
