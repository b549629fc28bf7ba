"""The command line's own manners: one sentence for each trouble, in the operator's language."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.db.migrate import current_revision, newest_revision
from ops import cli
from ops.embedded import temporal
from ops.embedded.folder import DataFolder
from ops.messages import OperatorError, Text


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["holdfast", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_taken_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
        assert run(monkeypatch, "up", "--data-dir", str(tmp_path / "data"), "--port", port) == 1
        said = capsys.readouterr()
        assert (
            said.err == f"Port {port} is taken by another program; stop it or choose another with --port.\n"
        )
        assert said.out == ""
        monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
        assert run(monkeypatch, "up", "--data-dir", str(tmp_path / "data"), "--port", port, "--json") == 1
        said = capsys.readouterr()
        assert said.err == f"端口 {port} 已被其他程序占用；请停止该程序，或用 --port 换一个端口。\n"
        assert json.loads(said.out) == {"error": {"code": "port_taken", "message": said.err.strip()}}


def test_a_folder_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with DataFolder(tmp_path / "data").opened():
        assert run(monkeypatch, "up", "--data-dir", str(tmp_path / "data")) == 1
    assert "--data-dir" in capsys.readouterr().err


def test_an_unknown_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "up", "--data-dir", str(tmp_path / "data"), "--pack", "../bakery") == 1
    assert "ecommerce" in capsys.readouterr().err


def test_a_missing_temporal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(temporal.sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr(temporal.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError) as raised:
        temporal.find_temporal()
    assert raised.value.text is Text.PROGRAM_MISSING


def test_a_role_without_settings_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "migrate") == 1
    assert "DATABASE_URL" in capsys.readouterr().err


def test_migrate_creates_the_tables(empty_database_url: str) -> None:
    environment = os.environ | {"DATABASE_URL": empty_database_url, "SECRET_KEY": "0123456789abcdef" * 2}
    command = [sys.executable, "-m", "ops.cli", "migrate", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    revision = json.loads(done.stdout.splitlines()[-1])["revision"]
    assert revision == current_revision(empty_database_url) == newest_revision()


def test_migrate_without_a_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:none@127.0.0.1:1/none")
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef" * 2)
    assert run(monkeypatch, "migrate") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "DATABASE_URL" in said


def test_help_lists_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    listed = capsys.readouterr().out
    for command in ("up", "migrate", "worker", "dispatch", "web", "user"):
        assert f" {command} " in listed
    assert " prepare " not in listed
