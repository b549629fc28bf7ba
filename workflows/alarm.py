"""One timer for a deadline that moves."""

import asyncio
from datetime import datetime

from temporalio import workflow


class Alarm:
    """Rings at an instant that may be moved.

    An alarm moved later keeps the timer it has and looks again when that fires, so that a deadline which
    every message pushes back costs no timer a message.
    """

    def __init__(self) -> None:
        self.rang = False
        self._timer: asyncio.Task[None] | None = None
        self._fires_at: datetime | None = None

    def set(self, at: datetime | None) -> None:
        """Ring at `at` or soon after; None: not at all."""
        if at is None:
            return  # A timer that is left over wakes the main loop once, which finds nothing due.
        if self._timer is not None and self._fires_at is not None and self._fires_at <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = at
        self._timer = asyncio.create_task(self._ring_at(at))

    async def _ring_at(self, at: datetime) -> None:
        pause = (at - workflow.now()).total_seconds()
        if pause > 0:
            await asyncio.sleep(pause)
        self._timer = None
        self._fires_at = None
        self.rang = True
