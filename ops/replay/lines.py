"""Reading what customers say from a file of JSON lines."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.replay.words import PlayError, Word

LONGEST_TEXT_BYTES = 16_000
"""The chat takes 16 KB; what is longer is cut, as a customer would have to."""


@dataclass(frozen=True)
class Said:
    """One customer's message."""

    number: int
    """The line's number in the file, from 1."""
    text: str


@dataclass(frozen=True)
class Skipped:
    """A line that says nothing."""

    number: int
    reason: Word


def read_lines(path: Path, limit: int | None = None) -> tuple[list[Said], list[Skipped]]:
    """The messages of the file's first lines, at most `limit`, and the lines that hold none.

    Raises PlayError when the file cannot be read or has no message at all.
    """
    said: list[Said] = []
    skipped: list[Skipped] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if limit is not None and len(said) >= limit:
                    break
                if not line.strip():
                    continue
                text = _text_of(line)
                if isinstance(text, Word):
                    skipped.append(Skipped(number, text))
                else:
                    said.append(Said(number, text))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PlayError(Word.FILE_UNREADABLE, path=path, reason=reason) from error
    if not said:
        raise PlayError(Word.FILE_EMPTY, path=path)
    return said, skipped


def _text_of(line: str) -> str | Word:
    """What the line says, or why it says nothing: `text`, else `subject`."""
    try:
        row: Any = json.loads(line)
    except ValueError:
        return Word.REASON_NO_JSON
    if not isinstance(row, dict):
        return Word.REASON_NO_JSON
    words = [row.get("text")] if _is_text(row.get("text")) else [row.get("subject")]
    text = "\n".join(str(word).strip() for word in words if _is_text(word)).replace("\0", "")
    text = text.encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore")
    return text or Word.REASON_NO_TEXT


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
