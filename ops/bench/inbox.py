"""`holdfast bench inbox`: how fast the desk reads when a year of conversations lies behind it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from adapters.db import desk, desk_conversation
from adapters.db.desk_search import search
from adapters.db.engine import Database, Transaction
from ops.bench.figures import Figure, Report, percentiles
from ops.bench.inbox_setup import LINE, RARE, Desk, fill
from ops.bench.machine import MachineWatch
from ops.bench.product import database_copy
from ops.replay.words import Word, tell

GOAL_MS = 60.0
_ZH_COMMON = ("订单", "退款", "发票 抬头", "物流", "会员")
_EN_COMMON = ("order", "refund", "invoice", "delivery address", "member")
_ZH_PHRASES = ("修改收货地址", "七天无理由退货", "优惠券 使用")
_EN_PHRASES = ("change the delivery address", "return policy days", "coupon code")
_NOTHING = ("zzqxnothing", "鬱鱻龘")


@dataclass(frozen=True)
class Wish:
    """How much lies there, and how often each thing is done."""

    contacts: int = 100_000
    messages: int = 1_000_000
    times: int = 60


async def measure_inbox(wish: Wish, say: Callable[[str], None] = lambda _: None) -> Report:
    """Fill a database of its own and read it as the desk does."""
    watch = MachineWatch()
    async with database_copy() as url:
        say(tell(Word.FILLING, contacts=wish.contacts, messages=wish.messages))
        began = time.monotonic()
        written = await fill(url, contacts=wish.contacts, messages=wish.messages)
        filling_seconds = time.monotonic() - began
        database = Database(url, pool_size=1, application="holdfast-bench")
        try:
            figures = await _measure(_Reader(database, wish.times), written, say)
            async with database.reading() as tx:
                counted = await tx.one(
                    """select (select count(*) from contacts) as contacts,
                              (select count(*) from messages) as messages,
                              pg_database_size(current_database()) as bytes"""
                )
        finally:
            await database.close()
    setting = {
        "contacts": counted.contacts,
        "messages": counted.messages,
        "database_mb": round(counted.bytes / 2**20),
        "filling_seconds": round(filling_seconds, 1),
        "times": wish.times,
    }
    return Report(figures, watch.report(), setting)


class _Reader:
    """Does one thing several times, each in a reading transaction of its own."""

    def __init__(self, database: Database, times: int) -> None:
        self._database = database
        self._times = times

    async def timed(self, read: Callable[[Transaction, int], Awaitable[object]]) -> list[float]:
        """Milliseconds of each; `read` gets the number of the time."""
        taken: list[float] = []
        for number in range(self._times):
            began = time.perf_counter()
            async with self._database.reading() as tx:
                await read(tx, number)
            taken.append((time.perf_counter() - began) * 1000)
        return taken


async def _measure(reader: _Reader, written: Desk, say: Callable[[str], None]) -> list[Figure]:
    figures: list[Figure] = []
    for tab in desk.Tab:
        for order in desk.Order:
            name = f"list_{tab.value}_by_{order.value}"
            say(name)
            taken = await reader.timed(_list(written.agent_id, tab, order))
            figures += percentiles(name, taken, p95_at_most=GOAL_MS)
    say("counts")
    counted = await reader.timed(lambda tx, _: desk.counts(tx, LINE, written.agent_id))
    figures += percentiles("counts", counted, p95_at_most=GOAL_MS)
    say("open")
    figures += percentiles("open", await reader.timed(_open(written.open_contacts)), p95_at_most=GOAL_MS)
    kinds = {
        "search_zh_common": _ZH_COMMON,
        "search_en_common": _EN_COMMON,
        "search_zh_phrase": _ZH_PHRASES,
        "search_en_phrase": _EN_PHRASES,
        "search_rare": RARE,
        "search_nothing": _NOTHING,
    }
    for name, queries in kinds.items():
        say(name)
        figures += percentiles(name, await reader.timed(_search(queries)), p95_at_most=GOAL_MS)
    return figures


def _list(me: UUID, tab: desk.Tab, order: desk.Order) -> Callable[[Transaction, int], Awaitable[object]]:
    after: str | None = None

    async def read(tx: Transaction, _: int) -> None:
        """A page: the first, then the next by the former's key, and from the end to the first again."""
        nonlocal after
        after = (await desk.list_contacts(tx, LINE, me, tab=tab, order=order, after=after)).after

    return read


def _open(contacts: list[UUID]) -> Callable[[Transaction, int], Awaitable[object]]:
    async def read(tx: Transaction, number: int) -> None:
        """A contact nobody has looked at yet: head and newest messages."""
        contact_id = contacts[number % len(contacts)]
        await desk_conversation.head(tx, contact_id)
        await desk_conversation.latest(tx, contact_id)

    return read


def _search(queries: tuple[str, ...]) -> Callable[[Transaction, int], Awaitable[object]]:
    return lambda tx, number: search(tx, LINE, queries[number % len(queries)])
