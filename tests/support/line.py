"""A small business line for tests of the ledger and the workflows: one plan, few agents, little timing."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import text

from adapters.db.config import line_config
from adapters.db.engine import Database, Transaction
from adapters.db.intake import Inbound, Received, receive
from adapters.db.offers import set_presence
from adapters.db.routing import refresh_qualifications
from adapters.ids import new_id
from adapters.packs import load_pack
from domain.pack import Pack

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"

PLAN = [
    {"queues": ["general"], "wait_seconds": 60},
    {"queues": ["general", "spare"], "relax_levels": 1, "wait_seconds": 60},
    {"queues": ["general", "spare"], "drop_skills": True, "wait_seconds": 60},
]


class ShiftedDatabase(Database):
    """The ledger with its clock moved to a virtual time, for its own transactions only."""

    def __init__(
        self, url: str, clock: Callable[[], Awaitable[datetime]] | None = None, pool_size: int = 5
    ) -> None:
        super().__init__(url, pool_size=pool_size, application="holdfast-test")
        self._clock = clock

    async def _shift(self, tx: Transaction) -> None:
        if self._clock is None:
            return
        virtual = await self._clock()
        await tx.connection.execute(
            text(
                """select set_config('holdfast.clock_offset_seconds',
                   cast(extract(epoch from cast(:at as timestamptz) - clock_timestamp()) as text), true)"""
            ),
            {"at": virtual},
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as tx:
            await self._shift(tx)
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        async with super().reading() as tx:
            await self._shift(tx)
            yield tx


@cache
def _pack() -> Pack:
    return load_pack(PACK)


@dataclass
class Line:
    """A line with its agents, and the acts of people in it as one-liners."""

    database: Database
    line_id: str = "shop"
    agents: dict[str, UUID] = field(default_factory=dict)
    said: int = 0

    async def agent(
        self,
        name: str,
        *,
        skills: dict[str, int] | None = None,
        queues: tuple[str, ...] = ("general",),
        capacity: int = 3,
        role: str = "agent",
        presence: str | None = "ready",
    ) -> UUID:
        user_id = new_id()
        async with self.database.transaction() as tx:
            await tx.lock_routing(self.line_id)
            await tx.run(
                "insert into users (id, login, name, password_hash) values (:id, :login, :name, '-')",
                id=user_id,
                login=f"{name}-{self.line_id}",
                name=name,
            )
            await tx.run(
                "insert into user_roles values (:id, :line, :role)", id=user_id, line=self.line_id, role=role
            )
            await tx.run(
                """insert into agents (user_id, line_id, nickname_zh, nickname_en, capacity)
                   values (:id, :line, :name, :name, :capacity)""",
                id=user_id,
                line=self.line_id,
                name=name,
                capacity=capacity,
            )
            for skill, level in (skills or {"zh": 3, "en": 3}).items():
                await tx.run(
                    "insert into agent_skills values (:id, :line, :skill, :level)",
                    id=user_id,
                    line=self.line_id,
                    skill=skill,
                    level=level,
                )
            for queue in queues:
                await tx.run(
                    """insert into queue_members (queue_id, agent_id, line_id)
                       select id, :agent, line_id from queues where line_id = :line and key = :queue""",
                    agent=user_id,
                    line=self.line_id,
                    queue=queue,
                )
            await refresh_qualifications(tx, self.line_id, agent_id=user_id)
        self.agents[name] = user_id
        if presence is not None:
            await self.presence(name, presence)
        return user_id

    async def presence(self, name: str, presence: str) -> None:
        async with self.database.transaction() as tx:
            await set_presence(tx, self.line_id, self.agents[name], presence)

    async def customer(
        self, *, tier: str = "ordinary", language: str = "zh", member: str | None = None
    ) -> UUID:
        """A new customer; the id of the identity they write with."""
        customer_id, identity_id = new_id(), new_id()
        async with self.database.transaction() as tx:
            await tx.run(
                "insert into customers (id, line_id, tier, language) values (:id, :line, :tier, :language)",
                id=customer_id,
                line=self.line_id,
                tier=tier,
                language=language,
            )
            await tx.run(
                """insert into identities (id, line_id, channel, external_id, customer_id)
                   values (:id, :line, 'visitor', :external, :customer)""",
                id=identity_id,
                line=self.line_id,
                external=str(identity_id),
                customer=customer_id,
            )
            if member is not None:
                await tx.run(
                    """insert into identities (id, line_id, channel, external_id, customer_id, verified_at)
                       values (:id, :line, 'member', :external, :customer, now())""",
                    id=new_id(),
                    line=self.line_id,
                    external=member,
                    customer=customer_id,
                )
                await tx.run("update identities set verified_at = now() where id = :id", id=identity_id)
        return identity_id

    async def say(
        self, identity_id: UUID, body: str, *, choice: str | None = None, external_id: str | None = None
    ) -> Received:
        self.said += 1
        async with self.database.transaction() as tx:
            return await receive(
                tx,
                Inbound(
                    line_id=self.line_id,
                    identity_id=identity_id,
                    external_id=external_id or f"m{self.said}",
                    body=body,
                    choice=choice,
                ),
            )

    async def contact(self, contact_id: UUID) -> Any:
        async with self.database.reading() as tx:
            return await tx.one("select * from contacts where id = :id", id=contact_id)

    async def case(self, contact_id: UUID) -> Any:
        async with self.database.reading() as tx:
            return await tx.one("select * from cases where id = :id", id=contact_id)

    async def messages(self, contact_id: UUID) -> list[Any]:
        async with self.database.reading() as tx:
            return await tx.all("select * from messages where contact_id = :id order by seq", id=contact_id)

    async def events(self, contact_id: UUID) -> list[Any]:
        async with self.database.reading() as tx:
            return await tx.all("select * from events where case_id = :id order by id", id=contact_id)

    async def event_kinds(self, contact_id: UUID) -> list[str]:
        return [event.kind for event in await self.events(contact_id)]

    async def agent_row(self, name: str) -> Any:
        async with self.database.reading() as tx:
            return await tx.one("select * from agents where user_id = :id", id=self.agents[name])

    async def pending_offer(self, contact_id: UUID) -> Any:
        async with self.database.reading() as tx:
            return await tx.first(
                "select * from offers where case_id = :id and state = 'pending'", id=contact_id
            )

    async def configure(self, key: str, value: Any) -> None:
        async with self.database.transaction() as tx:
            await tx.run(
                """insert into settings (line_id, key, value) values (:line, :key, cast(:value as jsonb))
                   on conflict (line_id, key) do update set value = excluded.value""",
                line=self.line_id,
                key=key,
                value=json.dumps(value),
            )
            await tx.run(
                "update business_lines set config_version = config_version + 1 where id = :l", l=self.line_id
            )

    async def calendar(self, week: dict[str, Any], *, key: str = "hours", time_zone: str = "UTC") -> None:
        definition = {
            "time_zone": time_zone,
            "versions": [{"version": 1, "effective_from": "2020-01-01", "week": week}],
        }
        async with self.database.transaction() as tx:
            await tx.run(
                """insert into calendars (id, line_id, key, name_zh, name_en, definition)
                   values (:id, :line, :key, :key, :key, cast(:definition as jsonb))""",
                id=new_id(),
                line=self.line_id,
                key=key,
                definition=json.dumps(definition),
            )
            await tx.run(
                "update business_lines set config_version = config_version + 1 where id = :l", l=self.line_id
            )

    async def config(self) -> Any:
        async with self.database.reading() as tx:
            return await line_config(tx, self.line_id)


async def open_line(
    database: Database,
    *,
    line_id: str = "shop",
    timing: dict[str, int] | None = None,
    offer_seconds: int = 20,
    acceptance: str = "offer",
    bot: bool = False,
) -> Line:
    """Write a line into an empty database; with `bot` the pack's flows, intents and articles too."""
    texts = yaml.safe_load((PACK / "texts.yaml").read_text("utf-8"))["texts"]
    settings: dict[str, Any] = {"texts": texts, "timing": timing or {}, "priorities": {}}
    flows: dict[str, Any] = {}
    if bot:
        documents = _pack().bot
        settings |= {"intents": documents.intents, "synonyms": documents.synonyms}
        flows = dict(documents.flows)
    async with database.transaction() as tx:
        await tx.run(
            """insert into business_lines (id, name_zh, name_en, member_secret)
               values (:id, '守诺优选', 'Holdfast Select', 'test secret of thirty-two characters')""",
            id=line_id,
        )
        for key, value in settings.items():
            await tx.run(
                "insert into settings (line_id, key, value) values (:line, :key, cast(:value as jsonb))",
                line=line_id,
                key=key,
                value=json.dumps(value),
            )
        for key in ("general", "spare"):
            await tx.run(
                """insert into queues (id, line_id, key, name_zh, name_en, offer_seconds, acceptance)
                   values (:id, :line, :key, :key, :key, :seconds, :acceptance)""",
                id=new_id(),
                line=line_id,
                key=key,
                seconds=offer_seconds,
                acceptance=acceptance,
            )
        for key in ("zh", "en"):
            await tx.run(
                """insert into routing_plans (line_id, key, name_zh, name_en, steps)
                   values (:line, :key, :key, :key, cast(:steps as jsonb))""",
                line=line_id,
                key=key,
                steps=json.dumps(PLAN),
            )
        for key, definition in flows.items():
            await tx.run(
                "insert into flows (line_id, key, definition) values (:line, :key, cast(:value as jsonb))",
                line=line_id,
                key=key,
                value=json.dumps(definition, default=str),
            )
    return Line(database, line_id)
