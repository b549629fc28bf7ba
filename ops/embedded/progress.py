"""What the operator sees: a moving table while it starts on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text as RichText

from ops.embedded.lines import Line, LogFile, Severity
from ops.messages import Text, say

_REFRESHES_PER_SECOND = 8
_STYLES = {
    Severity.DETAIL: "dim",
    Severity.NOTE: "",
    Severity.WARNING: "yellow",
    Severity.ERROR: "red",
}
_MARKS = {
    Text.STATE_WAITING: RichText("·", "dim"),
    Text.STATE_READY: RichText("✓", "green"),
    Text.STATE_FAILED: RichText("✗", "red"),
}


class Reporter(Protocol):
    """Where a supervisor tells what happens."""

    def state(self, part: Text, state: Text) -> None:
        """A part waits, starts, is ready or failed."""

    def event(self, part: Text, severity: Severity, text: str) -> None:
        """Something happened to a part that an operator wants to know."""

    def output(self, line: Line, *, expected: bool) -> None:
        """A part said something; `expected` where trouble is normal, while it starts or stops."""


@dataclass
class _Row:
    state: Text = Text.STATE_WAITING
    started: float | None = None
    seconds: float | None = None
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))


class TerminalReporter:
    """Everything into the log file; what matters onto the terminal."""

    def __init__(self, console: Console, log: LogFile, *, verbose: bool) -> None:
        self._console = console
        self._log = log
        self._verbose = verbose
        self._rows: dict[Text, _Row] = {}
        self._live: Live | None = None

    @contextmanager
    def starting(self, parts: list[Text]) -> Iterator[None]:
        """Show the parts' way to readiness while the block runs."""
        self._rows = {part: _Row() for part in parts}
        if not self._console.is_terminal:
            self._console.print(say(Text.STARTING_TITLE))
            yield
            return
        with Live(
            get_renderable=self._table, console=self._console, refresh_per_second=_REFRESHES_PER_SECOND
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def state(self, part: Text, state: Text) -> None:
        """See Reporter."""
        row = self._rows.setdefault(part, _Row())
        row.state = state
        if state is Text.STATE_STARTING:
            row.started, row.seconds = time.monotonic(), None
        elif row.started is not None:
            row.seconds = time.monotonic() - row.started

    def event(self, part: Text, severity: Severity, text: str) -> None:
        """See Reporter."""
        line = Line("holdfast", severity, f"{say(part)} {text}")
        self._log.write(line)
        if self._live is None or severity >= Severity.WARNING:
            self._print(line)

    def output(self, line: Line, *, expected: bool) -> None:
        """See Reporter."""
        self._log.write(line)
        if self._verbose or (line.severity >= Severity.WARNING and not expected):
            self._print(line)

    def _print(self, line: Line) -> None:
        shown = RichText(f"{_local(line.at):%H:%M:%S} ", "dim")
        if line.part != "holdfast":
            shown.append(f"{line.part:<9} ", "cyan")
        shown.append(line.text, _STYLES[line.severity])
        self._console.print(shown, soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.title = say(Text.STARTING_TITLE)
        table.title_justify = "left"
        for part, row in self._rows.items():
            seconds = row.seconds
            if seconds is None and row.started is not None:
                seconds = time.monotonic() - row.started
            mark = _MARKS.get(row.state, row.spinner)
            table.add_row(mark, say(part), say(row.state), "" if seconds is None else f"{seconds:.1f} s")
        return table


def _local(at: datetime) -> datetime:
    return at.astimezone()
