"""The bare spike beside a running copy of the product: its own database on the same server, the same Temporal."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from ops.bench.product import SANDBOX_VARIABLE, RunningProduct
from ops.bench.spike import SCHEMA
from ops.embedded import child, ports, probes

_DATABASE = "holdfast_spike"
_START_SECONDS = 30.0


@asynccontextmanager
async def spike_copy(product: RunningProduct, *, sandbox: bool) -> AsyncIterator[str]:
    """Start the spike's two processes; its address. Raises TimeoutError when it does not start."""
    await asyncio.to_thread(_make_database, product)
    port = ports.choose(None)
    environment = os.environ | {
        "HOLDFAST_ENVIRONMENT": "development",
        "HOLDFAST_DATABASE_URL": product.database_address(_DATABASE),
        "HOLDFAST_TEMPORAL_ADDRESS": product.settings.temporal_address,
        "HOLDFAST_WEB_PORT": str(port),
        SANDBOX_VARIABLE: "true" if sandbox else "false",
    }
    command = [sys.executable, "-P", "-m", "ops.bench.spike"]
    processes = [
        await asyncio.create_subprocess_exec(
            *child.arguments_for([*command, role]), env=environment, stdin=asyncio.subprocess.DEVNULL
        )
        for role in ("web", "worker")
    ]
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await probes.http_ok(port, "/readyz"):  # noqa: ASYNC110 # another process rings no bell
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _make_database(product: RunningProduct) -> None:
    with psycopg.connect(product.database_address("holdfast", superuser=True), autocommit=True) as connection:
        connection.execute(f"create database {_DATABASE} owner holdfast")
    with psycopg.connect(product.database_address(_DATABASE), autocommit=True) as connection:
        connection.execute(SCHEMA)
