"""Alembic's entry: one connection, one transaction, one migrator at a time."""

from alembic import context
from sqlalchemy import create_engine, text

from adapters.db.tables import metadata

MIGRATION_LOCK = 0x486F6C64  # "Hold": several processes may start at once


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            context.configure(connection=connection, target_metadata=metadata)
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
    engine.dispose()


run()
