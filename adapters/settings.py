"""What the product is configured by: the environment, read once, in one place.

Nothing else reads the environment. Every part takes a `Settings` (or a value of it) as an argument;
the command line, the worker's root and the web application's root call `get_settings()`.
"""

import ipaddress
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AliasChoices,
    AliasGenerator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only, refused elsewhere"  # noqa: S105 - a marker that is refused outside development
SECRET_LENGTH_MINIMUM = 32

_POSTGRES_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")


class Environment(StrEnum):
    """Where the product runs; `development` shows one-time codes and accepts the built-in secret."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """`text` is for people at a terminal, `json` for log collectors."""

    TEXT = "text"
    JSON = "json"


class SettingsError(Exception):
    """The environment cannot be used; `problems` holds (environment variable, what is wrong)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in problems))


def _environment_names(field_name: str) -> AliasChoices:
    """Each setting is read from HOLDFAST_NAME, and from NAME where that is the custom of the trade."""
    name = field_name.upper()
    if field_name in {
        "environment",
        "language",
        "worker_sandbox",
    }:  # too common to be ours without the prefix
        return AliasChoices(f"HOLDFAST_{name}")
    return AliasChoices(f"HOLDFAST_{name}", name)


class Settings(BaseSettings):
    """All settings. Durations are in seconds unless their name says otherwise."""

    model_config = SettingsConfigDict(
        alias_generator=AliasGenerator(validation_alias=_environment_names),
        populate_by_name=True,
        case_sensitive=True,  # else ENVIRONMENT would be read as the field's own name
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.PRODUCTION
    """Safe unless said otherwise: what only developers may see is off in production."""

    database_url: str
    """`postgresql://user:password@host:port/name`; see `sqlalchemy_url`."""

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_task_queue: str = "holdfast"

    public_url: str = "http://127.0.0.1:8080"
    """The address customers and providers use; signatures of webhooks are checked against it."""

    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8080, ge=1, le=65535)
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks whose `X-Forwarded-For` is believed; comma-separated in the environment."""

    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    """Signs cookies and tokens and salts digests."""

    data_dir: Path = Path("data")
    """Where files live that the database refers to; see `files_dir`."""

    web_pool_size: int = Field(default=10, ge=1)
    worker_pool_size: int = Field(default=10, ge=1)
    dispatcher_pool_size: int = Field(default=2, ge=1)
    worker_sandbox: bool = True
    """Run workflows in the SDK's sandbox; off costs less CPU and gives up a safety net."""

    business_system_url: str | None = None
    business_system_token: SecretStr | None = None
    embeddings_url: str | None = None
    """An OpenAI-compatible embeddings endpoint; without it meaning is judged by the lexicon alone."""
    embeddings_model: str | None = Field(default=None, validate_default=True)
    """The model's name at that endpoint; vectors of another model are never compared with its own."""
    embeddings_token: SecretStr | None = None

    log_format: LogFormat = LogFormat.TEXT

    @property
    def sqlalchemy_url(self) -> str:
        """`database_url` as SQLAlchemy wants it, with the driver named."""
        return "postgresql+psycopg://" + self.database_url.split("://", 1)[1]

    @property
    def max_local_activities(self) -> int:
        """No more local activities at once than connections: one that waits for a connection holds a task."""
        return self.worker_pool_size

    @property
    def files_dir(self) -> Path:
        """The folder of attachments."""
        return self.data_dir / "files"

    @property
    def is_development(self) -> bool:
        """Whether one-time codes may be shown on a page instead of being sent."""
        return self.environment is Environment.DEVELOPMENT

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies carry `Secure`: wherever the public address is HTTPS."""
        return self.public_url.startswith("https://")

    @field_validator("database_url")
    @classmethod
    def _one_scheme(cls, value: str) -> str:
        """The plain scheme, which psycopg reads as it is."""
        if not value.startswith(_POSTGRES_SCHEMES):
            raise ValueError("must start with postgresql://")
        return "postgresql://" + value.split("://", 1)[1]

    @field_validator("public_url", "business_system_url", "embeddings_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("embeddings_model")
    @classmethod
    def _named_model(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("embeddings_url") is not None:
            raise ValueError("is needed beside EMBEDDINGS_URL")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, part in enumerate(value, 1):
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError as error:
                raise ValueError(f"entry {number} is neither an address nor a network") from error
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _no_weak_secret(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if self.environment is Environment.DEVELOPMENT:
            return self
        if secret == DEVELOPMENT_SECRET or len(secret) < SECRET_LENGTH_MINIMUM:
            raise ValueError(f"SECRET_KEY must be set to at least {SECRET_LENGTH_MINIMUM} random characters")
        return self


def load_settings() -> Settings:
    """Read the environment now.

    Raises SettingsError naming each variable that is missing or wrong, never showing its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(
            [_problem(each["loc"], each["msg"]) for each in error.errors(include_input=False)]
        ) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read at the first call. Raises SettingsError."""
    return load_settings()


def _problem(location: tuple[int | str, ...], message: str) -> tuple[str, str]:
    name = str(location[0]).upper().removeprefix("HOLDFAST_") if location else "SECRET_KEY"
    return name, message.removeprefix("Value error, ")
