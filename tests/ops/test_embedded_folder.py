"""The data folder: one user at a time, versions, secrets, and one sentence for each trouble."""

import errno
import json
import os
import re
import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from ops.embedded import ports
from ops.embedded.folder import FORMAT, DataFolder, Runtime
from ops.messages import Language, OperatorError, Text, language_of
from ops.target import resolve


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def runtime() -> Runtime:
    return Runtime(
        pid=1,
        environment="development",
        database_url="postgresql://a:b@127.0.0.1:5/holdfast",
        temporal_address="127.0.0.1:6",
        web_url="http://127.0.0.1:7",
        secret_key="s" * 40,
        business_system_url=None,
        business_system_token=None,
    )


def refused(folder: DataFolder) -> OperatorError:
    with pytest.raises(OperatorError) as raised, folder.opened():
        pass
    assert "\n" not in str(raised.value)
    assert str(folder.path) in str(raised.value)
    return raised.value


def test_a_folder_serves_one_holdfast_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.opened():
        assert folder.is_in_use()
        error = refused(DataFolder(tmp_path / "data"))
        assert error.text is Text.FOLDER_IN_USE
        assert str(os.getpid()) in str(error)
    assert not folder.is_in_use()
    with folder.opened():
        pass


def test_a_newer_folder_is_left_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.opened():
        pass
    (folder.path / "version").write_text(f"{FORMAT + 1}\n")
    before = sorted(path.name for path in folder.path.iterdir())
    assert refused(folder).text is Text.FOLDER_NEWER
    assert sorted(path.name for path in folder.path.iterdir()) == before
    assert not folder.is_in_use()


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert refused(DataFolder(tmp_path)).text is Text.FOLDER_NOT_OURS
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(DataFolder(tmp_path / "file" / "data")).text is Text.FOLDER_NOT_WRITABLE


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 5 * 1024 * 1024))
    error = refused(DataFolder(tmp_path / "data"))
    assert error.text is Text.DISK_FULL
    assert "5 MB" in str(error)


def test_a_disk_that_fills_up_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised, DataFolder(tmp_path / "data").opened():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.text is Text.DISK_FULL


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.opened():
        first = folder.secrets()
    with folder.opened():
        assert folder.secrets() == first
    assert (folder.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert len(first.secret_key) >= 32
    assert (
        len({first.secret_key, first.member_secret, first.application_password, first.superuser_password})
        == 4
    )


def test_operators_commands_find_a_running_holdfast_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(tmp_path / "data")
    with pytest.raises(OperatorError) as raised:
        resolve(folder.path)
    assert raised.value.text is Text.NOT_RUNNING
    monkeypatch.chdir(tmp_path)
    with folder.opened():
        folder.publish(runtime())
        assert (folder.run / "runtime.json").stat().st_mode & 0o777 == 0o600
        for settings in (resolve(folder.path), resolve(None)):
            assert settings.database_url == runtime().database_url
            assert settings.public_url == "http://127.0.0.1:7"
            assert settings.data_dir == folder.path
    with pytest.raises(OperatorError) as raised:
        resolve(folder.path)
    assert raised.value.text is Text.NOT_RUNNING
    with pytest.raises(OperatorError) as raised:
        resolve(None)
    assert raised.value.text is Text.SETTING_MISSING


def test_the_environment_names_a_holdfast_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgres://a:b@db.example/holdfast")
    with pytest.raises(OperatorError) as raised:
        resolve(None)
    assert "SECRET_KEY" in str(raised.value)
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef" * 2)
    assert resolve(None).database_url == "postgresql://a:b@db.example/holdfast"


def test_ports_are_remembered_and_replaced_when_taken(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.opened():
        assert folder.remembered_ports() == {}
        free = ports.choose(None)
        folder.remember_ports({"postgres": free})
        assert ports.choose(folder.remembered_ports()["postgres"]) == free
        assert ports.choose(free, avoiding={free}) != free
        with socket.create_server(("127.0.0.1", free)):
            assert ports.choose(free) != free
            with pytest.raises(OperatorError, match=str(free)) as raised:
                ports.require_free(free)
            assert raised.value.text is Text.PORT_TAKEN
        (folder.path / "ports.json").write_text(json.dumps(["nonsense"]))
        assert folder.remembered_ports() == {}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, Language.EN),
        ({"LANG": "zh_CN.UTF-8"}, Language.ZH),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, Language.EN),
        ({"LANG": "en_GB.UTF-8", "HOLDFAST_LANGUAGE": "zh"}, Language.ZH),
        ({"LANG": ""}, Language.EN),
    ],
)
def test_the_terminals_language(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) is language


def test_every_sentence_exists_twice_with_the_same_values() -> None:
    for text in Text:
        english, chinese = text.value
        fields = [sorted(re.findall(r"{(\w+)", each)) for each in (english, chinese)]
        assert fields[0] == fields[1], text
        assert re.search(r"[\u4e00-\u9fff]", chinese), text
        assert not re.search(r"[,;:!?()](?![\w/])", re.sub(r"{[^}]*}", "", chinese)), text
