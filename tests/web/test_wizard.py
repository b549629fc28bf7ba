"""The first run: from an empty database to a desk that works, by one person, through a door that shuts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.db.config import line_config
from adapters.db.engine import Database
from tests.support.line import Line
from tests.support.signed_in import HOST, app_of


@dataclass
class Browser:
    http: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, data: dict[str, str] | None = None, **more: object) -> httpx.Response:
        headers = {}
        if "hf_session" in self.http.cookies:
            me = (await self.http.get("/api/v1/me")).json()
            headers["X-CSRF-Token"] = me["csrf_token"]
        return await self.http.post(path, data=data, headers=headers, **more)  # type: ignore[arg-type] # files

    async def signed_in(self) -> bool:
        return "hf_session" in self.http.cookies


@pytest.fixture
async def empty(fresh_database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Database, FastAPI]]:
    database = Database(fresh_database_url, pool_size=3)
    yield database, app_of(database, tmp_path)
    await database.close()


def browser_of(app: FastAPI) -> Browser:
    return Browser(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST))


OWNER = {"name": "Lin", "login": "lin", "password": "paper-lantern-9", "serves": "true"}


async def open_shop(browser: Browser) -> None:
    assert (await browser.get("/")).headers["location"] == "/setup"
    assert (await browser.get("/setup")).headers["location"] == "/setup/language"
    wrong = await browser.post("/setup/shop", {"name": "", "time_zone": "Nowhere/At_All"})
    assert wrong.status_code == 422
    made = await browser.post("/setup/shop", {"name": "小城书店", "time_zone": "Asia/Shanghai"})
    assert made.headers["location"] == "/setup/account"
    assert (await browser.get("/setup")).headers["location"] == "/setup/account"
    owner = await browser.post("/setup/account", OWNER)
    assert owner.headers["location"] == "/setup/hours"


async def test_one_person_reaches_a_working_desk(empty: tuple[Database, FastAPI]) -> None:
    database, app = empty
    browser = browser_of(app)
    await open_shop(browser)
    hours = await browser.post("/setup/hours", {"preset": "own", "monday": "nonsense"})
    assert hours.status_code == 422
    assert (await browser.post("/setup/hours", {"preset": "always"})).headers["location"] == "/setup/people"
    assert (await browser.get("/setup")).headers["location"] == "/setup/people"  # resumes
    assert (await browser.post("/setup/people/done")).headers["location"] == "/setup/knowledge"
    sheet = "标题,内容\n多久发货,付款后 24 小时内发货。\n坏的,\n".encode()
    shown = await browser.post(
        "/setup/knowledge/preview", files={"sheet": ("a.csv", BytesIO(sheet), "text/csv")}
    )
    staged = shown.text.split('name="staged" value="')[1].split('"')[0]
    imported = await browser.post("/setup/knowledge/import", {"staged": staged})
    assert imported.headers["location"] == "/setup/widget"
    assert "widget.js" in (await browser.get("/setup/widget")).text
    assert (await browser.post("/setup/widget", {"origins": "no address!"})).status_code == 422
    assert (await browser.post("/setup/widget", {"origins": ""})).headers["location"] == "/setup/test"
    assert (await browser.get("/setup/test")).status_code == 200
    assert (await browser.post("/setup/test")).headers["location"] == "/desk"
    async with database.reading() as tx:
        queue = await tx.one("select acceptance, calendar_key from queues")
        config = await line_config(tx, "shop")
        articles = await tx.scalar("select count(*) from articles where status = 'published'")
        qualified = await tx.scalar("select count(*) from queue_members")
    assert queue.acceptance == "automatic"
    assert config.name["zh"] == "小城书店"
    assert set(config.plans) == {"zh", "en"}
    assert (articles, qualified) == (1, 1)
    # The shop serves: a customer's message is taken, the owner becomes ready.
    line = Line(database)
    received = await line.say(await line.customer(), "你好")
    assert received.seq == 1
    ready = await browser.http.put(
        "/api/v1/presence",
        json={"presence": "ready"},
        headers={"X-CSRF-Token": (await browser.get("/api/v1/me")).json()["csrf_token"]},
    )
    assert ready.json()["presence"] == "ready"
    assert (await browser.get("/setup")).headers["location"] == "/desk"
    assert (await browser.get("/setup/hours")).status_code == 404
    await browser.http.aclose()


async def test_several_people_are_offered_work(empty: tuple[Database, FastAPI]) -> None:
    database, app = empty
    browser = browser_of(app)
    await open_shop(browser)
    await browser.post("/setup/hours", {"preset": "weekdays", "china": "true"})
    colleague = {"name": "Zhou", "login": "zhou", "password": "quiet-harbour-3"}
    assert (await browser.post("/setup/people", colleague)).status_code == 422  # serves nothing
    assert (await browser.post("/setup/people", colleague | {"skills": "refunds"})).status_code == 303
    assert (
        await browser.post("/setup/people", colleague | {"everything": "true"})
    ).status_code == 422  # known
    await browser.post("/setup/people/done")
    assert (await browser.post("/setup/knowledge", {"choice": "pack"})).status_code == 303
    await browser.post("/setup/widget", {"origins": "shop.example"})
    await browser.post("/setup/test")
    async with database.reading() as tx:
        assert await tx.scalar("select acceptance from queues") == "offer"
        assert await tx.scalar("select count(*) from articles") > 80
        skills = await tx.all(
            "select skill from agent_skills s join users u on u.id = s.agent_id where u.login = 'zhou'"
        )
        office = (await line_config(tx, "shop")).calendars["hours"]
    assert {row.skill for row in skills} == {"refunds", "zh", "en"}
    assert office.published_years is not None
    await browser.http.aclose()


async def test_the_door_shuts_with_the_first_administrator(empty: tuple[Database, FastAPI]) -> None:
    _, app = empty
    owner, stranger = browser_of(app), browser_of(app)
    await open_shop(owner)
    assert (await stranger.get("/")).headers["location"] == "/desk"
    for path in ("/setup/language", "/setup/shop", "/setup/account"):
        assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post("/setup/shop", {"name": "Mine", "time_zone": "UTC"})).status_code == 404
    taken = await stranger.post("/setup/account", OWNER | {"login": "thief"})
    assert taken.status_code == 404
    assert not await stranger.signed_in()
    for path in ("/setup/hours", "/setup/people", "/setup/test"):
        assert (await stranger.get(path)).status_code in (303, 401)
    await owner.http.aclose()
    await stranger.http.aclose()
