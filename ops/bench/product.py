"""A copy of the product for one measurement: its own data folder, its own ports, ended and removed afterwards."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from adapters.settings import Environment, Settings
from ops.embedded import ports
from ops.embedded.folder import DataFolder
from ops.embedded.lines import Line, LogFile, Severity
from ops.embedded.postgres import Passwords, PostgresCluster
from ops.embedded.product import Product, Wish
from ops.embedded.supervisor import Part, Supervisor
from ops.messages import Text
from ops.replay.agents import SignIn
from ops.target import resolve

SANDBOX_VARIABLE = "HOLDFAST_WORKER_SANDBOX"


class _LogOnly:
    """A reporter that shows nobody anything; the log file has it."""

    def __init__(self, log: LogFile) -> None:
        self._log = log

    def state(self, part: Text, state: Text) -> None:
        """See Reporter."""

    def event(self, part: Text, severity: Severity, text: str) -> None:
        """See Reporter."""
        self._log.write(Line("holdfast", severity, f"{part.name} {text}"))

    def output(self, line: Line, *, expected: bool) -> None:  # noqa: ARG002 - the protocol's
        """See Reporter."""
        self._log.write(line)


class RunningProduct:
    """What a bench needs to know of its copy."""

    def __init__(self, product: Product, supervisor: Supervisor, settings: Settings) -> None:
        self._product = product
        self._supervisor = supervisor
        self.settings = settings
        self.url = product.web_url

    def pids(self) -> dict[str, int]:
        """The process of each part, by the part's name."""
        found = {
            name: self._supervisor.pid(name) for name in ("postgres", "temporal", "worker", "web", "shop")
        }
        return {name: pid for name, pid in found.items() if pid is not None}

    def database_address(self, database: str, *, superuser: bool = False) -> str:
        """The address of a database on the copy's server."""
        return self._product.postgres.url_of(database, superuser=superuser)

    def sign_in(self, role: str) -> SignIn:
        """A demonstration sign-in of this role."""
        everybody = self._product.prepared()["sign_ins"]
        chosen = next(each for each in everybody if role in each["roles"])
        return SignIn(chosen["login"], chosen["password"])


@asynccontextmanager
async def product_copy(*, sandbox: bool, pack: str = "ecommerce") -> AsyncIterator[RunningProduct]:
    """Start everything that `holdfast up` starts; `sandbox` as in the setting of that name.

    Raises OperatorError when a part does not start.
    """
    path = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    environment = {name: value for name, value in os.environ.items() if name != SANDBOX_VARIABLE}
    wish = Wish(web_port=ports.choose(None), pack=pack, demo=True, environment=Environment.DEVELOPMENT)
    folder = DataFolder(path / "data")
    try:
        with folder.opened():
            product = Product(folder, wish, environment)
            log = LogFile(folder.log)
            parts = [
                _with(part, {SANDBOX_VARIABLE: "true" if sandbox else "false"}) for part in product.parts()
            ]
            supervisor = Supervisor(parts, _LogOnly(log), folder.log)
            try:
                await supervisor.start()
                folder.publish(product.runtime(os.getpid()))
                yield RunningProduct(product, supervisor, resolve(folder.path))
            finally:
                await supervisor.stop()
                log.close()
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _with(part: Part, environment: dict[str, str]) -> Part:
    """The part with more in its environment."""
    return replace(part, environment={**part.environment, **environment})


@asynccontextmanager
async def database_copy() -> AsyncIterator[str]:
    """A migrated database of a server of its own, with the product's durability; its address."""
    from adapters.db.migrate import upgrade  # noqa: PLC0415 - alembic is slow to import

    path = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    cluster = PostgresCluster(path, ports.choose(None), Passwords.generate())
    try:
        await asyncio.to_thread(cluster.initialise)
        with (path / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *cluster.command(), stdout=log, stderr=log, cwd=cluster.folder
            )
        try:
            while not await asyncio.to_thread(cluster.is_ready):
                if process.returncode is not None:
                    raise RuntimeError(f"PostgreSQL ended with status {process.returncode}")
                await asyncio.sleep(0.05)
            await asyncio.to_thread(cluster.ensure_database)
            await asyncio.to_thread(upgrade, cluster.url)
            yield cluster.url
        finally:
            if process.returncode is None:
                process.send_signal(2)  # its fast shutdown
                await process.wait()
    finally:
        shutil.rmtree(path, ignore_errors=True)
