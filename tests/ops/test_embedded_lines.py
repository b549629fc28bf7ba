"""What the parts say becomes one log with severities."""

from pathlib import Path

import pytest

from ops.embedded import lines
from ops.embedded.lines import LogFile, Severity, understand


@pytest.mark.parametrize(
    ("raw", "severity", "text"),
    [
        (
            '{"event": "started", "level": "info", "timestamp": "t", "case_id": "7"}',
            Severity.NOTE,
            "started case_id=7",
        ),
        ('{"level":"ERROR","msg":"shard closed","shard":3}', Severity.ERROR, "shard closed shard=3"),
        ('{"level":"warn","msg":"slow"}', Severity.WARNING, "slow"),
        ('{"half": ', Severity.NOTE, '{"half":'),
        ("[1, 2]", Severity.NOTE, "[1, 2]"),
        ("LOG:  database system is ready", Severity.DETAIL, "LOG:  database system is ready"),
        ("FATAL:  no space left", Severity.ERROR, "FATAL:  no space left"),
        ("PANIC:  torn page\n", Severity.ERROR, "PANIC:  torn page"),
        ("logged in", Severity.NOTE, "logged in"),
        ("", Severity.NOTE, ""),
    ],
)
def test_understands_each_part(raw: str, severity: Severity, text: str) -> None:
    line = understand("web", raw)
    assert (line.severity, line.text) == (severity, text)


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_FILE_BYTES", 1000)
    log = LogFile(tmp_path / "holdfast.log")
    for number in range(200):
        log.write(understand("worker", f"line {number} " + "x" * 50))
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 6
    assert all(path.stat().st_size <= 1000 for path in files)
    last = (tmp_path / "holdfast.log").read_text().splitlines()[-1]
    assert "worker" in last
    assert "line 199" in last
