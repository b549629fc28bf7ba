"""Children started in order, restarted when they crash, given up readably, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from ops.embedded import child, probes
from ops.embedded.lines import Line, Severity
from ops.embedded.supervisor import Part, RestartPolicy, Supervisor
from ops.messages import OperatorError, Text

QUICK = RestartPolicy(first_delay_seconds=0.01, longest_delay_seconds=0.05, stable_after_seconds=0.1)

SERVER = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def note(word):
    with (folder / "history").open("a") as history:
        history.write(f"{word} {name}\\n")
def leave(number, frame):
    note("stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
note("start")
import os
(folder / f"{name}.ready").write_text(str(os.getpid()))
while True:
    time.sleep(60)
"""


@dataclass
class Recorder:
    """A reporter that remembers."""

    states: list[tuple[Text, Text]] = field(default_factory=list)
    events: list[tuple[Text, Severity, str]] = field(default_factory=list)
    lines: list[tuple[Line, bool]] = field(default_factory=list)

    def state(self, part: Text, state: Text) -> None:
        self.states.append((part, state))

    def event(self, part: Text, severity: Severity, text: str) -> None:
        self.events.append((part, severity, text))

    def output(self, line: Line, *, expected: bool) -> None:
        self.lines.append((line, expected))


def python(source: str, *arguments: str) -> Callable[[], list[str]]:
    return lambda: child.arguments_for([sys.executable, "-I", "-S", "-c", source, *arguments])


def server(
    name: str, folder: Path, title: Text, *, after: tuple[str, ...] = (), source: str = SERVER
) -> Part:
    async def is_ready(pid: int) -> bool:
        return probes.announced(folder / f"{name}.ready", pid)

    return Part(
        name, title, python(source, name, str(folder)), is_ready, after=after, stop_timeout_seconds=1.0
    )


@asynccontextmanager
async def supervised(
    *parts: Part, policy: RestartPolicy = QUICK
) -> AsyncIterator[tuple[Supervisor, Recorder]]:
    recorder = Recorder()
    supervisor = Supervisor(list(parts), recorder, Path("full.log"), policy)
    try:
        await supervisor.start()
        yield supervisor, recorder
    finally:
        await supervisor.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the conditions are files and processes
            await asyncio.sleep(0.01)


async def test_starts_what_is_needed_first_and_stops_it_last(tmp_path: Path) -> None:
    parts = [
        server("ledger", tmp_path, Text.PART_POSTGRES),
        server("worker", tmp_path, Text.PART_WORKER, after=("ledger",)),
        server("web", tmp_path, Text.PART_WEB, after=("worker",)),
    ]
    async with supervised(*parts) as (supervisor, _):
        pids = [supervisor.pid(part.name) for part in parts]
    history = (tmp_path / "history").read_text().splitlines()
    assert history == [
        *("start ledger", "start worker", "start web"),
        *("stop web", "stop worker", "stop ledger"),
    ]
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)


async def test_a_crashed_part_is_started_again_and_the_others_are_not(tmp_path: Path) -> None:
    parts = (
        server("ledger", tmp_path, Text.PART_POSTGRES),
        server("worker", tmp_path, Text.PART_WORKER, after=("ledger",)),
    )
    async with supervised(*parts) as (supervisor, recorder):
        ledger, first = supervisor.pid("ledger"), supervisor.pid("worker")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: (Text.PART_WORKER, Text.STATE_FAILED) in recorder.states)
        await until(lambda: recorder.states[-1] == (Text.PART_WORKER, Text.STATE_READY))
        assert supervisor.pid("worker") not in {None, first}
        assert supervisor.pid("ledger") == ledger
    warnings = [text for _, severity, text in recorder.events if severity is Severity.WARNING]
    assert len(warnings) == 1
    assert "SIGKILL" in warnings[0]


async def test_a_part_that_once_served_is_never_given_up(tmp_path: Path) -> None:
    part = server("worker", tmp_path, Text.PART_WORKER)
    async with supervised(part) as (supervisor, recorder):
        for _ in range(QUICK.attempts_at_start + 2):
            pid = supervisor.pid("worker")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: supervisor.pid("worker") not in {None, pid})
            await until(lambda: recorder.states[-1] == (Text.PART_WORKER, Text.STATE_READY))


async def test_gives_up_readably_when_a_part_never_serves(tmp_path: Path) -> None:
    source = "import sys; print('the shelf is empty'); sys.exit(3)"
    part = server("web", tmp_path, Text.PART_WEB, source=source)
    recorder = Recorder()
    supervisor = Supervisor([part], recorder, Path("full.log"), QUICK)
    with pytest.raises(OperatorError) as raised:
        await supervisor.start()
    await supervisor.stop()
    assert raised.value.text is Text.PART_GAVE_UP
    assert "full.log" in str(raised.value)
    assert "exit status 3" in str(raised.value)
    assert any("the shelf is empty" in text for _, _, text in recorder.events)


async def test_a_step_that_fails_is_not_repeated(tmp_path: Path) -> None:
    source = (
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x'); sys.exit(1)"
    )
    tries = tmp_path / "tries"
    tries.write_text("")
    step = Part("prepare", Text.PART_PREPARE, python(source, str(tries)), None)
    later = server("web", tmp_path, Text.PART_WEB, after=("prepare",))
    with pytest.raises(OperatorError) as raised:
        async with supervised(step, later):
            pass
    assert raised.value.text is Text.STEP_FAILED
    assert tries.read_text() == "x"
    assert not (tmp_path / "history").exists()


async def test_a_step_that_succeeds_lets_the_next_part_start(tmp_path: Path) -> None:
    step = Part("prepare", Text.PART_PREPARE, python("pass"), None)
    async with supervised(step, server("web", tmp_path, Text.PART_WEB, after=("prepare",))) as (_, recorder):
        ready = [part for part, state in recorder.states if state is Text.STATE_READY]
    assert ready == [Text.PART_PREPARE, Text.PART_WEB]


async def test_a_part_that_hangs_at_its_start_is_ended_and_given_up(tmp_path: Path) -> None:
    async def never(_pid: int) -> bool:
        return False

    part = Part("web", Text.PART_WEB, python("import time; time.sleep(60)"), never, start_timeout_seconds=0.2)
    with pytest.raises(OperatorError, match="not ready in time"):
        async with supervised(part):
            pass
    assert not [
        each for each in psutil.Process().children(recursive=True) if "time.sleep(60)" in each.cmdline()[-1]
    ]


async def test_a_part_that_will_not_leave_is_forced(tmp_path: Path) -> None:
    deaf = SERVER.replace(
        "signal.signal(signal.SIGTERM, leave)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    )
    async with supervised(server("web", tmp_path, Text.PART_WEB, source=deaf)) as (supervisor, recorder):
        pid = supervisor.pid("web")
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert recorder.events[-1][1] is Severity.WARNING


async def test_a_second_request_ends_everything_at_once(tmp_path: Path) -> None:
    deaf = SERVER.replace(
        "signal.signal(signal.SIGTERM, leave)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    )
    async with supervised(server("web", tmp_path, Text.PART_WEB, source=deaf)) as (supervisor, recorder):
        stopping = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0.05)
        began = time.monotonic()
        supervisor.force()
        await stopping
        assert time.monotonic() - began < 0.5
    assert not [text for _, severity, text in recorder.events if severity is Severity.WARNING]


async def test_trouble_counts_only_while_a_part_serves(tmp_path: Path) -> None:
    source = SERVER.replace('note("start")', 'note("start"); print("WARNING: early", flush=True)')
    source = source.replace("    time.sleep(60)", '    time.sleep(0.2); print("WARNING: late", flush=True)')
    async with supervised(server("web", tmp_path, Text.PART_WEB, source=source)) as (_, recorder):
        await until(lambda: any("late" in line.text for line, _ in recorder.lines))
    expected = {line.text: expected for line, expected in recorder.lines}
    assert expected == {"WARNING: early": True, "WARNING: late": False}


def test_waits_longer_after_each_failure_up_to_a_limit() -> None:
    policy = RestartPolicy(first_delay_seconds=0.2, longest_delay_seconds=5.0)
    assert [policy.delay_seconds(failures) for failures in (1, 2, 3, 4, 5, 6, 60)] == [
        0.2,
        0.4,
        0.8,
        1.6,
        3.2,
        5.0,
        5.0,
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help exists on Linux only")
def test_a_killed_supervisor_leaves_no_children(tmp_path: Path) -> None:
    program = tmp_path / "supervise.py"
    program.write_text(
        f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.ops.test_supervisor import Recorder, Supervisor, Text, server
folder = Path({str(tmp_path)!r})
async def main():
    parts = [server("worker", folder, Text.PART_WORKER), server("web", folder, Text.PART_WEB, after=("worker",))]
    supervisor = Supervisor(parts, Recorder(), Path("log"))
    await supervisor.start()
    (folder / "started").write_text("")
    await supervisor.wait()
asyncio.run(main())
"""
    )
    supervisor = subprocess.Popen([sys.executable, str(program)])
    deadline = time.monotonic() + 20
    while not (tmp_path / "started").exists():
        assert supervisor.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(children) == 2
    supervisor.kill()
    supervisor.wait()
    _, left = psutil.wait_procs(children, timeout=3)
    assert not left
