"""Whatever is sent to the API, it answers without failing: generated from its own description."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import schemathesis
import schemathesis.specs.openapi.schemas  # here, not lazily amid the run: parsing deep in a stack upsets CPython 3.11
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings

from adapters.db.engine import Database
from tests.support.line import open_line
from tests.support.signed_in import HOST, app_of, give_role, program

EXAMPLES = 6


@pytest.fixture(scope="module")
async def caller(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    database = Database(module_database_url, pool_size=3)
    line = await open_line(database)
    anna = await line.agent("anna", presence=None)
    await give_role(database, anna, "supervisor", "administrator")
    await line.say(await line.customer(), "你好")
    app = app_of(database, tmp_path_factory.mktemp("data"))
    async with program(app, database, anna) as http:
        yield app, http
    await database.close()


def generated(operation: Any) -> list[schemathesis.Case]:
    """Requests that fit the description, and the same ones at every run."""
    cases: list[schemathesis.Case] = []

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def collect(case: schemathesis.Case) -> None:
        cases.append(case)

    collect()
    return cases


async def test_no_answer_is_a_failure_of_ours(caller: tuple[FastAPI, httpx.AsyncClient]) -> None:
    app, http = caller
    schema = schemathesis.openapi.from_dict(app.openapi())
    asked: list[tuple[str, str, int]] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if not operation.path.startswith("/api/v1/") or operation.path.endswith(("sign-in", "sign-out")):
            continue
        cases = generated(operation)
        for case in cases:
            sent = case.as_transport_kwargs(base_url=HOST)
            sent["headers"] = {
                name: value
                for name, value in (sent.get("headers") or {}).items()
                if name.lower() not in ("authorization", "cookie") and value.isascii() and value.isprintable()
            }
            sent.pop("cookies", None)
            answer = await http.request(**sent)
            asked.append((operation.method.upper(), operation.path, answer.status_code))
    failures = [each for each in asked if each[2] >= 500]
    assert not failures
    assert len({path for _, path, _ in asked}) >= 20
    assert any(status < 300 for *_, status in asked)
