"""A replay: customers arrive by chance, write, look, and are followed to whatever becomes of them."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from ops.replay.agents import Agent, AgentsTally, SignIn
from ops.replay.chat_client import (
    REQUEST_TIMEOUT_SECONDS,
    ChatClient,
    RefusedError,
    Requests,
    UnansweredError,
    Wire,
)
from ops.replay.judge import Outcome, Visit, is_answered, is_reply, outcome_of
from ops.replay.lines import Said

_SHORTEST_LOOK_SECONDS = 0.5
_LONGEST_LOOK_SECONDS = 5.0
_CONNECTIONS = 200
_READERS = 8


@dataclass(frozen=True)
class Plan:
    """How customers come."""

    url: str
    rate: float
    """Arrivals a second on average, Poisson."""
    language: str | None = None
    """Of the customers' screens; None: the line's own."""
    patience_seconds: float = 60.0
    """For an answer or a person; and for a message to be accepted."""
    seed: int = 1
    sign_ins: Sequence[SignIn] = ()
    """Agents who work along."""
    think_seconds: float = 1.5
    """How long an agent reads before each act."""


@dataclass
class Progress:
    """What an onlooker may see at any time."""

    total: int
    finished: int = 0
    answered: int = 0
    handed_over: int = 0
    checked: int = 0
    wire: Wire = field(default_factory=Wire)


@dataclass(frozen=True)
class Played:
    """Everything a verdict needs."""

    visits: list[Visit]
    wire: Wire
    agents: AgentsTally
    seconds: float
    """From the first arrival to the last outcome."""


class Replay:
    """One use: `run`."""

    def __init__(
        self, plan: Plan, said: Sequence[Said], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` stands in for the network in tests."""
        self._plan = plan
        self._said = said
        self._transport = transport
        self._chance = random.Random(plan.seed)  # noqa: S311 - arrivals, not secrets
        self.progress = Progress(len(said))
        self._tally = AgentsTally()
        self._run_name = f"replay-{self._chance.getrandbits(32):08x}-{time.time_ns():x}"

    async def run(self, on_progress: Callable[[Progress], None] = lambda _: None) -> Played:
        """Play everything and read every history at the end.

        Raises httpx.ConnectError when nobody is there at the start, RefusedError when an agent cannot sign in.
        """
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=self._plan.url,
            timeout=REQUEST_TIMEOUT_SECONDS,
            limits=limits,
            transport=self._transport,
            trust_env=False,
        ) as http:
            await http.get("/healthz")
            requests = Requests(http, self.progress.wire, self._chance)
            agents = [
                Agent(requests, each, self._tally, self._plan.think_seconds) for each in self._plan.sign_ins
            ]
            for agent in agents:
                await agent.start()
            working = [asyncio.create_task(agent.work()) for agent in agents]
            began = time.monotonic()
            try:
                clients = await self._play_customers(requests, on_progress)
                seconds = time.monotonic() - began
                await self._until_idle(agents)
            finally:
                for task in working:
                    task.cancel()
                await asyncio.gather(*working, return_exceptions=True)
            for agent in agents:
                with contextlib.suppress(RefusedError, UnansweredError):
                    await agent.rest()
            await self._read_histories(clients, on_progress)
        return Played([visit for visit, _ in clients], self.progress.wire, self._tally, seconds)

    async def _play_customers(
        self, requests: Requests, on_progress: Callable[[Progress], None]
    ) -> list[tuple[Visit, ChatClient]]:
        """Arrivals at their own instants, whatever becomes of those before: customers do not wait in line."""
        clients: list[tuple[Visit, ChatClient]] = []
        async with asyncio.TaskGroup() as arrived:
            due = time.monotonic()
            for said in self._said:
                due += self._chance.expovariate(self._plan.rate)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                visit = Visit(said.number, f"{self._run_name}-{said.number}", said.text)
                client = ChatClient(requests, self._plan.patience_seconds)
                clients.append((visit, client))
                arrived.create_task(self._visit(visit, client, on_progress))
        return clients

    async def _visit(self, visit: Visit, client: ChatClient, on_progress: Callable[[Progress], None]) -> None:
        try:
            await client.open(self._plan.language)
            bell = asyncio.Event()
            listening = asyncio.create_task(client.listen(bell))
            try:
                await self._ask_and_watch(visit, client, bell)
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening
        except RefusedError as refusal:
            visit.refused = refusal.code
        except UnansweredError:
            pass  # told by what the visit lacks
        self.progress.finished += 1
        on_progress(self.progress)

    async def _ask_and_watch(self, visit: Visit, client: ChatClient, bell: asyncio.Event) -> None:
        began = time.monotonic()
        accepted = visit.accepted = await client.send(visit.client_id, visit.text)
        deadline = time.monotonic() + self._plan.patience_seconds
        look = _SHORTEST_LOOK_SECONDS
        while time.monotonic() < deadline:
            bell.clear()
            thread = visit.thread = await client.thread()
            if visit.first_reply_ms is None and any(
                is_reply(each) and each["seq"] > accepted.seq for each in thread.messages
            ):
                visit.first_reply_ms = (time.monotonic() - began) * 1000
            if is_answered(thread, accepted) and self._is_content(visit):
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), min(look, max(0.01, deadline - time.monotonic())))
            look = min(look * 1.5, _LONGEST_LOOK_SECONDS)
        if visit.thread is not None:
            outcome = outcome_of(visit.thread)
            self.progress.handed_over += outcome is Outcome.HANDED_OVER
            self.progress.answered += outcome not in (Outcome.HANDED_OVER, Outcome.SILENCE)

    def _is_content(self, visit: Visit) -> bool:
        """Where agents work along, whoever was sent to one waits for the first words."""
        assert visit.thread is not None
        if outcome_of(visit.thread) is not Outcome.HANDED_OVER or not self._plan.sign_ins:
            return True
        return any(each["author"] == "agent" for each in visit.thread.messages)

    async def _until_idle(self, agents: Sequence[Agent]) -> None:
        """Let the agents finish what is open, for no longer than a customer's patience."""
        deadline = time.monotonic() + self._plan.patience_seconds
        while agents and time.monotonic() < deadline:
            with contextlib.suppress(RefusedError, UnansweredError):
                if all([await agent.is_idle() for agent in agents]):
                    return
            await asyncio.sleep(1)

    async def _read_histories(
        self, clients: Sequence[tuple[Visit, ChatClient]], on_progress: Callable[[Progress], None]
    ) -> None:
        """What everybody finds when they come back; this, not the answer at the time, is judged."""
        left = iter([(visit, client) for visit, client in clients if visit.accepted is not None])

        async def read() -> None:
            for visit, client in left:
                visit.thread = None
                with contextlib.suppress(RefusedError, UnansweredError):
                    visit.thread = await client.thread()
                self.progress.checked += 1
                on_progress(self.progress)

        await asyncio.gather(*(read() for _ in range(_READERS)))
