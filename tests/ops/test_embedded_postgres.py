"""The embedded database: not as root, nobody else's permissions touched, back after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from ops.embedded import child, ports, postgres
from ops.embedded.postgres import APPLICATION_ROLE, DATABASE, Passwords, PostgresCluster, RunAs
from ops.messages import OperatorError, Text

PASSWORDS = Passwords(superuser="super-secret", application="application-secret")


@contextmanager
def serving(cluster: PostgresCluster) -> Iterator[psutil.Process]:
    """The cluster's server, until the block ends."""
    process = subprocess.Popen(
        cluster.command(), cwd=cluster.folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        until_ready(cluster, process)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)


def until_ready(cluster: PostgresCluster, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not cluster.is_ready():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def query(url: str, statement: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchone()


def marks(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode, found.st_uid, found.st_gid


def test_runs_as_somebody_else_and_touches_no_permissions(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folders = [closed, *closed.parents]
    before = {folder: marks(folder) for folder in folders}
    cluster = PostgresCluster(closed / "postgres", ports.choose(None), Passwords("a", "b"), throw_away=True)
    assert cluster.initialise()
    assert not cluster.initialise()
    with serving(cluster) as process:
        assert process.name() == "postgres"
        cluster.ensure_database()
        cluster.ensure_database()
        assert query(cluster.url, "select current_user, current_database()") == (APPLICATION_ROLE, DATABASE)
    assert {folder: marks(folder) for folder in folders} == before
    inside = [cluster.folder, *cluster.files.rglob("*")]
    assert {path.lstat().st_uid for path in inside} == {os.geteuid()}
    assert all(path.lstat().st_mode & 0o077 == 0 for path in inside)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> PostgresCluster:
    made = PostgresCluster(tmp_path_factory.mktemp("pg"), ports.choose(None), PASSWORDS, throw_away=True)
    made.initialise()
    return made


def test_the_application_is_no_superuser_and_its_settings_hold(cluster: PostgresCluster) -> None:
    with serving(cluster):
        cluster.ensure_database()
        assert query(
            cluster.url, "select rolsuper, rolcreaterole from pg_roles where rolname = current_user"
        ) == (*(False, False),)
        shown = {
            name: query(cluster.url, f"show {name}")
            for name in ("idle_in_transaction_session_timeout", "jit", "timezone", "listen_addresses")
        }
        assert shown == {
            "idle_in_transaction_session_timeout": ("5s",),
            "jit": ("off",),
            "timezone": ("UTC",),
            "listen_addresses": ("127.0.0.1",),
        }
        assert query(cluster.url, "select 1 from pg_extension where extname = 'vector'") == (1,)
        with pytest.raises(psycopg.OperationalError, match="password"):
            query(cluster.url.replace(PASSWORDS.application, "guess"), "select 1")


def test_the_real_one_gives_up_no_durability(tmp_path: Path) -> None:
    line = PostgresCluster(tmp_path, 1, PASSWORDS).command()
    assert "synchronous_commit=on" in line
    assert not any(option.startswith(("fsync=", "full_page_writes=")) for option in line)
    assert not any(PASSWORDS.superuser in part or PASSWORDS.application in part for part in line)


def test_starts_again_after_a_kill_with_a_strangers_number_in_its_file(cluster: PostgresCluster) -> None:
    with serving(cluster):
        pass
    (cluster.files / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.files}\n")
    assert not cluster.initialise()
    with serving(cluster):
        assert cluster.is_ready()


def test_ends_what_a_killed_supervisor_left(cluster: PostgresCluster) -> None:
    left = subprocess.Popen(
        cluster.command(), cwd=cluster.folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    until_ready(cluster, left)
    cluster.initialise()
    assert left.wait(10) == 0
    with serving(cluster):
        assert cluster.is_ready()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help exists on Linux only")
def test_ends_cleanly_when_its_supervisor_is_killed(cluster: PostgresCluster, tmp_path: Path) -> None:
    program = (
        "import json, subprocess, sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.ops.test_embedded_postgres import *\n"
        f"made = PostgresCluster(Path({str(cluster.folder)!r}), {cluster.port}, PASSWORDS, throw_away=True)\n"
        "server = subprocess.Popen(made.command(), cwd=made.folder)\n"
        "until_ready(made, server)\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with (tmp_path / "log").open("w") as log:
        parent = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([server, *server.children()], timeout=5)
    assert not alive
    assert not (cluster.files / "postmaster.pid").exists()
    assert "database system is shut down" in (tmp_path / "log").read_text()


def test_files_of_another_version_are_refused(tmp_path: Path) -> None:
    made = PostgresCluster(tmp_path, 1, PASSWORDS, throw_away=True)
    made.files.mkdir()
    (made.files / "PG_VERSION").write_text("9\n")
    with pytest.raises(OperatorError) as raised:
        made.initialise()
    assert raised.value.text is Text.DATABASE_OTHER_VERSION


def test_a_half_made_database_is_made_anew(tmp_path: Path) -> None:
    made = PostgresCluster(tmp_path, ports.choose(None), PASSWORDS, throw_away=True)
    (tmp_path / "cluster.new" / "base").mkdir(parents=True)
    assert made.initialise()
    with serving(made):
        assert made.is_ready()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cluster"]


def test_a_missing_server_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(OperatorError) as raised:
        postgres.find_installation()
    assert raised.value.text is Text.PROGRAM_MISSING
    assert "make setup" in str(raised.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("reachable", [True, False])
def test_where_namespaces_are_barred_it_lives_in_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, *, reachable: bool
) -> None:
    base = Path(tempfile.mkdtemp(prefix="holdfast-own-"))
    base.chmod(0o755)
    wanted = base / "closed"
    wanted.mkdir(mode=0o700)
    installation = postgres.find_installation()
    if not reachable:  # as in a home folder of root: the other account cannot run what is in there
        package = installation.parent
        shutil.copytree(installation, wanted / package.name / installation.name, symlinks=True)
        libraries = f"{package.name}.libs"
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, wanted / libraries, symlinks=True)
        installation = wanted / package.name / installation.name
    monkeypatch.setattr(postgres, "_OWN_ROOT", base / "own")
    monkeypatch.setattr(postgres, "find_installation", lambda: installation)
    monkeypatch.setattr(postgres, "choose_run_as", lambda _: RunAs(real_user=postgres._ordinary_user()))
    try:
        made = PostgresCluster(wanted / "data", ports.choose(None), PASSWORDS, throw_away=True)
        assert made.initialise()
        with serving(made) as process:
            made.ensure_database()
            assert process.uids().real == postgres._ordinary_user()[0]
            assert query(made.url, "select 1") == (1,)
        assert (base / "own") in made.files.parents
        assert marks(wanted)[0] & 0o777 == 0o700
        assert not (wanted / "data").exists()
    finally:
        shutil.rmtree(base)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become another user")
def test_root_prefers_the_namespace_and_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    installation = postgres.find_installation()
    assert postgres.choose_run_as(installation).real_user is None
    real = postgres._run

    def barred(run_as: RunAs, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        if run_as.namespace_user is not None:
            return subprocess.CompletedProcess(command, child.CANNOT_BECOME_USER, "", "cannot change user")
        return real(run_as, command, folder)

    monkeypatch.setattr(postgres, "_run", barred)
    assert postgres.choose_run_as(installation).namespace_user is None
    monkeypatch.setattr(
        postgres,
        "_run",
        lambda *_: subprocess.CompletedProcess([], child.CANNOT_BECOME_USER, "", "not permitted"),
    )
    with pytest.raises(OperatorError, match="not permitted"):
        postgres.choose_run_as(installation)
