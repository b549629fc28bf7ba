"""`holdfast bench routing`: matching under load, and whether it missed or broke anything."""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from adapters.db.config import line_config
from adapters.db.engine import Database, Transaction
from adapters.db.offers import decline_offer
from adapters.db.routing import free_capacity, match_agent, match_case, publish
from domain.refusals import Refusal
from domain.routing import PlanStep
from ops.bench.figures import Figure, Report, percentiles
from ops.bench.machine import MachineWatch
from ops.bench.product import database_copy
from ops.bench.routing_setup import CAPACITY, LINE, QUEUE, SPECIALITY, Crowd, Held, fill

_SPECIALISTS_SHARE = 0.2
"""Beside the wished offers so many acts happen in the specialists' small queue, where both sides meet."""
_LATENESS = 1.5
"""Clients that cannot keep up stop after so many times the wished length."""
_SEED = 6


@dataclass(frozen=True)
class Wish:
    """How large and how long."""

    agents: int = 1_000
    waiting: int = 10_000
    clients: int = 8
    offers_per_second: float = 150.0
    seconds: float = 20.0
    processes: int = 2
    """The clients are spread over so many, as web processes are."""


@dataclass(frozen=True)
class ClientWish:
    """What one process of clients is told."""

    database_url: str
    clients: int
    rate: float
    seconds: float
    seed: int
    held: list[Held]
    arriving: list[UUID]


@dataclass
class ClientResult:
    """What one process of clients did."""

    match_ms: list[float] = field(default_factory=list)
    """The transaction alone."""
    late_ms: list[float] = field(default_factory=list)
    """From when it was due: with the time it waited for a free client."""
    offers: int = 0
    refused: int = 0
    seconds: float = 0.0


async def measure_routing(wish: Wish, say: Callable[[str], None] = lambda _: None) -> Report:
    """Fill a database of its own, match, look for misses and broken rules."""
    acts = round(wish.offers_per_second * wish.seconds)
    if acts > (most := round(wish.agents * CAPACITY * 0.9)):  # every agent's work can end only once
        wish = replace(wish, seconds=most / wish.offers_per_second)
        acts = most
    watch = MachineWatch()
    async with database_copy() as url:
        say(f"{wish.agents} agents, {wish.waiting} waiting")
        # The queue is as long as wished in the middle of the stretch.
        crowd = await fill(url, agents=wish.agents, waiting=wish.waiting + acts // 2, arriving=acts // 6 + 8)
        say(f"{wish.offers_per_second:g}/s")
        results = await _run_clients(wish, url, crowd)
        database = Database(url, pool_size=1, application="holdfast-bench")
        try:
            async with database.reading() as tx:
                faults = await find_faults(tx)
                waiting = await tx.scalar("select count(*) from waiting_work where not offered")
        finally:
            await database.close()
    match_ms = [each for result in results for each in result.match_ms]
    seconds = max(result.seconds for result in results)
    offers = sum(result.offers for result in results)
    figures = [
        *percentiles("match", match_ms, p95_at_most=25),
        *percentiles("match_from_due", [each for result in results for each in result.late_ms]),
        Figure("offers_per_second", offers / seconds, "offers/s", at_least=wish.offers_per_second * 0.95),
        Figure("matches_missed", len(faults["missed"]), "", at_most=0),
        Figure("invariants_broken", sum(map(len, faults.values())) - len(faults["missed"]), "", at_most=0),
        Figure("refused", sum(result.refused for result in results), "acts"),
        Figure("waiting_at_end", waiting, "contacts"),
    ]
    setting = {
        "agents": wish.agents,
        "waiting": wish.waiting,
        "clients": wish.clients,
        "processes": wish.processes,
        "transactions": len(match_ms),
        "seconds": round(seconds, 1),
        "faults": {name: rows[:10] for name, rows in faults.items() if rows},
    }
    return Report(figures, watch.report(), setting)


async def _run_clients(wish: Wish, url: str, crowd: Crowd) -> Sequence[ClientResult]:
    processes = max(1, min(wish.processes, wish.clients))
    chance = random.Random(_SEED)  # noqa: S311 - which agent is next, not secrets
    held = crowd.held[:]
    chance.shuffle(held)
    wishes = [
        ClientWish(
            url,
            wish.clients // processes,
            wish.offers_per_second / processes,
            wish.seconds,
            number,
            held[number::processes],
            crowd.arriving[number::processes],
        )
        for number in range(processes)
    ]
    loop = asyncio.get_running_loop()
    # Spawned: a fork would share this process's connections.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, run_clients, each) for each in wishes))


def run_clients(wish: ClientWish) -> ClientResult:
    """One process of clients."""
    return asyncio.run(_Clients(wish).run())


class _Clients:
    """Some clients of one process, each with a connection of its own."""

    def __init__(self, wish: ClientWish) -> None:
        self._wish = wish
        self._chance = random.Random(wish.seed)  # noqa: S311 - which act is next, not secrets
        self._result = ClientResult()
        self._step = PlanStep(queues=[QUEUE], skills={SPECIALITY: 1}, wait_seconds=60)

    async def run(self) -> ClientResult:
        """Acts at the wished rate, each by whichever client is free."""
        self._database = Database(
            self._wish.database_url, pool_size=self._wish.clients, application="holdfast-bench"
        )
        due: asyncio.Queue[float | None] = asyncio.Queue()
        try:
            async with self._database.reading() as tx:  # warm: the configuration is read once a process
                await line_config(tx, LINE)
            began = time.monotonic()
            self._give_up_at = began + self._wish.seconds * _LATENESS
            async with asyncio.TaskGroup() as clients:
                for _ in range(self._wish.clients):
                    clients.create_task(self._client(due))
                await self._ring(due)
            self._result.seconds = time.monotonic() - began
        finally:
            await self._database.close()
        return self._result

    async def _ring(self, due: "asyncio.Queue[float | None]") -> None:
        began = at = time.monotonic()
        while at - began < self._wish.seconds:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            due.put_nowait(at)
            at += self._chance.expovariate(self._wish.rate)
        for _ in range(self._wish.clients):
            due.put_nowait(None)

    async def _client(self, due: "asyncio.Queue[float | None]") -> None:
        while (at := await due.get()) is not None:
            if time.monotonic() > self._give_up_at:  # far behind: what was seen until now says enough
                return
            await self._free(at)
            if self._chance.random() < _SPECIALISTS_SHARE:
                try:
                    await self._specialists(time.monotonic())
                except Refusal:  # somebody else was faster: as in the product
                    self._result.refused += 1

    async def _free(self, due: float) -> None:
        """An agent is done with a customer: the capacity is freed and the next is offered, in one transaction."""
        if not self._wish.held:
            return
        held = self._wish.held.pop()
        began = time.monotonic()
        async with self._database.transaction() as tx:
            await tx.lock_routing(LINE)
            config = await line_config(tx, LINE)
            await tx.lock_case(held.contact_id)
            await tx.run(
                "update contacts set stage = 'survey', owner_id = null where id = :id", id=held.contact_id
            )
            await free_capacity(tx, held.agent_id, 1)
            self._result.offers += await match_agent(tx, config, held.agent_id)
        self._note(due, began)

    async def _specialists(self, due: float) -> None:
        """A customer comes to the specialists, or one of them declines."""
        if self._wish.arriving and self._chance.random() < 0.5:
            await self._arrive(self._wish.arriving.pop(), due)
        else:
            await self._decline(due)

    async def _arrive(self, contact_id: UUID, due: float) -> None:
        began = time.monotonic()
        async with self._database.transaction() as tx:
            await tx.lock_routing(LINE)
            config = await line_config(tx, LINE)
            await tx.lock_case(contact_id)
            contact = await tx.one("select * from contacts where id = :id", id=contact_id)
            await publish(tx, config, contact, step=self._step)
            self._result.offers += await match_case(tx, config, contact_id)
        self._note(due, began)

    async def _decline(self, due: float) -> None:
        async with self._database.reading() as tx:
            offer = await tx.first(
                """select o.id, o.agent_id from offers o join agent_skills s on s.agent_id = o.agent_id
                   where o.state = 'pending' and s.skill = :speciality order by random() limit 1""",
                speciality=SPECIALITY,
            )
        if offer is None:
            return
        began = time.monotonic()
        async with self._database.transaction() as tx:
            await decline_offer(tx, LINE, offer.id, offer.agent_id, "meal")
        self._result.offers += 1
        self._note(due, began)

    def _note(self, due: float, began: float) -> None:
        now = time.monotonic()
        self._result.match_ms.append((now - began) * 1000)
        self._result.late_ms.append((now - due) * 1000)


_FAULTS = {
    # waiting work beside a free, qualified agent who did not refuse it
    "missed": """
        select w.case_id, a.user_id from waiting_work w
        join qualifications q on q.requirement_id = w.requirement_id
        join agents a on a.user_id = q.agent_id and a.presence = 'ready'
        where not w.offered and a.load + least(w.weight, a.capacity) <= a.capacity
          and not jsonb_exists(w.refused_by, a.user_id::text) limit 100""",
    # what an agent is said to hold is what they hold
    "load": """
        select a.user_id from agents a
        left join (select agent_id, sum(weight) as weight from offers where state = 'pending' group by 1) p
               on p.agent_id = a.user_id
        left join (select owner_id, count(*) as number from contacts where owner_id is not null group by 1) c
               on c.owner_id = a.user_id
        where a.load <> coalesce(p.weight, 0) + coalesce(c.number, 0) or a.load > a.capacity limit 100""",
    "two_pending_offers": """
        select case_id from offers where state = 'pending' group by case_id having count(*) > 1 limit 100""",
    # an offered contact has its offer and its place in the order, and nothing else has
    "astray": """
        select w.case_id from waiting_work w join contacts k on k.id = w.case_id
        left join offers o on o.case_id = w.case_id and o.state = 'pending'
        where w.offered <> (o.id is not null) or (k.stage = 'offered') <> w.offered limit 100""",
}


async def find_faults(tx: Transaction) -> dict[str, list[Any]]:
    """What was missed and what was broken, by kind; empty lists are good."""
    return {
        name: [[str(value) for value in row] for row in await tx.all(sql)] for name, sql in _FAULTS.items()
    }
