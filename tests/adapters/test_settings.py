"""What the environment may and may not say."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.settings import (
    DEVELOPMENT_SECRET,
    Environment,
    LogFormat,
    Settings,
    SettingsError,
    load_settings,
)

URL = "postgresql://holdfast:pw@db.example:5432/holdfast"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("SECRET_KEY", SECRET)


def test_production_is_the_default_and_refuses_weak_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().environment is Environment.PRODUCTION
    for weak in (DEVELOPMENT_SECRET, "short", ""):
        monkeypatch.setenv("SECRET_KEY", weak)
        with pytest.raises(SettingsError, match="SECRET_KEY"):
            load_settings()
    monkeypatch.setenv("HOLDFAST_ENVIRONMENT", "development")
    assert load_settings().is_development


def test_our_prefix_wins_over_the_common_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "text")
    monkeypatch.setenv("HOLDFAST_LOG_FORMAT", "json")
    assert load_settings().log_format is LogFormat.JSON


def test_a_common_word_without_our_prefix_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert not load_settings().is_development


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_one_database_address_for_every_driver(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", URL.replace("postgresql", scheme))
    settings = load_settings()
    assert settings.database_url == URL
    assert settings.sqlalchemy_url == URL.replace("postgresql", "postgresql+psycopg")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://holdfast:hunter2@db/holdfast"),
        ("DATABASE_URL", ""),
        ("PUBLIC_URL", "ftp://hunter2"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,hunter2"),
        ("WEB_PORT", "70000"),
        ("WORKER_POOL_SIZE", "0"),
        ("HOLDFAST_ENVIRONMENT", "hunter2"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    ((problem, reason),) = raised.value.problems
    assert problem == name.removeprefix("HOLDFAST_")
    assert "hunter2" not in reason


def test_values_are_read_into_their_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")
    monkeypatch.setenv("PUBLIC_URL", "https://help.example/")
    monkeypatch.setenv("HOLDFAST_WORKER_SANDBOX", "off")
    settings = load_settings()
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.7")
    assert settings.public_url == "https://help.example"
    assert settings.secure_cookies
    assert not settings.worker_sandbox
    assert settings.max_local_activities == settings.worker_pool_size
    assert settings.files_dir == Path.cwd() / "data" / "files"


def test_settings_do_not_change_and_do_not_tell() -> None:
    settings = load_settings()
    assert SECRET not in repr(settings)
    with pytest.raises(ValidationError):
        settings.web_port = 1  # type: ignore[misc] # that it is refused is the point
    assert Settings(database_url=URL, environment=Environment.DEVELOPMENT).web_port == 8080
