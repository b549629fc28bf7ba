"""The workflow of the bare spike: one local activity a signal, and nothing else."""

from datetime import timedelta

from temporalio import workflow

WORKFLOW = "SpikeWorkflow"
ACTIVITY = "spike_reply"
_TIMEOUT = timedelta(seconds=5)


@workflow.defn(name=WORKFLOW)
class SpikeWorkflow:
    """Answers what it is told of, in order."""

    def __init__(self) -> None:
        self.told = 0
        self.answered = 0

    @workflow.run
    async def run(self, contact_id: str) -> None:
        while True:
            await workflow.wait_condition(lambda: self.told > self.answered)
            upto = self.told
            await workflow.execute_local_activity(
                ACTIVITY, args=[contact_id, upto], schedule_to_close_timeout=_TIMEOUT
            )
            self.answered = upto

    @workflow.signal(name="facts")
    def facts(self, upto: int) -> None:
        """A message with this sequence is there."""
        self.told = max(self.told, upto)
