"""Fixtures of the chat's tests; a test file takes them by importing the names."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.db.engine import Database
from adapters.settings import Environment, Settings
from tests.chat_support import ORIGIN, Customer, make_shop
from web.app import create_app

__all__ = ["app", "client", "customer", "database", "new_customer", "settings"]


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    made = Database(module_database_url, pool_size=8)
    await make_shop(made)
    yield made
    await made.close()


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
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    app.state.__dict__.get("_state", {}).pop("limiter", None)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"Accept-Language": "zh"}
    ) as made:
        yield made


@pytest.fixture
def new_customer(client: httpx.AsyncClient) -> Callable[[], Customer]:
    return lambda: Customer(client)


@pytest.fixture
async def customer(client: httpx.AsyncClient) -> Customer:
    made = Customer(client)
    await made.begin()
    return made
