"""A line on a real PostgreSQL, with enough connections for people to act at the same instant."""

from collections.abc import AsyncIterator

import pytest

from adapters.db.engine import Database
from tests.support.line import Line, open_line

CONNECTIONS = 16


@pytest.fixture
async def line(fresh_database_url: str) -> AsyncIterator[Line]:
    database = Database(fresh_database_url, pool_size=CONNECTIONS, application="holdfast-test")
    yield await open_line(database)
    await database.close()
