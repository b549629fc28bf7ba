"""`holdfast bench knowledge`: the bot's shares and times as figures."""

from pathlib import Path
from typing import Any

from ops.bench.figures import Figure, Report
from ops.bench.knowledge import measure_knowledge
from ops.bench.machine import MachineWatch
from ops.bench.texts import PACKS


def report_knowledge(data: Path | None, pack: str = "ecommerce") -> Report:
    """All that `measure_knowledge` finds; with a folder of public data sets those as well."""
    watch = MachineWatch()
    found = measure_knowledge(PACKS / pack, data)
    figures = [
        Figure(f"{group}.{name}", float(value), _unit(group, name))
        for group, values in found.items()
        for name, value in _named(values)
    ]
    return Report(figures, watch.report(), {"pack": pack, "data": data is not None})


def _named(values: Any) -> list[tuple[str, float]]:
    return list(values.items()) if isinstance(values, dict) else [("value", values)]


def _unit(group: str, name: str) -> str:
    if group == "milliseconds":
        return "ms"
    return "" if name == "count" else "share"
