"""The parts of an embedded Holdfast, in the order in which they need each other."""

import asyncio
import hashlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.settings import Environment, LogFormat
from ops.embedded import child, ports, probes
from ops.embedded.folder import DataFolder, Runtime, Secrets
from ops.embedded.postgres import PostgresCluster
from ops.embedded.supervisor import Part
from ops.embedded.temporal import TemporalServer, find_temporal
from ops.messages import OperatorError, Text

MEMBER_SECRET_VARIABLE = "DEMO_SHOP_MEMBER_SECRET"  # noqa: S105 - the name of a variable

_ROOT = Path(__file__).parents[2]
_MIGRATIONS = _ROOT / "adapters" / "db" / "migrations"
_PACKS = _ROOT / "packs"

DEMO_LINE = "shop"
"""The business line the demonstration pack fills."""


@dataclass(frozen=True)
class Wish:
    """What the operator asked for."""

    web_port: int
    pack: str
    demo: bool
    environment: Environment


class Product:
    """One embedded Holdfast in its data folder, which must be held (`DataFolder.opened`)."""

    def __init__(self, folder: DataFolder, wish: Wish, environment: Mapping[str, str]) -> None:
        """Choose ports and look for the programs.

        `environment` is the operator's: what it sets for the web (HOLDFAST_PUBLIC_URL and the like) is kept.
        Raises OperatorError when the web's port is taken, the pack unknown or a program missing.
        """
        self.folder = folder
        self.wish = wish
        self._secrets: Secrets = folder.secrets()
        self._inherited = environment
        self._require_pack()
        chosen = self._choose_ports()
        self._shop_port = chosen["shop"]
        self.postgres = PostgresCluster(folder.postgres, chosen["postgres"], self._secrets.passwords)
        self.temporal = TemporalServer(
            find_temporal(), folder.temporal, chosen["temporal"], chosen["temporal_ui"]
        )
        self.web_url = f"http://127.0.0.1:{wish.web_port}"
        self._prepared_file = folder.path / "prepared.json"
        self._worker_ready_file = folder.run / "worker.ready"
        self._fingerprint = self._fingerprint_now()
        self._is_prepared = self._is_prepared_already()

    def parts(self) -> list[Part]:
        """Everything that runs; the two servers start at once, the rest as soon as it can."""
        return [
            self._postgres_part(),
            self._temporal_part(),
            *([] if self._is_prepared else [self._prepare_part()]),
            *([self._shop_part()] if self.wish.demo else []),
            self._worker_part(),
            self._web_part(),
        ]

    def runtime(self, pid: int) -> Runtime:
        """What the operator's other commands need to know."""
        return Runtime(
            pid=pid,
            environment=self.wish.environment.value,
            database_url=self.postgres.url,
            temporal_address=self.temporal.address,
            web_url=self.web_url,
            secret_key=self._secrets.secret_key,
            business_system_url=self._business_system_url,
            business_system_token=self._secrets.business_system_token if self.wish.demo else None,
        )

    def prepared(self) -> dict[str, Any]:
        """What the preparation reported: the demonstration sign-ins, if any."""
        loaded: dict[str, Any] = json.loads(self._prepared_file.read_text())
        return loaded

    def addresses(self) -> dict[Text, str]:
        """Where people look, in the order in which a newcomer would."""
        addresses = {
            Text.ADDRESS_CHAT: f"{self.web_url}/chat",
            Text.ADDRESS_DESK: f"{self.web_url}/desk",
            Text.ADDRESS_BOARD: f"{self.web_url}/board",
            Text.ADDRESS_ADMIN: f"{self.web_url}/admin",
        }
        if self.wish.environment is Environment.DEVELOPMENT:
            addresses[Text.ADDRESS_OUTBOX] = f"{self.web_url}/dev/outbox"
        if self._business_system_url is not None:
            addresses[Text.PART_SHOP] = self._business_system_url
        return addresses | {Text.ADDRESS_TEMPORAL: self.temporal.ui_url}

    @property
    def _business_system_url(self) -> str | None:
        return f"http://127.0.0.1:{self._shop_port}" if self.wish.demo else None

    def _is_prepared_already(self) -> bool:
        """Whether this very release prepared this very database, as it was wished now.

        Finding out by asking the database would cost as long as the rest of a start.
        """
        try:
            same = self.prepared()["fingerprint"] == self._fingerprint
        except (FileNotFoundError, ValueError, KeyError):
            return False
        return same and self.postgres.exists()

    def _fingerprint_now(self) -> str:
        """Changes whenever the preparation could do something else than last time."""
        wish = (
            f"{self.wish.pack} {self.wish.demo} {self._shop_port}".encode()
        )  # the shop is an allowed origin
        content = hashlib.sha256(wish)
        for root in (_MIGRATIONS, _PACKS / self.wish.pack):
            for path in sorted(root.rglob("*")):
                if path.suffix != ".pyc" and path.is_file():
                    content.update(str(path.relative_to(root)).encode())
                    content.update(path.read_bytes())
        return content.hexdigest()

    def _require_pack(self) -> None:
        known = sorted(path.parent.name for path in _PACKS.glob("*/pack.yaml"))
        if self.wish.pack not in known:
            raise OperatorError(Text.PACK_UNKNOWN, pack=self.wish.pack, known=", ".join(known))

    def _choose_ports(self) -> dict[str, int]:
        ports.require_free(self.wish.web_port)
        remembered = self.folder.remembered_ports()
        chosen: dict[str, int] = {"web": self.wish.web_port}
        for name in ("postgres", "temporal", "temporal_ui", "shop"):
            chosen[name] = ports.choose(remembered.get(name), avoiding=chosen.values())
        self.folder.remember_ports(chosen)
        return chosen

    def _environment(self) -> dict[str, str]:
        """The settings of our own children."""
        ours = {
            "HOLDFAST_ENVIRONMENT": self.wish.environment.value,
            "HOLDFAST_DATABASE_URL": self.postgres.url,
            "HOLDFAST_TEMPORAL_ADDRESS": self.temporal.address,
            "HOLDFAST_WEB_HOST": "127.0.0.1",
            "HOLDFAST_WEB_PORT": str(self.wish.web_port),
            "HOLDFAST_SECRET_KEY": self._secrets.secret_key,
            "HOLDFAST_DATA_DIR": str(self.folder.path),
            "HOLDFAST_LOG_FORMAT": LogFormat.JSON.value,
            "PYTHONUNBUFFERED": "1",
        }
        if self.wish.demo:
            ours[MEMBER_SECRET_VARIABLE] = self._secrets.member_secret
        if not {"HOLDFAST_PUBLIC_URL", "PUBLIC_URL"} & self._inherited.keys():
            ours["HOLDFAST_PUBLIC_URL"] = self.web_url
        if self._business_system_url is not None:
            ours["HOLDFAST_BUSINESS_SYSTEM_URL"] = self._business_system_url
            ours["HOLDFAST_BUSINESS_SYSTEM_TOKEN"] = self._secrets.business_system_token
        return ours

    def _postgres_part(self) -> Part:
        async def before() -> None:
            await asyncio.to_thread(self.postgres.initialise)

        async def is_ready(_pid: int) -> bool:
            return await probes.accepts(self.postgres.port) and await asyncio.to_thread(
                self.postgres.is_ready
            )

        async def once_ready() -> None:
            await asyncio.to_thread(self.postgres.ensure_database)

        return Part(
            "postgres",
            Text.PART_POSTGRES,
            self.postgres.command,
            is_ready,
            folder=self.postgres.folder if self.postgres.folder.exists() else self.folder.path,
            before=before,
            once_ready=once_ready,
            stop_signal=signal.SIGINT,  # its fast shutdown: do not wait for clients
        )

    def _temporal_part(self) -> Part:
        async def is_ready(_pid: int) -> bool:
            return await probes.accepts(self.temporal.port) and await probes.succeeds(
                self.temporal.health_command()
            )

        return Part(
            "temporal",
            Text.PART_TEMPORAL,
            lambda: child.arguments_for(self.temporal.command()),
            is_ready,
            folder=self.folder.path,
        )

    def _prepare_part(self) -> Part:
        arguments = ["prepare", "--pack", self.wish.pack, "--report", str(self._prepared_file)]
        arguments += ["--fingerprint", self._fingerprint]
        arguments += ["--demo"] if self.wish.demo else ["--no-demo"]
        return self._own_part("prepare", Text.PART_PREPARE, arguments, after=("postgres",))

    def _worker_part(self) -> Part:
        async def is_ready(pid: int) -> bool:
            return probes.announced(self._worker_ready_file, pid)

        arguments = ["worker", "--dispatch", "--ready-file", str(self._worker_ready_file)]
        return self._own_part(
            "worker", Text.PART_WORKER, arguments, is_ready, after=(*self._after_prepare(), "temporal")
        )

    def _web_part(self) -> Part:
        async def is_ready(_pid: int) -> bool:
            return await probes.http_ok(self.wish.web_port, "/readyz")

        return self._own_part("web", Text.PART_WEB, ["web"], is_ready, after=self._after_prepare())

    def _shop_part(self) -> Part:
        async def is_ready(_pid: int) -> bool:
            return await probes.http_ok(self._shop_port, "/healthz")

        command = [sys.executable, "-P", "-m", "ops.demo_shop", "--port", str(self._shop_port)]
        command += ["--data", str(self.folder.path / "demo-shop" / "shop.db")]
        command += ["--holdfast", self.web_url, "--line", DEMO_LINE]
        return Part(
            "shop",
            Text.PART_SHOP,
            lambda: child.arguments_for(command),
            is_ready,
            environment={
                "DEMO_SHOP_TOKEN": self._secrets.business_system_token,
                MEMBER_SECRET_VARIABLE: self._secrets.member_secret,
            },
            folder=self.folder.path,
        )

    def _after_prepare(self) -> tuple[str, ...]:
        return ("postgres",) if self._is_prepared else ("postgres", "prepare")

    def _own_part(
        self,
        name: str,
        title: Text,
        arguments: list[str],
        is_ready: Callable[[int], Awaitable[bool]] | None = None,
        *,
        after: tuple[str, ...] = (),
    ) -> Part:
        """One of our own Python processes."""
        command = [sys.executable, "-P", "-m", "ops.cli", *arguments]  # -P: the data folder holds no modules
        return Part(
            name,
            title,
            lambda: child.arguments_for(command),
            is_ready,
            after=after,
            environment=self._environment(),
            folder=self.folder.path,
        )
