"""Running one long-lived role in this process: settings, log, and an orderly end."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from adapters.settings import Settings
from ops.logs import configure_logging
from ops.target import from_environment


def role_settings() -> Settings:
    """The settings of the environment, with this process's log set up by them."""
    settings = from_environment()
    configure_logging(settings.log_format, with_error_texts=settings.is_development)
    return settings


def run_until_signalled(role: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `role` until it ends or the process is asked to stop, which cancels it."""
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_run(role))


async def _run(role: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for asked in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(asked, task.cancel)
    await role()
