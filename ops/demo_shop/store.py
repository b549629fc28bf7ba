"""The shop's own file: SQLite, one transaction a call, so that what was answered is still true after a restart."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ops.demo_shop import seed as seeding
from ops.demo_shop.model import Customer, Item, Order, OrderException, Tier, TrackingEvent

_BUSY_TIMEOUT_S = 5.0

_SCHEMA = """
create table if not exists shop (seed integer not null, opened_at integer not null);
create table if not exists customers (
    member_id text primary key, name text not null, language text not null, phone text not null unique,
    tier text not null, registered_at integer not null, tags text not null
);
create table if not exists orders (
    number text primary key, member_id text not null references customers, items text not null,
    amount_fen integer not null, address text not null, placed_at integer not null, paid_at integer,
    packed_at integer, shipped_at integer, delivered_at integer, promised_by integer, cancelled_at integer,
    exception text, carrier integer not null, tracking_number text, events text not null,
    return_number text unique, return_reason text, return_requested_at integer, goods_back_at integer,
    refunded_at integer, trace_opened_at integer, trace_expected_at integer, reshipped_at integer
);
create index if not exists orders_of_customer on orders (member_id, placed_at desc);
create table if not exists done (
    member_id text not null, idempotency_key text not null, call text not null, body_sha256 text not null,
    answer text not null, primary key (member_id, idempotency_key)
);
"""

_ORDER_COLUMNS = [each.name for each in fields(Order)]


class Store:
    """The file at `path`; made and filled on the first day, which is `now` (seconds since 1970, UTC)."""

    def __init__(self, path: Path, *, seed: int, now: int) -> None:
        self._path = path
        with self._connection() as connection:
            connection.execute("pragma journal_mode = wal")
            connection.executescript(_SCHEMA)
        with self.transaction() as session:
            session.open_shop(seed, now)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator["Session"]:
        """All or nothing; writers come one after another, so a key is never honoured twice at once."""
        with self._connection() as connection:
            connection.execute("begin immediate")
            try:
                yield Session(connection)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    @contextmanager
    def reading(self) -> Iterator["Session"]:
        """For questions only; does not wait for writers."""
        with self._connection() as connection:
            yield Session(connection)


class Session:
    """Questions and changes over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def open_shop(self, seed: int, now: int) -> None:
        """Fill an empty file; a file that has been opened before stays as it is."""
        if self._connection.execute("select 1 from shop").fetchone():
            return
        people = seeding.customers(seed, now)
        self._connection.execute("insert into shop values (?, ?)", (seed, now))
        self._connection.executemany(
            "insert into customers values (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    one.member_id,
                    one.name,
                    one.language,
                    one.phone,
                    one.tier,
                    one.registered_at,
                    json.dumps(one.tags),
                )
                for one in people
            ],
        )
        for order in seeding.orders(seed, now, people):
            self.add(order)

    def customer(self, *, member_id: str | None = None, phone: str | None = None) -> Customer | None:
        """By member id where there is one, else by the phone number."""
        if member_id is not None:
            query, value = "select * from customers where member_id = ?", member_id
        else:
            query, value = "select * from customers where phone = ?", phone or ""
        row = self._connection.execute(query, (value,)).fetchone()
        return _customer(row) if row else None

    def customers(self) -> list[Customer]:
        """All, by member id."""
        rows = self._connection.execute("select * from customers order by member_id")
        return [_customer(row) for row in rows]

    def orders_of(self, member_id: str) -> list[Order]:
        """Newest first."""
        rows = self._connection.execute(
            "select * from orders where member_id = ? order by placed_at desc, number desc", (member_id,)
        )
        return [_order(row) for row in rows]

    def order(self, member_id: str, number: str) -> Order | None:
        """The customer's order of that number; somebody else's does not exist."""
        row = self._connection.execute(
            "select * from orders where number = ? and member_id = ?", (number, member_id)
        ).fetchone()
        return _order(row) if row else None

    def is_return_number(self, number: str) -> bool:
        """Whether the number is taken."""
        return (
            self._connection.execute("select 1 from orders where return_number = ?", (number,)).fetchone()
            is not None
        )

    def add(self, order: Order) -> None:
        """A new order."""
        marks = ", ".join("?" for _ in _ORDER_COLUMNS)
        self._connection.execute(
            f"insert into orders ({', '.join(_ORDER_COLUMNS)}) values ({marks})",  # noqa: S608 - our own column names
            _values(order),
        )

    def save(self, order: Order) -> None:
        """Write a changed order back."""
        changes = ", ".join(f"{column} = ?" for column in _ORDER_COLUMNS)
        self._connection.execute(
            f"update orders set {changes} where number = ?",  # noqa: S608 - our own column names
            (*_values(order), order.number),
        )

    def done(self, member_id: str, key: str) -> tuple[str, str, dict[str, Any]] | None:
        """The call, the digest of its body and the answer that were recorded under the key."""
        row = self._connection.execute(
            "select call, body_sha256, answer from done where member_id = ? and idempotency_key = ?",
            (member_id, key),
        ).fetchone()
        return (row["call"], row["body_sha256"], json.loads(row["answer"])) if row else None

    def record(self, member_id: str, key: str, call: str, body_sha256: str, answer: dict[str, Any]) -> None:
        """Remember for good what was done under the key."""
        self._connection.execute(
            "insert into done values (?, ?, ?, ?, ?)",
            (member_id, key, call, body_sha256, json.dumps(answer, ensure_ascii=False)),
        )


def _customer(row: sqlite3.Row) -> Customer:
    return Customer(**{**dict(row), "tier": Tier(row["tier"]), "tags": tuple(json.loads(row["tags"]))})


def _values(order: Order) -> list[Any]:
    values = {column: getattr(order, column) for column in _ORDER_COLUMNS}
    values["items"] = json.dumps([asdict(item) for item in order.items])
    values["events"] = json.dumps([asdict(event) for event in order.events], ensure_ascii=False)
    return [values[column] for column in _ORDER_COLUMNS]


def _order(row: sqlite3.Row) -> Order:
    values = dict(row)
    values["items"] = [Item(**item) for item in json.loads(row["items"])]
    values["events"] = [TrackingEvent(**event) for event in json.loads(row["events"])]
    values["exception"] = OrderException(row["exception"]) if row["exception"] else None
    return Order(**values)
