"""One contact, from the first message to closed."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.contact import CallRequest, ContactLedger, ContactWorld
    from domain.contact import (
        ContactState,
        Fact,
        Step,
        StepIntent,
        StepKind,
        fold,
        is_alarm_step,
        next_step,
    )
    from workflows.alarm import Alarm

LEDGER_TIMEOUT = timedelta(seconds=5)
LEDGER_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2, maximum_attempts=3
)
LEDGER_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
CLOCK_PAUSE = timedelta(seconds=1)
CALL_TIMEOUT = timedelta(seconds=12)
HISTORY_LIMIT = 2000
"""Events after which a run continues as new, unless the server suggests it earlier."""


@workflow.defn(name="ContactWorkflow")
class ContactWorkflow:
    """The story of a contact: fold what happened, ask what is next, do one thing."""

    @workflow.init
    def __init__(self, case_id: str) -> None:
        self.case_id = case_id
        self.inbox: list[Fact] = []
        self.woken = False
        self.history_limit = HISTORY_LIMIT
        self.alarm = Alarm()
        self.failures = 0

    @workflow.run
    async def run(self, case_id: str) -> None:
        state = await self.load(case_id)
        while True:
            state = self.fold(state)
            step = next_step(state, workflow.now())
            match step.kind:
                case StepKind.FINISH:
                    return
                case StepKind.WAIT:
                    if self.is_long():
                        await self.continue_as_new()
                    await self.wait(step)
                case StepKind.RELOAD:
                    state = await self.load(case_id)
                case StepKind.CALL:
                    state = await self.call(state)
                case _:
                    state = await self.act(state, step)

    @workflow.signal(name="facts")
    def facts(self, batch: list[Fact]) -> None:
        """What became true, in order; the main loop folds it."""
        self.inbox.extend(batch)
        self.woken = True

    def fold(self, state: ContactState) -> ContactState:
        """The state with what has arrived; facts it knows already are dropped."""
        self.inbox = [fact for fact in self.inbox if fact.seq > state.seen_seq]
        for fact in sorted(self.inbox, key=lambda each: each.seq):
            state = fold(state, fact)
        return state

    async def wait(self, step: Step) -> None:
        """Until something arrives or the next alarm; a moved alarm keeps its timer while it can."""
        self.woken = False
        self.alarm.set(step.until)
        await workflow.wait_condition(lambda: self.woken or self.alarm.rang)
        self.alarm.rang = False

    async def load(self, case_id: str) -> ContactState:
        """The ledger's view: how every run begins, and the cure of every gap."""
        while True:
            try:
                return await workflow.execute_local_activity_method(
                    ContactLedger.load,
                    case_id,
                    schedule_to_close_timeout=LEDGER_TIMEOUT,
                    retry_policy=LEDGER_RETRY,
                )
            except ActivityError:
                await self.pause()

    async def act(self, state: ContactState, step: Step) -> ContactState:
        """One compare-and-set step; while the ledger is away, again after a pause as a new decision."""
        intent = StepIntent(
            case_id=self.case_id,
            step_no=state.step_no + 1,
            kind=step.kind,
            seen_seq=state.seen_seq,
            reason=step.reason,
        )
        try:
            outcome = await workflow.execute_local_activity_method(
                ContactLedger.step,
                intent,
                schedule_to_close_timeout=LEDGER_TIMEOUT,
                retry_policy=LEDGER_RETRY,
            )
        except ActivityError:
            await self.pause()
            return state
        self.failures = 0
        if is_alarm_step(step.kind) and next_step(self.fold(outcome), workflow.now()) == step:
            # The ledger's clock is a little behind ours and it alone judges what is due.
            await workflow.sleep(CLOCK_PAUSE)
        return outcome

    async def pause(self) -> None:
        """Wait before the next try, longer each time, with the history kept short meanwhile."""
        self.failures += 1
        await workflow.sleep(min(LEDGER_PAUSE * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE))
        if self.is_long():
            await self.continue_as_new()

    async def call(self, state: ContactState) -> ContactState:
        """The business system's answer, or the turn's deadline, or a wish for a person: what comes first."""
        assert state.call_id is not None
        calling = workflow.start_activity_method(
            ContactWorld.call,
            CallRequest(case_id=self.case_id, call_id=state.call_id),
            start_to_close_timeout=CALL_TIMEOUT,
            schedule_to_close_timeout=CALL_TIMEOUT,
        )
        while (step := next_step(state, workflow.now())).kind is StepKind.CALL and not calling.done():
            self.woken = False
            self.alarm.set(step.until)
            await workflow.wait_condition(lambda: calling.done() or self.woken or self.alarm.rang)
            self.alarm.rang = False
            state = self.fold(state)
        if not calling.done():
            calling.cancel()
            return state
        if await _succeeded(calling):
            return state.model_copy(update={"call_id": None, "resume": True})
        return state.model_copy(update={"handover_reason": "business_system_down", "call_id": None})

    def is_long(self) -> bool:
        """Whether the history should be left behind; asked only when there is nothing to do."""
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= self.history_limit

    async def continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self.case_id)


async def _succeeded(calling: "workflow.ActivityHandle[str]") -> bool:
    try:
        await calling
    except (ActivityError, asyncio.CancelledError):
        return False
    return True
