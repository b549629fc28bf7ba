"""How noisy the machine was while something was measured, and what each process cost."""

import contextlib
import os
import time
from dataclasses import dataclass
from typing import Any

import psutil

_MEGABYTE = 1024 * 1024


class MachineWatch:
    """Measures from its making to `report`."""

    def __init__(self) -> None:
        self._load_before = os.getloadavg()[0]
        self._times = psutil.cpu_times()
        self._began = time.monotonic()

    def report(self) -> dict[str, Any]:
        """Cores, load (1 minute) before and after, busy cores on average, stolen time in percent."""
        now = psutil.cpu_times()
        seconds = max(1e-9, time.monotonic() - self._began)
        spent = {name: getattr(now, name) - getattr(self._times, name) for name in now._fields}
        total = sum(value for name, value in spent.items() if not name.startswith("guest")) or 1.0
        idle = spent.get("idle", 0.0) + spent.get("iowait", 0.0)
        stolen = spent.get("steal", 0.0)
        return {
            "cores": os.cpu_count() or 1,
            "load": {"before": round(self._load_before, 2), "after": round(os.getloadavg()[0], 2)},
            "busy_cores": round((total - idle - stolen) / seconds, 2),
            "stolen_percent": round(100 * stolen / total, 2),
            "seconds": round(seconds, 1),
        }


@dataclass(frozen=True)
class CpuSnapshot:
    """Seconds of CPU that each part has spent so far, its children included."""

    seconds: dict[str, float]

    @classmethod
    def take(cls, pids: dict[str, int]) -> "CpuSnapshot":
        """Of the parts whose processes still exist."""
        return cls({name: _cpu_seconds(pid) for name, pid in pids.items()})

    def milliseconds_since(self, earlier: "CpuSnapshot") -> dict[str, float]:
        """What each part spent since then."""
        return {
            name: (seconds - earlier.seconds.get(name, 0.0)) * 1000 for name, seconds in self.seconds.items()
        }


def _cpu_seconds(pid: int) -> float:
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
            if process.pid == pid:  # children that ended and were waited for
                total += times.children_user + times.children_system
    return total


def memory_megabytes(pids: dict[str, int]) -> dict[str, float]:
    """Memory of each part with its children; shared pages are counted once (proportional set size)."""
    found: dict[str, float] = {}
    for name, pid in pids.items():
        total = 0
        for process in _family(pid):
            with contextlib.suppress(psutil.Error):
                info = process.memory_full_info()
                total += getattr(info, "pss", info.rss)
        found[name] = total / _MEGABYTE
    return found


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
