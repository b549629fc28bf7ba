"""Bring a database to the schema of this release."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from adapters.db.engine import sqlalchemy_url

MIGRATIONS = Path(__file__).parent / "migrations"


def configuration(database_url: str) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", sqlalchemy_url(database_url).replace("%", "%%"))
    return config


def upgrade(database_url: str) -> None:
    """Run the migrations that are missing; safe to call from several processes at once."""
    command.upgrade(configuration(database_url), "head")


def newest_revision() -> str:
    """The schema revision this release expects."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None
    return head


def current_revision(database_url: str) -> str | None:
    """The schema revision of a database, or None when it is empty."""
    engine = create_engine(sqlalchemy_url(database_url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
