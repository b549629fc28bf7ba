"""The client, against a real dev server."""

import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from adapters.settings import Environment, Settings
from adapters.temporal import RETENTION_DAYS, connect, ensure_retention
from ops.embedded import child, ports
from ops.embedded.temporal import TemporalServer, find_temporal


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    port = ports.choose(None)
    server = TemporalServer(find_temporal(), tmp_path, port, ports.choose(None, avoiding={port}))
    process = subprocess.Popen(
        child.arguments_for(server.command()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while subprocess.run(server.health_command(), capture_output=True, check=False).returncode != 0:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield Settings(
        database_url="postgresql://unused",
        environment=Environment.DEVELOPMENT,
        temporal_address=server.address,
    )
    process.kill()
    process.wait()


async def test_histories_are_kept_a_month_and_never_shorter(settings: Settings) -> None:
    client = await connect(settings)

    async def retention() -> timedelta:
        request = DescribeNamespaceRequest(namespace="default")
        described = await client.workflow_service.describe_namespace(request)
        return described.config.workflow_execution_retention_ttl.ToTimedelta()

    assert await retention() < timedelta(days=RETENTION_DAYS)
    assert await ensure_retention(client)
    assert await retention() == timedelta(days=RETENTION_DAYS)
    assert not await ensure_retention(client)
    assert await ensure_retention(client, days=60)
    assert not await ensure_retention(client, days=7)
    assert await retention() == timedelta(days=60)


async def test_a_missing_server_is_noticed_now_or_later() -> None:
    nowhere = Settings(
        database_url="postgresql://unused",
        environment=Environment.DEVELOPMENT,
        temporal_address=f"127.0.0.1:{ports.choose(None)}",
    )
    with pytest.raises(RuntimeError):
        await connect(nowhere)
    assert (await connect(nowhere, lazy=True)).namespace == "default"
