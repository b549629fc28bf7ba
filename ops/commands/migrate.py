"""`holdfast migrate`: bring the database to this release."""

import typer

from adapters.settings import Settings
from ops.messages import OperatorError, Text
from ops.options import AsJson
from ops.output import Output
from ops.roles import role_settings


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("migrate")
    def migrate(*, as_json: AsJson = False) -> None:
        """Create or upgrade the tables of DATABASE_URL; safe to repeat."""
        revision = upgrade_database(role_settings())
        output = Output(as_json=as_json)
        output.say(Text.MIGRATED)
        output.result({"revision": revision})


def upgrade_database(settings: Settings) -> str:
    """Run the missing migrations; the revision afterwards.

    Raises OperatorError when the database is away or was written by a newer release.
    """
    from alembic.util import CommandError  # noqa: PLC0415 - only this role pays for it
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - the same

    from adapters.db import migrate  # noqa: PLC0415 - the same

    try:
        migrate.upgrade(settings.database_url)
    except CommandError as error:  # it knows no such revision
        raise OperatorError(Text.DATABASE_NEWER) from error
    except OperationalError as error:
        raise OperatorError(Text.DATABASE_AWAY) from error
    return migrate.newest_revision()
