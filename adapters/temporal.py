"""The one place that makes a Temporal client."""

from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter

from adapters.settings import Settings

RETENTION_DAYS = 30
"""How long closed workflows stay readable in Temporal's own UI; the ledger keeps them for good."""

_CALL_TIMEOUT = timedelta(seconds=10)


async def connect(
    settings: Settings, *, interceptors: Sequence[Interceptor] = (), lazy: bool = False
) -> Client:
    """A client of the configured namespace.

    `interceptors` see every call (and, where they are worker interceptors too, every activity). With `lazy`
    the connection is made at the first call, so that a part may start while Temporal is away.

    Raises RuntimeError when Temporal cannot be reached and `lazy` is off.
    """
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        interceptors=list(interceptors),
        lazy=lazy,
    )


async def ensure_retention(client: Client, days: int = RETENTION_DAYS) -> bool:
    """Keep closed workflows for at least `days`; says whether the namespace had to be changed.

    Never shortens a longer retention. Raises temporalio.service.RPCError when the server refuses or is away.
    """
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=_CALL_TIMEOUT
    )
    wanted = timedelta(days=days)
    if described.config.workflow_execution_retention_ttl.ToTimedelta() >= wanted:
        return False
    retention = Duration()
    retention.FromTimedelta(wanted)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=retention)
        ),
        timeout=_CALL_TIMEOUT,
    )
    return True
