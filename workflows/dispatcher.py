"""The dispatcher: tells workflows what became true, in order, once a case at a time (DESIGN §4).

It writes nothing but how far it has told. A crash anywhere repeats a signal, and the workflow's fold
drops what it knows.
"""

import asyncio
import contextlib
import logging
import time
from datetime import timedelta
from uuid import UUID

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from adapters.db.dispatching import (
    Share,
    Unsignalled,
    mark_signalled,
    open_cases,
    quarantine,
    still_unfolded,
    unsignalled,
)
from adapters.db.engine import Database
from adapters.settings import Settings
from adapters.temporal import connect

logger = logging.getLogger("holdfast.dispatcher")

WORKFLOW_NAMES = {"contact": "ContactWorkflow"}
MAXIMUM_IN_FLIGHT = 24
"""Cases signalled whose reaction is not committed: overload waits in the fact log (DESIGN §10)."""
IN_FLIGHT_YOUTH_SECONDS = 5.0
MAXIMUM_SIGNALS_AT_ONCE = 12
SAFETY_POLL_SECONDS = 2.0
REBALANCE_SECONDS = 5.0
BUSY_PAUSE_SECONDS = 0.02
SIGNAL_TIMEOUT = timedelta(seconds=5)
CALL_SECONDS = 6.0
"""A call with all that belongs to it: the SDK's own limit does not cover its first connection."""
TASK_TIMEOUT = timedelta(seconds=3)
SHORTEST_BACK_OFF_SECONDS = 0.25
LONGEST_BACK_OFF_SECONDS = 5.0
REFUSED_FOR_GOOD = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})
"""Refusals that cannot heal; everything else backs off as a whole."""


def workflow_id(kind: str, case_id: UUID) -> str:
    """The id of a case's workflow."""
    return f"{kind}/{case_id}"


class Dispatcher:
    """One dispatcher; several share the partitions among themselves."""

    def __init__(self, client: Client, database: Database, database_url: str, task_queue: str) -> None:
        self._client = client
        self._database = database
        self._url = database_url
        self._task_queue = task_queue
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        self._partitions: dict[UUID, int] = {}
        self._flying: dict[UUID, float] = {}
        self._wake = asyncio.Event()
        self._back_off_seconds = 0.0
        self._resume_at = 0.0
        self.signals_sent = 0

    async def run(self) -> None:
        """Dispatch until cancelled; a lost database connection is made anew."""
        while True:
            try:
                await self._run_connected()
            except (psycopg.Error, SQLAlchemyError, OSError) as error:
                logger.warning("ledger away", extra={"error": type(error).__name__})
                await asyncio.sleep(1)

    async def _run_connected(self) -> None:
        share = await Share.join(self._url)
        bell = asyncio.create_task(self._listen(share))
        try:
            await self._dispatch(share, bell)
        finally:
            bell.cancel()
            for task in list(self._busy.values()):
                task.cancel()
            await asyncio.gather(bell, *self._busy.values(), return_exceptions=True)
            self._busy.clear()
            await share.close()

    async def _listen(self, share: Share) -> None:
        """The one user of the share's connection: rings, and keeps the share fair."""
        rebalanced_at = float("-inf")
        while True:
            if time.monotonic() - rebalanced_at >= REBALANCE_SECONDS:
                await share.rebalance()
                rebalanced_at = time.monotonic()
                self._wake.set()
            await share.let_go(set(self._partitions.values()))
            await share.wait_for_bell(SAFETY_POLL_SECONDS)
            self._wake.set()

    async def _dispatch(self, share: Share, bell: "asyncio.Task[None]") -> None:
        while True:
            if bell.done():
                bell.result()
            self._wake.clear()
            sent = 0
            if time.monotonic() >= self._resume_at:
                sent = await self._send_what_fits(share)
            pause = BUSY_PAUSE_SECONDS if sent or self._busy else SAFETY_POLL_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _send_what_fits(self, share: Share) -> int:
        room = MAXIMUM_SIGNALS_AT_ONCE - len(self._busy)
        if room > 0 and len(self._flying) + room > MAXIMUM_IN_FLIGHT:
            await self._forget_landed()
            room = min(room, MAXIMUM_IN_FLIGHT - len(self._flying))
        if room <= 0 or not share.held:
            return 0
        found = await unsignalled(self._database, sorted(share.held), list(self._busy), room)
        # Asked again: a partition may have become another dispatcher's while we looked.
        cases = [case for case in found if case.partition in share.held]
        for case in cases:
            self._partitions[case.case_id] = case.partition
            self._flying[case.case_id] = time.monotonic()
            self._busy[case.case_id] = asyncio.create_task(self._send(case))
        return len(cases)

    async def _forget_landed(self) -> None:
        """In flight is who was told lately and has not committed a reaction."""
        young = time.monotonic() - IN_FLIGHT_YOUTH_SECONDS
        told = [case_id for case_id, told_at in self._flying.items() if told_at > young]
        unfolded = await still_unfolded(self._database, told) | self._busy.keys()
        self._flying = {case_id: at for case_id, at in self._flying.items() if case_id in unfolded}

    async def _send(self, case: Unsignalled) -> None:
        try:
            await self._signal(case)
            self.signals_sent += 1
            await mark_signalled(self._database, case.case_id, case.last_seq)
            self._back_off_seconds = 0.0
        except RPCError as error:
            await self._refused(case, error)
        except (RuntimeError, TimeoutError) as error:  # how the SDK says that it cannot connect
            self._temporal_away(type(error).__name__)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("ledger away", extra={"error": type(error).__name__})
            self._back_off()
        finally:
            self._busy.pop(case.case_id, None)
            self._partitions.pop(case.case_id, None)
            self._wake.set()

    async def _signal(self, case: Unsignalled) -> None:
        async with asyncio.timeout(CALL_SECONDS):
            await self._client.start_workflow(
                WORKFLOW_NAMES[case.kind],
                str(case.case_id),
                id=workflow_id(case.kind, case.case_id),
                task_queue=self._task_queue,
                task_timeout=TASK_TIMEOUT,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                start_signal="facts",
                start_signal_args=[case.facts],
                rpc_timeout=SIGNAL_TIMEOUT,
            )

    async def _refused(self, case: Unsignalled, error: RPCError) -> None:
        if error.status in REFUSED_FOR_GOOD:
            logger.error(
                "case quarantined", extra={"case_id": str(case.case_id), "status": error.status.name}
            )
            try:
                await quarantine(self._database, case.case_id, error.status.name)
            except (SQLAlchemyError, OSError):
                self._back_off()  # it is refused and put aside again later
            return
        self._temporal_away(error.status.name)

    def _temporal_away(self, status: str) -> None:
        self._back_off()
        logger.warning("temporal away", extra={"status": status})

    def _back_off(self) -> None:
        doubled = max(SHORTEST_BACK_OFF_SECONDS, self._back_off_seconds * 2)
        self._back_off_seconds = min(doubled, LONGEST_BACK_OFF_SECONDS)
        self._resume_at = time.monotonic() + self._back_off_seconds


async def adopt(client: Client, database: Database, task_queue: str) -> int:
    """Give every open case that lost its workflow a new one; how many were started."""
    started = 0
    after: UUID | None = None
    while page := await open_cases(database, after):
        for case_id, kind in page:
            async with asyncio.timeout(2 * CALL_SECONDS):
                started += await _adopt_one(client, case_id, kind, task_queue)
        after = page[-1][0]
    return started


async def _adopt_one(client: Client, case_id: UUID, kind: str, task_queue: str) -> bool:
    handle = client.get_workflow_handle(workflow_id(kind, case_id))
    try:
        description = await handle.describe(rpc_timeout=SIGNAL_TIMEOUT)
        if description.status == WorkflowExecutionStatus.RUNNING:
            return False
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
    await client.start_workflow(
        WORKFLOW_NAMES[kind],
        str(case_id),
        id=workflow_id(kind, case_id),
        task_queue=task_queue,
        task_timeout=TASK_TIMEOUT,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        rpc_timeout=SIGNAL_TIMEOUT,
    )
    logger.info("case adopted", extra={"case_id": str(case_id)})
    return True


async def run_dispatcher(settings: Settings) -> None:
    """Adopt what lost its workflow, then dispatch until cancelled."""
    client = await connect(settings, lazy=True)
    database = Database(
        settings.database_url, pool_size=settings.dispatcher_pool_size, application="holdfast-dispatcher"
    )
    adopting = asyncio.create_task(_adopt_when_possible(client, database, settings.temporal_task_queue))
    try:
        await Dispatcher(client, database, settings.database_url, settings.temporal_task_queue).run()
    finally:
        adopting.cancel()
        await asyncio.gather(adopting, return_exceptions=True)
        await database.close()


async def _adopt_when_possible(client: Client, database: Database, task_queue: str) -> None:
    while True:
        try:
            await adopt(client, database, task_queue)
        except (RPCError, RuntimeError, SQLAlchemyError, OSError) as error:
            logger.warning("cannot adopt yet", extra={"error": type(error).__name__})
            await asyncio.sleep(2)
        else:
            return
