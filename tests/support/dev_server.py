"""Temporal's dev server from the wheel, for tests that need the real engine: kills, histories, lists."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.service import RPCError

from adapters.settings import Settings
from adapters.temporal import connect
from ops.embedded import ports
from ops.embedded.temporal import TemporalServer, find_temporal

_START_SECONDS = 30


@asynccontextmanager
async def dev_server() -> AsyncIterator[str]:
    """The address of a server of our own, ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-temporal-"))
    port = ports.choose(None)
    server = TemporalServer(find_temporal(), folder, port, ports.choose(None, avoiding=[port]))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            server.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
        )
    try:
        await _until_it_answers(server.address, process, folder)
        yield server.address
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _until_it_answers(address: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                client = await connect(settings_for("postgresql://x/y", address, "probe"))
                async for _ in client.list_workflows("ExecutionStatus = 'Running'"):
                    break
            except (RuntimeError, RPCError):
                await asyncio.sleep(0.1)
            else:
                return


def settings_for(database_url: str, address: str, task_queue: str) -> Settings:
    """Settings of one test's part."""
    return Settings(
        database_url=database_url,
        environment="development",
        temporal_address=address,
        temporal_task_queue=task_queue,
    )
