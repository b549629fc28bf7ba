"""The engine's half of `holdfast check`: workflows against cases, both ways, and none that is stuck."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from adapters.db.checking import Violation, open_case_ids
from adapters.db.checking_rules import Invariant
from adapters.db.engine import Database
from adapters.settings import Settings
from adapters.temporal import connect
from workflows.dispatcher import WORKFLOW_NAMES, workflow_id

HISTORY_MAXIMUM = 8192
"""Events of one run; continue-as-new must have come long before."""
_CALL_TIMEOUT = timedelta(seconds=10)
_CONNECT_SECONDS = 10.0
_CALLS_AT_ONCE = 8


class EngineAwayError(RuntimeError):
    """Temporal cannot be asked."""


async def check_engine(settings: Settings, database: Database) -> list[Violation]:
    """What Temporal shows: cases without a workflow, workflows without a case, stuck or swollen ones.

    Raises EngineAwayError.
    """
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            client = await connect(settings)
        running = {name async for name in _running(client, settings)}
        cases = await open_case_ids(database)
        suspects = {workflow_id(kind, case_id) for case_id, kind in cases.items()}
        found = [violation for each in await _describe_all(client, suspects) for violation in each]
        found += [
            Violation(Invariant.NOT_FORGOTTEN, name, "workflow_without_case")
            for name in sorted(running - suspects)
        ]
    except (RuntimeError, TimeoutError, RPCError) as error:
        raise EngineAwayError(type(error).__name__) from error
    return await _still_true(client, database, found)


async def _running(client: Client, settings: Settings) -> AsyncIterator[str]:
    for name in sorted(set(WORKFLOW_NAMES.values())):
        query = (
            f"ExecutionStatus = 'Running' and WorkflowType = '{name}' "
            f"and TaskQueue = '{settings.temporal_task_queue}'"
        )
        async for execution in client.list_workflows(query, rpc_timeout=_CALL_TIMEOUT):
            yield execution.id


async def _describe_all(client: Client, names: set[str]) -> list[list[Violation]]:
    gate = asyncio.Semaphore(_CALLS_AT_ONCE)

    async def one(name: str) -> list[Violation]:
        async with gate:
            return await _judge(client, name)

    return await asyncio.gather(*(one(name) for name in sorted(names)))


async def _judge(client: Client, name: str) -> list[Violation]:
    try:
        described = await client.get_workflow_handle(name).describe(rpc_timeout=_CALL_TIMEOUT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return [Violation(Invariant.NOT_FORGOTTEN, name, "case_without_workflow", "not_found")]
    if described.status != WorkflowExecutionStatus.RUNNING:
        status = described.status.name.lower() if described.status is not None else ""
        return [Violation(Invariant.NOT_FORGOTTEN, name, "case_without_workflow", status)]
    found: list[Violation] = []
    task = described.raw_description.pending_workflow_task
    if task.attempt > 1:
        found.append(Violation(Invariant.HEALTHY, name, "failed_task", str(task.attempt)))
    if described.history_length > HISTORY_MAXIMUM:
        found.append(Violation(Invariant.HEALTHY, name, "long_history", str(described.history_length)))
    return found


async def _still_true(client: Client, database: Database, found: list[Violation]) -> list[Violation]:
    """Without what only came of looking at two places one after the other."""
    if not found:
        return []
    cases = {workflow_id(kind, case_id) for case_id, kind in (await open_case_ids(database)).items()}
    confirmed: list[Violation] = []
    for violation in found:
        if violation.code == "workflow_without_case":
            described = await client.get_workflow_handle(violation.subject).describe(
                rpc_timeout=_CALL_TIMEOUT
            )
            if violation.subject not in cases and described.status == WorkflowExecutionStatus.RUNNING:
                confirmed.append(violation)
        elif violation.subject in cases:
            confirmed += [
                again for again in await _judge(client, violation.subject) if again.code == violation.code
            ]
    return confirmed
