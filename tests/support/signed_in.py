"""A web application over a test database, and people who are signed in to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from adapters.db import accounts
from adapters.db.engine import Database
from adapters.settings import Environment, Settings
from web.app import create_app

HOST = "http://127.0.0.1:8080"


def app_of(database: Database, folder: Path, *, port: int = 8080) -> FastAPI:
    """The application; development mode makes a missing text an error."""
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        database_url=database.url,
        public_url=f"http://127.0.0.1:{port}",
        secret_key=SecretStr("k" * 40),
        data_dir=folder,
    )
    return create_app(settings, database=database)


@dataclass
class Person:
    """A browser that is signed in."""

    http: httpx.AsyncClient
    id: UUID
    csrf_token: str

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, **more)

    async def post(self, path: str, data: Any = None, **more: Any) -> httpx.Response:
        return await self.http.post(path, data=data, headers={"X-CSRF-Token": self.csrf_token}, **more)

    async def fragment(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers={"HX-Request": "true"})


@asynccontextmanager
async def person(
    app: FastAPI, database: Database, user_id: UUID, *, language: str = "en"
) -> AsyncIterator[Person]:
    """Somebody with a cookie."""
    async with database.transaction() as tx:
        made = await accounts.sign_in(tx, user_id)
        await accounts.set_preferences(tx, user_id, language=language)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=HOST, cookies={"hf_session": made.token}
    ) as http:
        yield Person(http, user_id, made.csrf_token)


@asynccontextmanager
async def program(app: FastAPI, database: Database, user_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a bearer token."""
    async with database.transaction() as tx:
        made = await accounts.sign_in(tx, user_id)
        await accounts.set_preferences(tx, user_id, language="en")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=HOST,
        headers={"Authorization": f"Bearer {made.token}", "Accept-Language": "en"},
    ) as http:
        yield http


async def give_role(database: Database, user_id: UUID, *roles: str, line_id: str = "shop") -> None:
    """More roles for a user that the test's line made."""
    async with database.transaction() as tx:
        for role in roles:
            await tx.run(
                "insert into user_roles values (:id, :line, :role) on conflict do nothing",
                id=user_id,
                line=line_id,
                role=role,
            )
