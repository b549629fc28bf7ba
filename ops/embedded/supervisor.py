"""Children that are started in order, watched, restarted, and stopped in reverse order."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.embedded.lines import Line, Severity, understand
from ops.embedded.progress import Reporter
from ops.messages import OperatorError, Text, say

_PROBE_INTERVAL_SECONDS = 0.05
_LINE_LIMIT_BYTES = 1024 * 1024
_TAIL_LINES = 6


async def _nothing() -> None:
    """What most parts need before and after they start."""


@dataclass(frozen=True)
class RestartPolicy:
    """How stubbornly a part that ended is started again."""

    first_delay_seconds: float = 0.2
    longest_delay_seconds: float = 15.0
    stable_after_seconds: float = 3.0
    """A part that was ready this long starts again without delay, as if it had never failed."""
    attempts_at_start: int = 3
    """A part that never became ready is given up after so many; one that once was ready never is."""

    def delay_seconds(self, failures: int) -> float:
        """How long to wait after so many failures in a row (1 and more)."""
        return float(min(self.first_delay_seconds * 2 ** (failures - 1), self.longest_delay_seconds))


@dataclass(frozen=True)
class Part:
    """One child and how to know that it serves."""

    name: str
    title: Text
    command: Callable[[], list[str]]
    is_ready: Callable[[int], Awaitable[bool]] | None
    """Probed with the child's process id; None: the part is done when it ends with status 0."""
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    before: Callable[[], Awaitable[None]] = _nothing
    once_ready: Callable[[], Awaitable[None]] = _nothing
    stop_signal: signal.Signals = signal.SIGTERM
    start_timeout_seconds: float = 60.0
    stop_timeout_seconds: float = 10.0


@dataclass
class _Running:
    part: Part
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    process: asyncio.subprocess.Process | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    ready_at: float | None = None
    """On the monotonic clock; None while it starts, when trouble in its output is normal."""


class _EndedError(Exception):
    """The child ended or never served; the message says how."""


class Supervisor:
    """Runs parts. One use: `start`, `wait`, `stop`."""

    def __init__(
        self, parts: list[Part], reporter: Reporter, log_path: Path, policy: RestartPolicy | None = None
    ) -> None:
        """`parts` in an order in which each comes after those it needs; `log_path` is named in errors."""
        self._running = {part.name: _Running(part) for part in parts}
        self._reporter = reporter
        self._log_path = log_path
        self._policy = policy or RestartPolicy()
        self._stopping = False
        self._lost: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start all parts, each as soon as those it needs serve; returns when all serve.

        Raises OperatorError when a part is given up. Call `stop` afterwards in any case.
        """
        self._lost = asyncio.get_running_loop().create_future()
        for running in self._running.values():
            running.task = asyncio.create_task(self._keep(running))
        serving = asyncio.create_task(self._all_serving())
        try:
            await asyncio.wait((serving, self._lost), return_when=asyncio.FIRST_COMPLETED)
            if self._lost.done():
                self._lost.result()
        finally:
            serving.cancel()

    async def _all_serving(self) -> None:
        for running in self._running.values():
            await running.serving.wait()

    async def wait(self) -> None:
        """Until a part fails for good (raises OperatorError) or the caller is cancelled."""
        assert self._lost is not None
        await self._lost

    async def stop(self) -> None:
        """Stop all parts, those that others need last."""
        self._stopping = True
        for wave in self._waves():
            await asyncio.gather(*(self._stop(running) for running in wave))
        if self._lost is not None and not self._lost.done():
            self._lost.cancel()

    def force(self) -> None:
        """End everything at once; the files are made to survive it."""
        self._stopping = True
        for running in self._running.values():
            _signal_group(running.process, signal.SIGKILL)

    def pid(self, name: str) -> int | None:
        """The process id of a part that runs now."""
        process = self._running[name].process
        return process.pid if process is not None and process.returncode is None else None

    def _waves(self) -> list[list[_Running]]:
        left = dict(self._running)
        waves: list[list[_Running]] = []
        while left:
            needed = {name for running in left.values() for name in running.part.after}
            wave = [running for name, running in left.items() if name not in needed]
            waves.append(wave)
            for running in wave:
                del left[running.part.name]
        return waves

    async def _keep(self, running: _Running) -> None:
        """Have one part serve until we stop."""
        try:
            for name in running.part.after:
                await self._running[name].serving.wait()
            failures = 0
            while True:
                try:
                    await self._serve_once(running)
                except _EndedError as ended:
                    failures = 1 if self._was_stable(running) else failures + 1
                    running.ready_at = None
                    await self._after_failure(running, str(ended), failures)
                else:
                    return  # a part that is done when it ends
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits must hear of it
            self._give_up(error)

    def _was_stable(self, running: _Running) -> bool:
        ready_at = running.ready_at
        return ready_at is not None and time.monotonic() - ready_at >= self._policy.stable_after_seconds

    async def _after_failure(self, running: _Running, reason: str, failures: int) -> None:
        part = running.part
        if self._stopping:
            raise asyncio.CancelledError
        if not running.serving.is_set():
            if part.is_ready is None:
                raise self._failed(running, Text.STEP_FAILED, reason=reason)
            if failures >= self._policy.attempts_at_start:
                raise self._failed(running, Text.PART_GAVE_UP, reason=reason, attempts=failures)
        delay = self._policy.delay_seconds(failures)
        self._reporter.state(part.title, Text.STATE_FAILED)
        self._reporter.event(
            part.title, Severity.WARNING, say(Text.EVENT_ENDED, reason=reason, seconds=delay)
        )
        await asyncio.sleep(delay)

    def _failed(self, running: _Running, text: Text, **values: object) -> OperatorError:
        self._reporter.state(running.part.title, Text.STATE_FAILED)
        for line in running.tail:
            self._reporter.event(running.part.title, Severity.ERROR, f"│ {line}")
        return OperatorError(text, part=say(running.part.title), log=self._log_path, **values)

    def _give_up(self, error: Exception) -> None:
        assert self._lost is not None
        if not self._lost.done():
            self._lost.set_exception(error)

    async def _serve_once(self, running: _Running) -> None:
        """One life of the child. Returns if it is done; raises _EndedError if it ended without being asked."""
        part = running.part
        self._reporter.state(part.title, Text.STATE_STARTING)
        began = time.monotonic()
        await part.before()
        process = await self._spawn(running)
        reading = asyncio.create_task(self._read(running, process))
        ended = asyncio.create_task(process.wait())
        try:
            if part.is_ready is None:
                await ended
            else:
                await self._until_ready(part, process, ended)
                await part.once_ready()
            if part.is_ready is None and process.returncode != 0:
                raise _EndedError(_reason(process.returncode))
            self._is_serving(running, time.monotonic() - began)
            await ended
            await reading
            if part.is_ready is not None:
                raise _EndedError(_reason(process.returncode))
        finally:
            if process.returncode is None and not self._stopping:
                _signal_group(process, signal.SIGKILL)
            with contextlib.suppress(asyncio.TimeoutError):  # what it said last explains its end
                await asyncio.wait_for(asyncio.shield(reading), 1)
            reading.cancel()
            ended.cancel()

    def _is_serving(self, running: _Running, seconds: float) -> None:
        part = running.part
        self._reporter.state(part.title, Text.STATE_READY)
        text = (
            Text.EVENT_DONE
            if part.is_ready is None
            else Text.EVENT_BACK
            if running.serving.is_set()
            else Text.EVENT_READY
        )
        self._reporter.event(part.title, Severity.NOTE, say(text, seconds=seconds))
        running.ready_at = time.monotonic()
        running.serving.set()

    async def _spawn(self, running: _Running) -> asyncio.subprocess.Process:
        part = running.part
        process = await asyncio.create_subprocess_exec(
            *part.command(),
            cwd=part.folder,
            env={**os.environ, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            limit=_LINE_LIMIT_BYTES,
            start_new_session=True,  # Ctrl-C at the terminal is for us; we then stop them in order
        )
        running.process = process
        return process

    async def _until_ready(
        self, part: Part, process: asyncio.subprocess.Process, ended: asyncio.Task[int]
    ) -> None:
        assert part.is_ready is not None
        deadline = time.monotonic() + part.start_timeout_seconds
        while not await part.is_ready(process.pid):
            if ended.done():
                raise _EndedError(_reason(process.returncode))
            if time.monotonic() > deadline:
                raise _EndedError(say(Text.REASON_SLOW))
            await asyncio.sleep(_PROBE_INTERVAL_SECONDS)

    async def _read(self, running: _Running, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                raw = await process.stdout.readline()
            except ValueError:  # a line longer than the limit; the stream has dropped it
                continue
            if not raw:
                return
            line: Line = understand(running.part.name, raw.decode(errors="replace"))
            if line.text:
                running.tail.append(line.text)
                self._reporter.output(line, expected=self._stopping or running.ready_at is None)

    async def _stop(self, running: _Running) -> None:
        if running.task is None:
            return
        process = running.process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(running.part.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), running.part.stop_timeout_seconds)
            except TimeoutError:
                self._reporter.event(running.part.title, Severity.WARNING, say(Text.EVENT_FORCED))
                _signal_group(process, signal.SIGKILL)
                await process.wait()
        running.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running.task
        _signal_group(running.process, signal.SIGKILL)  # one that was just being started again


def _signal_group(process: asyncio.subprocess.Process | None, signal_number: signal.Signals) -> None:
    """Signal a child and what it started; each child leads a group of its own."""
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal_number)


def _reason(status: int | None) -> str:
    if status is not None and status < 0:
        return say(Text.REASON_SIGNAL, signal=signal.Signals(-status).name)
    return say(Text.REASON_EXIT, status=status)
