"""The data folder: who may use it, what version it has, and what must be the same at the next start."""

import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ops.embedded.postgres import Passwords
from ops.messages import OperatorError, Text

FORMAT = 1
"""Raised when an older Holdfast could no longer use the folder."""

FREE_MEGABYTES_NEEDED = 300

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Secrets:
    """What is generated once and never shown."""

    secret_key: str
    business_system_token: str
    member_secret: str
    """The demonstration shop signs its members' tokens with it."""
    superuser_password: str
    application_password: str

    @classmethod
    def generate(cls) -> Self:
        """New ones from the machine's randomness."""
        passwords = Passwords.generate()
        return cls(
            secret_key=secrets.token_urlsafe(48),
            business_system_token=secrets.token_urlsafe(32),
            member_secret=secrets.token_urlsafe(32),
            superuser_password=passwords.superuser,
            application_password=passwords.application,
        )

    @property
    def passwords(self) -> Passwords:
        """Those of the embedded database."""
        return Passwords(superuser=self.superuser_password, application=self.application_password)


@dataclass(frozen=True)
class Runtime:
    """Where the parts of a running Holdfast are; written for the operator's other commands."""

    pid: int
    environment: str
    database_url: str
    temporal_address: str
    web_url: str
    secret_key: str
    business_system_url: str | None
    business_system_token: str | None


class DataFolder:
    """The folder of one embedded Holdfast."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.postgres = self.path / "postgres"
        self.temporal = self.path / "temporal"
        self.files = self.path / "files"
        self.log = self.path / "log" / "holdfast.log"
        self.run = self.path / "run"
        self._lock = self.path / "lock"
        self._version = self.path / "version"
        self._ports = self.path / "ports.json"
        self._secrets = self.path / "secrets.json"
        self._runtime = self.run / "runtime.json"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder for this process alone.

        Raises OperatorError when it is in use, of a newer version, somebody else's, not writable, or its disk is full.
        """
        try:
            self._refuse_foreign()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._require_space()
            with self._lock.open("a+") as lock:
                self._take(lock.fileno())
                lock.truncate(0)
                lock.write(str(os.getpid()))
                lock.flush()
                self._check_version()
                for part in (self.temporal, self.files, self.log.parent, self.run):
                    part.mkdir(mode=0o700, exist_ok=True)
                try:
                    yield
                finally:
                    self._runtime.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise self._disk_full() from error
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
                raise OperatorError(
                    Text.FOLDER_NOT_WRITABLE, folder=self.path, reason=error.strerror
                ) from error
            raise

    def is_in_use(self) -> bool:
        """Whether a Holdfast runs with this folder now."""
        try:
            with self._lock.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def secrets(self) -> Secrets:
        """The folder's secrets, generated at the first call; the file is readable by its owner only."""
        if not self._secrets.exists():
            write_private(self._secrets, asdict(Secrets.generate()))
        return Secrets(**json.loads(self._secrets.read_text()))

    def remembered_ports(self) -> dict[str, int]:
        """The ports of the last start, by part."""
        try:
            return {str(name): int(port) for name, port in json.loads(self._ports.read_text()).items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}

    def remember_ports(self, chosen: dict[str, int]) -> None:
        """Use them again next time, if they are free then."""
        write_private(self._ports, chosen)

    def publish(self, runtime: Runtime) -> None:
        """Let the operator's other commands find us; the file is readable by its owner only."""
        write_private(self._runtime, asdict(runtime))

    def runtime(self) -> Runtime:
        """Where the running Holdfast is. Raises OperatorError when none runs with this folder."""
        if not self.is_in_use() or not self._runtime.exists():
            raise OperatorError(Text.NOT_RUNNING, folder=self.path)
        return Runtime(**json.loads(self._runtime.read_text()))

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._lock.read_text().strip() or "?"
            raise OperatorError(Text.FOLDER_IN_USE, folder=self.path, pid=pid) from None

    def _refuse_foreign(self) -> None:
        if not self.path.is_dir():
            return
        inside = {entry.name for entry in self.path.iterdir()} - {self._lock.name}
        if inside and not self._version.exists():
            raise OperatorError(Text.FOLDER_NOT_OURS, folder=self.path)

    def _check_version(self) -> None:
        if not self._version.exists():
            self._version.write_text(f"{FORMAT}\n")
            return
        found = self._version.read_text().strip()
        if not found.isdigit() or int(found) > FORMAT:
            raise OperatorError(Text.FOLDER_NEWER, folder=self.path, found=found, known=FORMAT)

    def _require_space(self) -> None:
        if shutil.disk_usage(self.path).free < FREE_MEGABYTES_NEEDED * _MEGABYTE:
            raise self._disk_full()

    def _disk_full(self) -> OperatorError:
        return OperatorError(
            Text.DISK_FULL,
            folder=self.path,
            free_megabytes=shutil.disk_usage(self.path).free // _MEGABYTE,
            needed_megabytes=FREE_MEGABYTES_NEEDED,
        )


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file at once, readable by its owner only."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
