"""The ledger's tables, one file per area; importing this package registers them all."""

from sqlalchemy import DefaultClause, Text
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from adapters.db.tables import cases, company, contacts, customers, knowledge, routing

metadata = SQLModel.metadata


def _make_fit_for_plain_sql() -> None:
    """One text type everywhere, and every constant default the database's too."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, AutoString):
                column.type = Text()
            default = column.default
            if column.server_default is None and default is not None and default.is_scalar:
                value = default.arg  # type: ignore[attr-defined] # is_scalar says that it is there
                if isinstance(value, bool | int | str):
                    sql = str(value).lower() if isinstance(value, bool) else str(value)
                    column.server_default = DefaultClause(sql)


_make_fit_for_plain_sql()

__all__ = ["cases", "company", "contacts", "customers", "knowledge", "metadata", "routing"]
