"""The web application over a database of the test's own file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from adapters.db import accounts
from adapters.db.engine import Database
from adapters.passwords import hash_password
from adapters.settings import Environment, Settings
from domain.roles import Role
from web.app import create_app

PASSWORD = "correct horse battery"
ORIGIN = "http://testserver"


@dataclass
class Browser:
    """An HTTP client with a cookie jar, which sends the token of its sign-in."""

    client: httpx.AsyncClient
    csrf_token: str = ""

    async def get(self, path: str, **options: object) -> httpx.Response:
        return await self.client.get(path, **options)  # type: ignore[arg-type] # passed on as they are

    async def post(self, path: str, data: dict[str, str] | None = None, **options: object) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf_token, "Origin": ORIGIN} | dict(options.pop("headers", {}))  # type: ignore[call-overload] # a plain dict
        return await self.client.post(path, data=data, headers=headers, **options)  # type: ignore[arg-type] # passed on

    async def sign_in(self, login: str, password: str = PASSWORD) -> httpx.Response:
        answer = await self.client.post("/signin", data={"login": login, "password": password})
        if answer.status_code == 303:
            self.csrf_token = (await self.client.get("/api/v1/me")).json()["csrf_token"]
        return answer


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    made = Database(module_database_url, pool_size=5)
    async with made.transaction() as tx:
        for line in ("shop", "bank"):
            await tx.run(
                "insert into business_lines (id, name_zh, name_en, member_secret) values (:id, :id, :id, 's')",
                id=line,
            )
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def users(database: Database) -> dict[str, UUID]:
    """chen: agent; wang: supervisor; admin: administrator; all of the shop. banker: agent of the bank."""
    password_hash = await hash_password(PASSWORD)
    made: dict[str, UUID] = {}
    async with database.transaction() as tx:
        for login, line, role in (
            ("chen", "shop", Role.AGENT),
            ("wang", "shop", Role.SUPERVISOR),
            ("admin", "shop", Role.ADMINISTRATOR),
            ("banker", "bank", Role.AGENT),
        ):
            user = await accounts.add_user(
                tx, login=login, name=login.title(), password_hash=password_hash, line_id=line, roles=[role]
            )
            made[login] = user.id
    return made


@pytest.fixture(scope="module")
def settings(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("data")
    return Settings(
        database_url=module_database_url,
        environment=Environment.DEVELOPMENT,
        public_url=ORIGIN,
        data_dir=folder,
    )


@pytest.fixture(scope="module")
async def app(settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    made = create_app(settings, database=database)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
    """Somebody who is not signed in."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"Accept": "text/html,*/*"}
    ) as client:
        yield Browser(client)
