"""Rows that packs and people both write: a pack renews its own rows and leaves what people changed.

What people change is recorded in `configuration_changes` under the row's subject, `table:key`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.db.engine import Transaction, as_json


def subject_of(table: str, *key: object) -> str:
    """The subject of a row in `configuration_changes`, for example `queues:general`."""
    return f"{table}:{'.'.join(map(str, key))}"


@dataclass
class PackWriter:
    """Writes a pack's rows into one line, passing over those that people changed since."""

    tx: Transaction
    line_id: str
    changed_by_people: frozenset[str]
    kept: list[str] = field(default_factory=list)
    """Subjects that were left alone."""

    @classmethod
    async def open(cls, tx: Transaction, line_id: str) -> "PackWriter":
        """A writer that knows what people changed."""
        rows = await tx.all(
            """select subject from configuration_changes
               where line_id = :line and undone_at is null and user_id is not null
               union
               select 'articles:' || key || '.' || language from articles
               where line_id = :line and (version > 1 or changed_by is not null)""",
            line=line_id,
        )
        return cls(tx, line_id, frozenset(row.subject for row in rows))

    def may_write(self, subject: str) -> bool:
        """Whether the row is still the pack's; one that is not is noted in `kept`."""
        if subject in self.changed_by_people:
            self.kept.append(subject)
            return False
        return True

    async def upsert(
        self, table: str, key: Mapping[str, Any], values: Mapping[str, Any], *, fixed: Mapping[str, Any]
    ) -> bool:
        """Insert or renew one row; `fixed` is written only when it is new. False when people changed it.

        Lists and mappings go into JSON columns.
        """
        if not self.may_write(subject_of(table, *key.values())):
            return False
        row = {"line_id": self.line_id} | dict(key) | dict(fixed) | dict(values)
        columns, marks = ", ".join(row), ", ".join(_mark(name, value) for name, value in row.items())
        renewed = ", ".join(f"{name} = excluded.{name}" for name in values)
        await self.tx.run(
            f"""insert into {table} ({columns}) values ({marks})
                on conflict ({", ".join(("line_id", *key))}) do update set {renewed}""",  # noqa: S608 - names are constants of the callers
            **{name: as_json(value) if _is_document(value) else value for name, value in row.items()},
        )
        return True


def _is_document(value: Any) -> bool:
    return isinstance(value, (list, tuple, Mapping))


def _mark(name: str, value: Any) -> str:
    return f"cast(:{name} as jsonb)" if _is_document(value) else f":{name}"
