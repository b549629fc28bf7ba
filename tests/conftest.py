"""What every test may ask for: databases of the real kind, cheaply.

One throw-away PostgreSQL serves the whole run, started by the process that owns the run (under xdist the
controller, so that it outlives every worker). One template database is migrated once; databases for tests
are copies of it.
"""

import fcntl
import itertools
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from adapters.settings import get_settings
from ops.embedded import ports
from ops.embedded.postgres import APPLICATION_ROLE, Passwords, PostgresCluster

_START_TIMEOUT_SECONDS = 60
_TEMPLATE = "template_migrated"
_SERVER = pytest.StashKey["RunningServer"]()


@dataclass
class RunningServer:
    """A throw-away server and the folder that goes with it."""

    cluster: PostgresCluster
    process: subprocess.Popen[bytes]
    folder: Path

    def stop(self) -> None:
        """End it and leave nothing behind."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class DatabaseServer:
    """What a process of the run needs to know about the server."""

    cluster_url: Callable[[str], str]
    admin_url: str
    lock_file: Path


def _start_server() -> RunningServer:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    cluster = PostgresCluster(folder, ports.choose(None), Passwords.generate(), throw_away=True)
    cluster.initialise()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            cluster.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cluster.folder
        )
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not cluster.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the test database did not start: {(folder / 'log').read_text()}")
        time.sleep(0.02)
    cluster.ensure_database()
    return RunningServer(cluster, process, folder)


def _server_of_run(config: pytest.Config) -> RunningServer:
    if config.stash.get(_SERVER, None) is None:
        config.stash[_SERVER] = _start_server()
    return config.stash[_SERVER]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell each xdist worker where the controller's server is, before the worker starts."""
    server = _server_of_run(node.config)  # type: ignore[attr-defined] # xdist's WorkerController has no public type
    node.workerinput["holdfast_server"] = {  # type: ignore[attr-defined] # the same
        "port": server.cluster.port,
        "superuser": server.cluster.passwords.superuser,
        "application": server.cluster.passwords.application,
        "folder": str(server.folder),
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    """The owner of the run ends its server."""
    if (server := config.stash.get(_SERVER, None)) is not None:
        server.stop()


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """The run's PostgreSQL, started at the first need."""
    told = getattr(request.config, "workerinput", {}).get("holdfast_server")
    if told is None:
        server = _server_of_run(request.config)
        cluster, folder = server.cluster, server.folder
    else:
        folder = Path(told["folder"])
        cluster = PostgresCluster(folder, told["port"], Passwords(told["superuser"], told["application"]))
    return DatabaseServer(
        cluster_url=cluster.url_of,
        admin_url=cluster.url_of("postgres", superuser=True),
        lock_file=folder / "template.lock",
    )


@pytest.fixture(scope="session")
def _template(database_server: DatabaseServer) -> str:
    """The name of the migrated template database, made by whichever process comes first."""
    with database_server.lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with psycopg.connect(database_server.admin_url, autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [_TEMPLATE]).fetchone() is None:
                unfinished = f"{_TEMPLATE}_{os.getpid()}"
                _create(connection, unfinished, None)
                _migrate(database_server.cluster_url(unfinished))
                rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(_TEMPLATE)))
    return _TEMPLATE


def _migrate(database_url: str) -> None:
    if find_spec("adapters.db.migrate") is not None:
        import_module("adapters.db.migrate").upgrade(database_url)


def _create(connection: "psycopg.Connection[tuple[object, ...]]", name: str, template: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
        sql.Identifier(name), sql.Identifier(APPLICATION_ROLE), sql.Identifier(template or "template1")
    )
    connection.execute(statement)


@contextmanager
def _database(server: DatabaseServer, template: str | None, name: str) -> Iterator[str]:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        _create(connection, name, template)
    yield server.cluster_url(name)
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


_numbers = itertools.count(1)


def _name(request: pytest.FixtureRequest) -> str:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return f"test_{worker}_{os.getpid()}_{next(_numbers)}_{secrets.token_hex(3)}"


@pytest.fixture(scope="session")
def database_url(
    request: pytest.FixtureRequest, database_server: DatabaseServer, _template: str
) -> Iterator[str]:
    """One migrated database for the whole run of this process; tests in it must not disturb each other."""
    with _database(database_server, _template, _name(request)) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(
    request: pytest.FixtureRequest, database_server: DatabaseServer, _template: str
) -> Iterator[str]:
    """A migrated database for one test file."""
    with _database(database_server, _template, _name(request)) as url:
        yield url


@pytest.fixture
def fresh_database_url(
    request: pytest.FixtureRequest, database_server: DatabaseServer, _template: str
) -> Iterator[str]:
    """A migrated database for one test alone."""
    with _database(database_server, _template, _name(request)) as url:
        yield url


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, database_server: DatabaseServer) -> Iterator[str]:
    """A database without tables, for tests of the migrations themselves."""
    with _database(database_server, None, _name(request)) as url:
        yield url


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of the machine that runs the tests do not reach them."""
    for name in list(os.environ):
        if name.startswith("HOLDFAST_") or name in {
            "DATABASE_URL",
            "TEMPORAL_ADDRESS",
            "SECRET_KEY",
            "PUBLIC_URL",
        }:
            monkeypatch.delenv(name)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
