"""`holdfast user`: the same rules as in the pages, told at a terminal."""

import io
import json
import sys
from collections.abc import Callable

import psycopg
import pytest

from ops import cli

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    with psycopg.connect(fresh_database_url) as connection:
        connection.execute(
            "insert into business_lines (id, name_zh, name_en, member_secret) values ('shop', '店', 'Shop', 'secret')"
        )
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef" * 2)
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")

    def run(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["holdfast", "user", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return run


def test_a_user_is_added_listed_and_disabled(command: Command) -> None:
    assert command("list") == (0, "There are no users yet.\n", "")
    status, said, _ = command(
        *("add", "wang", "--name", "王芳", "--role", "agent", "--role", "supervisor"),
        *("--password-stdin", "--json"),
        typed="correct horse\n",
    )
    assert status == 0
    assert json.loads(said.splitlines()[-1])["user"]["roles"] == {"shop": ["agent", "supervisor"]}
    assert "correct horse" not in said
    assert "王芳" in command("list")[1]
    assert command("password", "WANG", "--password-stdin", typed="battery staple\n")[0] == 0
    assert command("disable", "wang")[0] == 0
    _, listed, _ = command("list", "--json")
    (user,) = json.loads(listed.splitlines()[-1])["users"]
    assert user["disabled_at"] is not None


@pytest.mark.parametrize(
    ("words", "typed", "sentence"),
    [
        (("add", "li", "--password-stdin"), "short\n", "too short"),
        (("add", "li", "--password-stdin"), "aaaaaaaaaa\n", "easy to guess"),
        (("add", "li"), "", "--password-stdin"),
        (("add", "li", "--role", "king", "--password-stdin"), "correct horse\n", "king is no role"),
        (
            ("add", "li", "--line", "moon", "--password-stdin"),
            "correct horse\n",
            "no business line named moon",
        ),
        (("password", "nobody", "--password-stdin"), "correct horse\n", "no user with the login nobody"),
        (("disable", "nobody"), "", "no user with the login nobody"),
    ],
)
def test_refusals_are_one_sentence(
    command: Command, words: tuple[str, ...], typed: str, sentence: str
) -> None:
    status, said, error = command(*words, typed=typed)
    assert (status, said) == (1, "")
    assert sentence in error
    assert error.count("\n") == 1
    assert command("list")[1] == "There are no users yet.\n"


def test_a_login_is_taken_once(command: Command) -> None:
    assert command("add", "wang", "--password-stdin", typed="correct horse\n")[0] == 0
    status, _, error = command("add", "Wang ", "--password-stdin", typed="another horse\n")
    assert status == 1
    assert "exists already" in error
