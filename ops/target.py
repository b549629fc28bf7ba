"""Which Holdfast a command is about: one that runs with a data folder, or the one the environment names."""

import os
from pathlib import Path

from pydantic import SecretStr

from adapters.settings import Environment, Settings, SettingsError, get_settings
from ops.embedded.folder import DataFolder
from ops.messages import OperatorError, Text

DEFAULT_FOLDER = Path("data")

_MISSING = "Field required"


def resolve(data_dir: Path | None) -> Settings:
    """The settings of the Holdfast to work on.

    With `data_dir`, the one that runs with that folder; without it, the one DATABASE_URL names; else the one
    that runs with `./data`. Raises OperatorError when there is none, or the environment cannot be used.
    """
    if data_dir is not None:
        return _of_folder(DataFolder(data_dir))
    named = any(os.environ.get(name) for name in ("HOLDFAST_DATABASE_URL", "DATABASE_URL"))
    if not named and (folder := DataFolder(DEFAULT_FOLDER)).is_in_use():
        return _of_folder(folder)
    return from_environment()


def from_environment() -> Settings:
    """The settings of the environment. Raises OperatorError naming the first variable that is wrong."""
    try:
        return get_settings()
    except SettingsError as error:
        name, reason = error.problems[0]
        if reason == _MISSING:
            raise OperatorError(Text.SETTING_MISSING, name=name) from error
        raise OperatorError(Text.SETTINGS_WRONG, name=name, reason=reason) from error


def _of_folder(folder: DataFolder) -> Settings:
    runtime = folder.runtime()
    token = runtime.business_system_token
    return Settings(
        environment=Environment(runtime.environment),
        database_url=runtime.database_url,
        temporal_address=runtime.temporal_address,
        public_url=runtime.web_url,
        secret_key=SecretStr(runtime.secret_key),
        data_dir=folder.path,
        business_system_url=runtime.business_system_url,
        business_system_token=SecretStr(token) if token is not None else None,
    )
