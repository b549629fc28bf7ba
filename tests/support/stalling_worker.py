"""A worker that stops dead after a step's commit, before its marker: the moment to kill it with -9.

Run as a program; its settings come from the environment, `STALL_FILE` names the file it writes when it
stands still.
"""

import asyncio
import os
from pathlib import Path

from temporalio import activity

from activities.contact import ContactLedger
from adapters.settings import load_settings
from domain.contact import ContactState, StepIntent
from workflows import worker


class StallingLedger(ContactLedger):
    """Commits a step and never comes back."""

    @activity.defn(name="contact_step")
    async def step(self, intent: StepIntent) -> ContactState:
        """The step, then silence."""
        await super().step(intent)
        Path(os.environ["STALL_FILE"]).write_text(intent.kind.value)
        await asyncio.Event().wait()
        raise AssertionError


if __name__ == "__main__":
    worker.ContactLedger = StallingLedger  # type: ignore[misc] # the double enters where the real one is made
    asyncio.run(worker.run_worker(load_settings()))
