"""`holdfast bench contact`: what a customer's message costs, from the request to the agent's screen and the reply."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.temporal import connect
from ops.bench.figures import Figure, Report, percentiles
from ops.bench.histories import LOAD_ACTIVITY, EngineCost, count_histories
from ops.bench.load import MESSAGES_A_CONTACT, Load, PhaseResult
from ops.bench.machine import CpuSnapshot, MachineWatch, memory_megabytes
from ops.bench.product import RunningProduct, product_copy
from ops.bench.spike_copy import spike_copy
from ops.bench.texts import answerable_questions
from ops.replay.judge import percentile

DEFAULT_SECONDS = 20.0
STEADY_RATE = 5.0
SUSTAINED_P95_MS = 1000.0
CONTACTS_FOR_MEMORY = 1000
_RATES = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0)
_WARM_UP = (3.0, 4.0)
_HISTORIES = 40
_OVERLOAD_SECONDS_MOST = 60.0
_DRAIN_SECONDS = 45.0
_DESK_SECONDS = 1.0
_TOP_UP_SECONDS_MOST = 120.0


@dataclass(frozen=True)
class Wish:
    """How long and how to measure."""

    seconds: float = DEFAULT_SECONDS
    """Of a stretch at a steady rate; the ramp's are half as long, the overload three times."""
    sandbox: bool = True
    with_spike: bool = True
    rates: tuple[float, ...] = _RATES
    """Messages a second that the ramp tries, rising."""
    contacts_for_memory: int = CONTACTS_FOR_MEMORY


@dataclass
class Ramp:
    """How far a rate was kept up."""

    sustained: float = 0.0
    stretches: list[dict[str, Any]] = field(default_factory=list)


async def measure_contact(wish: Wish, say: Callable[[str], None] = lambda _: None) -> Report:
    """Start a copy of the product, measure, end it. Raises OperatorError when it does not start."""
    texts = answerable_questions()
    watch = MachineWatch()
    began = time.monotonic()
    async with product_copy(sandbox=wish.sandbox) as product:
        ready_seconds = time.monotonic() - began
        headers = {"Cookie": f"hf_session={await _supervisor_token(product)}"}
        bench = _ContactBench(wish, product, texts, headers, say)
        async with Load(product.url, headers, texts).running() as load:
            figures = await bench.run(load)
    setting = {
        "sandbox": wish.sandbox,
        "seconds": wish.seconds,
        "messages_a_contact": MESSAGES_A_CONTACT,
        "ramp": bench.ramp.stretches,
        "spike_ramp": bench.spike_ramp.stretches,
        "overload": bench.overload,
    }
    return Report(
        [Figure("first_ready_s", ready_seconds, "s", at_most=25), *figures], watch.report(), setting
    )


async def _supervisor_token(product: RunningProduct) -> str:
    person = product.sign_in("supervisor")
    async with httpx.AsyncClient(base_url=product.url, trust_env=False) as http:
        answer = await http.post("/api/v1/sign-in", json={"login": person.login, "password": person.password})
        answer.raise_for_status()
        return str(answer.json()["token"])


class _ContactBench:
    """The stretches, in order."""

    def __init__(
        self,
        wish: Wish,
        product: RunningProduct,
        texts: list[str],
        headers: dict[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._wish = wish
        self._product = product
        self._texts = texts
        self._headers = headers
        self._say = say
        self._contacts = 0
        self.ramp = Ramp()
        self.spike_ramp = Ramp()
        self.overload: dict[str, Any] = {}
        self._desk_failures = 0

    async def run(self, load: Load) -> list[Figure]:
        """Steady, ramp, the spike's ramp, overload, memory."""
        await self._stretch(load, *_WARM_UP, drain_seconds=_DRAIN_SECONDS)
        figures = await self._steady(load)
        self.ramp = await self._climb(load)
        figures += [Figure("sustained_per_second", self.ramp.sustained, "messages/s", at_least=25)]
        if self._wish.with_spike:
            figures += await self._beside_the_spike()
        figures += await self._overload(load)
        return figures + await self._memory(load)

    async def _stretch(self, load: Load, rate: float, seconds: float, *, drain_seconds: float) -> PhaseResult:
        self._say(f"{rate:g}/s, {seconds:g} s")
        result = await load.phase(rate, seconds, drain_seconds=drain_seconds)
        self._contacts += len(result.contacts)
        return result

    async def _steady(self, load: Load) -> list[Figure]:
        pids = self._product.pids()
        before = CpuSnapshot.take(pids)
        result = await self._stretch(load, STEADY_RATE, self._wish.seconds, drain_seconds=_DRAIN_SECONDS)
        spent = CpuSnapshot.take(pids).milliseconds_since(before)
        cost = await self._engine_cost(load, result)
        return [
            *percentiles("first_reply_at_5", result.reply_ms, p50_at_most=80, p95_at_most=200),
            *percentiles("first_reply_of_new_contact_at_5", result.opening_reply_ms),
            *percentiles("event_at_screen_at_5", result.screen_ms, p95_at_most=50),
            *percentiles("accepted_at_5", result.acknowledged_ms),
            Figure("unanswered_at_5", result.unanswered + sum(result.errors.values()), "messages", at_most=0),
            *self._engine_figures(cost),
            *(
                Figure(f"cpu_{name}_per_message_ms", milliseconds / max(1, result.sent), "ms")
                for name, milliseconds in spent.items()
            ),
            Figure("cpu_per_message_ms", sum(spent.values()) / max(1, result.sent), "ms"),
        ]

    async def _engine_cost(self, load: Load, result: PhaseResult) -> EngineCost:
        client = await connect(self._product.settings)
        chosen = result.contacts[:: max(1, len(result.contacts) // _HISTORIES)]
        return await count_histories(client, [(each, load.messages_in(each)) for each in chosen])

    @staticmethod
    def _engine_figures(cost: EngineCost) -> list[Figure]:
        local = cost.local_activities
        loads = local[LOAD_ACTIVITY]
        return [
            Figure("signals_per_message", cost.per_message(cost.signals), "", at_most=1),
            Figure("workflow_tasks_per_message", cost.per_message(cost.workflow_tasks), "", at_most=1),
            Figure(
                "activities_per_message", cost.per_message(local.total() + cost.activities), "", at_most=1
            ),
            Figure("activities_per_message_without_load", cost.per_message(local.total() - loads), ""),
            Figure("loads_per_contact", loads / max(1, cost.contacts), ""),
            Figure("timers_per_message", cost.per_message(cost.timers), ""),
            Figure("history_events_per_message", cost.per_message(cost.events), ""),
        ]

    async def _climb(self, load: Load) -> Ramp:
        """Up until a rate is not kept up, then once half the way back."""
        ramp = Ramp()
        failed_at: float | None = None
        for rate in self._wish.rates:
            # Twice, because a neighbour on the machine may have had the moment for itself.
            if not (await self._keeps_up(load, rate, ramp) or await self._keeps_up(load, rate, ramp)):
                failed_at = rate
                break
            ramp.sustained = rate
        if failed_at is not None and ramp.sustained:
            between = round((ramp.sustained + failed_at) / 2, 1)
            if await self._keeps_up(load, between, ramp):
                ramp.sustained = between
        return ramp

    async def _keeps_up(self, load: Load, rate: float, ramp: Ramp) -> bool:
        result = await self._stretch(
            load, rate, max(3.0, self._wish.seconds / 2), drain_seconds=_DRAIN_SECONDS
        )
        p95 = percentile(result.reply_ms, 0.95)
        kept_up = (
            p95 is not None
            and p95 <= SUSTAINED_P95_MS
            and result.drain_seconds * 1000 <= 2 * SUSTAINED_P95_MS
            and not result.errors
            and not result.unanswered
        )
        ramp.stretches.append(
            {
                "rate": rate,
                "p50_ms": _rounded(percentile(result.reply_ms, 0.5)),
                "p95_ms": _rounded(p95),
                "throughput": round(result.throughput, 1),
                "errors": result.errors,
                "drain_seconds": round(result.drain_seconds, 1),
                "kept_up": kept_up,
            }
        )
        return kept_up

    async def _beside_the_spike(self) -> list[Figure]:
        self._say("spike, bare")
        async with (
            spike_copy(self._product, sandbox=self._wish.sandbox) as url,
            Load(url, {}, self._texts).running() as load,
        ):
            await load.phase(*_WARM_UP, drain_seconds=_DRAIN_SECONDS)
            steady = await load.phase(STEADY_RATE, self._wish.seconds / 2, drain_seconds=_DRAIN_SECONDS)
            self.spike_ramp = await self._climb(load)
        ratio = self.ramp.sustained / self.spike_ramp.sustained if self.spike_ramp.sustained else None
        return [
            *percentiles("spike_first_reply_at_5", steady.reply_ms),
            *percentiles("spike_event_at_screen_at_5", steady.screen_ms),
            Figure("spike_sustained_per_second", self.spike_ramp.sustained, "messages/s"),
            Figure("ratio_to_spike", ratio, "", at_least=0.6),
        ]

    async def _overload(self, load: Load) -> list[Figure]:
        """Twice the ceiling: as much must come out as before, in order, while agents go on working."""
        ceiling = self.ramp.sustained or STEADY_RATE
        seconds = min(_OVERLOAD_SECONDS_MOST, self._wish.seconds * 3)
        desk_ms: list[float] = []
        looking = asyncio.create_task(self._look_at_desk(desk_ms))
        try:
            result = await self._stretch(load, ceiling * 2, seconds, drain_seconds=_DRAIN_SECONDS * 4)
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
        self.overload = {
            "rate": ceiling * 2,
            "sent": result.sent,
            "errors": result.errors,
            "reply_p95_ms": _rounded(percentile(result.reply_ms, 0.95)),
        }
        return [
            Figure("overload_throughput_share", result.throughput / ceiling, "", at_least=0.8),
            Figure("overload_drain_s", result.drain_seconds, "s"),
            Figure("overload_unanswered", result.unanswered, "messages", at_most=0),
            Figure("overload_out_of_order", result.out_of_order, "contacts", at_most=0),
            *percentiles("overload_desk_list", desk_ms, p95_at_most=1000),
            Figure("overload_desk_failures", self._desk_failures, "requests", at_most=0),
        ]

    async def _look_at_desk(self, took_ms: list[float]) -> None:
        """What an agent does meanwhile: look at the list, once a second."""
        async with httpx.AsyncClient(
            base_url=self._product.url, headers=self._headers, trust_env=False
        ) as http:
            while True:
                began = time.monotonic()
                try:
                    answer = await http.get("/api/v1/contacts?tab=all", timeout=30)
                    self._desk_failures += not answer.is_success
                except httpx.TransportError:
                    self._desk_failures += 1
                took_ms.append((time.monotonic() - began) * 1000)
                await asyncio.sleep(_DESK_SECONDS)

    async def _memory(self, load: Load) -> list[Figure]:
        missing = self._wish.contacts_for_memory - self._contacts
        if missing > 0:
            rate = max(STEADY_RATE, self.ramp.sustained * 0.8)
            seconds = min(_TOP_UP_SECONDS_MOST, missing * MESSAGES_A_CONTACT / rate + 1)
            await self._stretch(load, rate, seconds, drain_seconds=_DRAIN_SECONDS)
        used = memory_megabytes(self._product.pids())
        return [
            Figure("contacts", self._contacts, "contacts"),
            *(Figure(f"memory_{name}_mb", megabytes, "MB") for name, megabytes in used.items()),
            Figure("memory_mb", sum(used.values()), "MB", at_most=700),
        ]


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
