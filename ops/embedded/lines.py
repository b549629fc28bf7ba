"""What the parts say, line by line, and the file that keeps it."""

import json
import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

_FILE_BYTES = 10 * 1024 * 1024
_FILES_KEPT = 5
_LINE_LIMIT_CHARACTERS = 4000


class Severity(IntEnum):
    """How much a line matters to somebody who watches."""

    DETAIL = 10
    NOTE = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True)
class Line:
    """One line of one part."""

    part: str
    severity: Severity
    text: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def formatted(self) -> str:
        """As it stands in the log file: UTC, part, severity, text."""
        return (
            f"{self.at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {self.part:<9} {self.severity.name:<7} {self.text}"
        )


_NAMED_SEVERITIES = {
    "debug": Severity.DETAIL,
    "info": Severity.NOTE,
    "warn": Severity.WARNING,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
    "critical": Severity.ERROR,
    "fatal": Severity.ERROR,
}
_PLAIN_SEVERITY = re.compile(r"^(LOG|FATAL|PANIC|WARNING|ERROR)\b", re.IGNORECASE)


def understand(part: str, raw: str) -> Line:
    """Read one line of output of a part: JSON of ours or of Temporal, or PostgreSQL's plain words."""
    raw = raw.rstrip()[:_LINE_LIMIT_CHARACTERS]
    if raw.startswith("{"):
        try:
            content = json.loads(raw)
        except ValueError:
            content = None
        if isinstance(content, dict):
            return _from_json(part, content)
    if (found := _PLAIN_SEVERITY.match(raw)) is not None:
        word = found.group(1).lower()
        return Line(
            part, _NAMED_SEVERITIES.get(word, Severity.DETAIL if word == "log" else Severity.ERROR), raw
        )
    return Line(part, Severity.NOTE, raw)


def _from_json(part: str, content: dict[str, Any]) -> Line:
    severity = _NAMED_SEVERITIES.get(str(content.pop("level", "info")).lower(), Severity.NOTE)
    text = str(content.pop("event", None) or content.pop("msg", None) or "")
    for name in ("timestamp", "ts", "time"):
        content.pop(name, None)
    rest = " ".join(f"{name}={value}" for name, value in content.items())
    return Line(part, severity, f"{text} {rest}".strip()[:_LINE_LIMIT_CHARACTERS])


class LogFile:
    """Everything every part said, in files that do not grow without end."""

    def __init__(self, path: Path) -> None:
        self._handler = RotatingFileHandler(
            path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def write(self, line: Line) -> None:
        """Append one line; a full disk is reported once by logging and stops nobody."""
        record = logging.LogRecord("holdfast", logging.INFO, "", 0, line.formatted(), None, None)
        self._handler.handle(record)

    def close(self) -> None:
        """Flush and close."""
        self._handler.close()
