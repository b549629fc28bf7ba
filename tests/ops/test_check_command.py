"""`holdfast check` at a terminal: what it prints, and its status."""

import asyncio
import json
import sys

import psycopg
import pytest

from adapters.db.engine import Database
from adapters.settings import get_settings
from adapters.temporal import connect
from ops import cli
from tests.support.dev_server import dev_server, settings_for
from tests.support.line import open_line
from workflows.dispatcher import adopt


@pytest.fixture
def environment(fresh_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef" * 2)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")
    return fresh_database_url


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The command's status."""
    monkeypatch.setattr(sys, "argv", ["holdfast", "check", *words])
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


async def _adopted(database_url: str, address: str) -> None:
    database = Database(database_url, pool_size=2)
    line = await open_line(database)
    await line.say(await line.customer(), "你好")
    await adopt(await connect(settings_for(database_url, address, "holdfast")), database, "holdfast")
    async with database.transaction() as tx:
        await tx.run("update cases set signalled_seq = fact_seq, folded_seq = fact_seq")
    await database.close()


async def test_sound_then_damaged(
    environment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with dev_server() as address:
        await _adopted(environment, address)
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        assert await asyncio.to_thread(run, monkeypatch, "--wait", "1") == 0
        assert "Everything holds." in capsys.readouterr().out
        assert await asyncio.to_thread(run, monkeypatch, "--json") == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"violations": []}
        with psycopg.connect(environment) as connection:
            connection.execute("update contacts set message_seq = 2")
        assert await asyncio.to_thread(run, monkeypatch, "--json") == 1
        (violation,) = json.loads(capsys.readouterr().out.splitlines()[-1])["violations"]
        assert (violation["invariant"], violation["detail"]) == ("I2", "message_gap 2 1")
        assert violation["subject"].startswith("contact:")
        monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
        assert await asyncio.to_thread(run, monkeypatch) == 1
        said = capsys.readouterr().out
        assert "应有 2 条消息，实有 1 条" in said
        assert "发现 1 处违例。" in said


def test_an_engine_that_is_away_is_a_violation(
    environment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert environment
    assert run(monkeypatch, "--json") == 1
    (violation,) = json.loads(capsys.readouterr().out.splitlines()[-1])["violations"]
    assert (violation["invariant"], violation["subject"]) == ("I7", "temporal")


def test_a_database_that_is_away_is_one_sentence(
    environment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", environment.rsplit("/", 1)[0] + "/no_such_database")
    assert run(monkeypatch) == 1
    assert "database cannot be reached" in capsys.readouterr().err
