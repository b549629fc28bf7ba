"""The worker: the composition root of workflows and activities."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.contact import ContactLedger, ContactWorld
from adapters.business_system import BusinessSystem
from adapters.db.engine import Database
from adapters.embeddings import Embeddings, configured_embeddings
from adapters.settings import Settings
from adapters.temporal import connect
from workflows.contact import ContactWorkflow

logger = logging.getLogger("holdfast.worker")

STICKY_TIMEOUT = timedelta(seconds=2)
"""A killed worker's next task waits for this: 2.3 s to recover instead of 10.5 s (RELIABILITY)."""


class _IdsOnly(Interceptor):
    """Failures reach Temporal as their type and the case's id: an error's text may hold content."""

    def intercept_activity(
        self, next: ActivityInboundInterceptor
    ) -> ActivityInboundInterceptor:  # the SDK's name
        return _ReducedFailures(next)


class _ReducedFailures(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # the SDK's name
        try:
            return await super().execute_activity(input)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # every failure is reduced and told on
            case_id = _case_of(input.args)
            kind = type(error).__name__
            logger.warning(
                "activity failed", extra={"case_id": case_id, "error": kind}, exc_info=_debugging()
            )
            raise ApplicationError(f"{kind} in case {case_id}", type=kind) from None


def _debugging() -> bool:
    return logger.isEnabledFor(logging.DEBUG)


def _case_of(arguments: Sequence[Any]) -> str:
    first = arguments[0] if arguments else ""
    return str(getattr(first, "case_id", first))


def build_worker(
    client: Client,
    settings: Settings,
    database: Database,
    business_system: BusinessSystem,
    embeddings: Embeddings | None = None,
) -> Worker:
    """A worker with our processes and what they may ask of the world."""
    ledger = ContactLedger(database, embeddings)
    world = ContactWorld(database, business_system)
    return Worker(
        client,
        task_queue=settings.temporal_task_queue,
        build_id=version("holdfast"),  # else the SDK hashes every loaded module at each start
        workflows=[ContactWorkflow],
        activities=[ledger.load, ledger.step, world.call],
        workflow_runner=SandboxedWorkflowRunner() if settings.worker_sandbox else UnsandboxedWorkflowRunner(),
        interceptors=[_IdsOnly()],
        max_concurrent_local_activities=settings.max_local_activities,
        max_concurrent_workflow_tasks=settings.max_local_activities,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def run_worker(settings: Settings) -> None:
    """Work until cancelled."""
    client = await connect(settings)
    database = Database(
        settings.database_url, pool_size=settings.worker_pool_size, application="holdfast-worker"
    )
    token = settings.business_system_token
    business_system = BusinessSystem(
        settings.business_system_url, token.get_secret_value() if token is not None else None
    )
    embeddings = configured_embeddings(settings)
    try:
        await build_worker(client, settings, database, business_system, embeddings).run()
    finally:
        if embeddings is not None:
            await embeddings.close()
        await business_system.close()
        await database.close()
