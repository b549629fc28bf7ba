"""`holdfast worker`: run the workflows and their activities."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.settings import Settings
from ops.roles import role_settings, run_until_signalled

_POLL_INTERVAL_SECONDS = 0.1
_CALL_TIMEOUT = timedelta(seconds=5)


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("worker")
    def worker(
        *,
        dispatch: Annotated[
            bool, typer.Option("--dispatch", help="Also dispatch facts to workflows in this process.")
        ] = False,
        ready_file: Annotated[Path | None, typer.Option(hidden=True)] = None,
    ) -> None:
        """Run workflows and activities, configured by the environment."""
        settings = role_settings()
        run_until_signalled(lambda: _work(settings, dispatch=dispatch, ready_file=ready_file))


async def _work(settings: Settings, *, dispatch: bool, ready_file: Path | None) -> None:
    from workflows.dispatcher import run_dispatcher  # noqa: PLC0415 - only this role pays for them
    from workflows.worker import run_worker  # noqa: PLC0415 - the same

    async with asyncio.TaskGroup() as roles:
        roles.create_task(run_worker(settings))
        if dispatch:
            roles.create_task(run_dispatcher(settings))
        if ready_file is not None:
            roles.create_task(_announce(settings, ready_file))


async def _announce(settings: Settings, ready_file: Path) -> None:
    """Write our process id once Temporal knows that we poll for workflow tasks.

    Whoever asks for this runs a Temporal of their own, whose histories we then keep long enough.
    """
    from temporalio.api.enums.v1 import TaskQueueType  # noqa: PLC0415 - only this role pays for it
    from temporalio.api.taskqueue.v1 import TaskQueue  # noqa: PLC0415 - the same
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest  # noqa: PLC0415 - the same

    from adapters.temporal import connect, ensure_retention  # noqa: PLC0415 - the same

    client = await connect(settings)
    await ensure_retention(client)
    ours = f"{os.getpid()}@"
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=settings.temporal_task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    while True:
        described = await client.workflow_service.describe_task_queue(request, timeout=_CALL_TIMEOUT)
        if any(poller.identity.startswith(ours) for poller in described.pollers):
            break
        await asyncio.sleep(_POLL_INTERVAL_SECONDS)
    unfinished = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
    unfinished.write_text(str(os.getpid()))
    unfinished.replace(ready_file)
