"""What a bench found, each figure with its goal, for people and for scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.replay.judge import percentile
from ops.replay.words import Word, tell


@dataclass(frozen=True)
class Figure:
    """One measured number. Without a goal it only explains the others."""

    name: str
    value: float | None
    """None: it could not be measured, which misses every goal."""
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str | None:
        """As in the specification."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        if self.value is None:
            return False
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.at_least is not None and self.value >= self.at_least

    def as_json(self) -> dict[str, Any]:
        """The keys of DESIGN §11."""
        value = None if self.value is None else round(self.value, 3)
        return {"name": self.name, "value": value, "unit": self.unit, "goal": self.goal, "met": self.met}


@dataclass(frozen=True)
class Report:
    """A whole bench: its figures, the machine's noise meanwhile, and what it was run with."""

    figures: Sequence[Figure]
    machine: dict[str, Any]
    setting: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "figures": [figure.as_json() for figure in self.figures],
            "machine": self.machine,
            "setting": self.setting,
        }

    def show(self, console: Console) -> None:
        """A table, with what missed its goal standing out."""
        table = Table(box=None, pad_edge=False)
        table.add_column(tell(Word.FIGURE))
        table.add_column(tell(Word.VALUE), justify="right")
        table.add_column(tell(Word.GOAL))
        table.add_column()
        for figure in self.figures:
            value = tell(Word.NO_REPLY) if figure.value is None else f"{figure.value:,.5g}"
            verdict = "" if figure.met is None else tell(Word.MET if figure.met else Word.MISSED)
            style = "" if figure.met is None else "green" if figure.met else "bold red"
            table.add_row(
                figure.name, f"{value} {figure.unit}".rstrip(), figure.goal or "", verdict, style=style
            )
        console.print(table)
        machine = self.machine
        told = tell(
            Word.MACHINE,
            cores=machine["cores"],
            busy=machine["busy_cores"],
            load_before=machine["load"]["before"],
            load_after=machine["load"]["after"],
            stolen=machine["stolen_percent"],
        )
        console.print(told, style="dim")


def percentiles(
    name: str,
    values_ms: Sequence[float],
    *,
    p50_at_most: float | None = None,
    p95_at_most: float | None = None,
) -> list[Figure]:
    """Two figures: `name_p50_ms` and `name_p95_ms`."""
    return [
        Figure(f"{name}_p50_ms", percentile(values_ms, 0.5), "ms", at_most=p50_at_most),
        Figure(f"{name}_p95_ms", percentile(values_ms, 0.95), "ms", at_most=p95_at_most),
    ]
