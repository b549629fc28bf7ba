"""A pack becomes a working business line, and applying it again keeps what people changed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.db.company import Applied, apply_pack, plan_key
from adapters.db.config import line_config
from adapters.db.engine import Database, Transaction
from adapters.db.routing import requirement_id
from adapters.ids import new_id
from adapters.packs import load_pack
from adapters.passwords import verify_password
from adapters.settings import Environment, Settings
from domain.pack import Pack
from domain.text import Language
from ops.demo import demo_password, load_demo

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"
HASH = "not-a-password"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(PACK)


@pytest.fixture
async def database(fresh_database_url: str) -> AsyncIterator[Database]:
    database = Database(fresh_database_url, pool_size=3)
    yield database
    await database.close()


async def apply(database: Database, pack: Pack, *, with_people: bool = True) -> Applied:
    async with database.transaction() as tx:
        return await apply_pack(tx, "shop", pack, with_people=with_people, password_hash=HASH)


async def counted(tx: Transaction, table: str) -> int:
    number: int = await tx.scalar(f"select count(*) from {table}")
    return number


TABLES = (
    "business_lines", "skills", "queues", "routing_plans", "calendars", "settings", "articles", "flows",
    "canned_replies", "users", "user_roles", "agents", "agent_skills", "queue_members", "customers", "identities",
)  # fmt: skip


async def test_applying_twice_is_applying_once(database: Database, pack: Pack) -> None:
    await apply(database, pack)
    async with database.reading() as tx:
        first = {table: await counted(tx, table) for table in TABLES}
    await apply(database, pack)
    async with database.reading() as tx:
        assert {table: await counted(tx, table) for table in TABLES} == first
    assert first["articles"] == len(pack.articles)
    assert first["customers"] == len(pack.customers)
    assert first["users"] == len(pack.company.people)
    assert first["queue_members"] == sum(len(person.queues) for person in pack.company.people)


async def test_the_rules_can_read_what_was_written(database: Database, pack: Pack) -> None:
    await apply(database, pack)
    async with database.reading() as tx:
        config = await line_config(tx, "shop")
    assert config.text("greeting", "en").startswith("Hello, this is Holdfast Select")
    assert set(config.plans) == {plan_key(plan) for plan in pack.company.plans}
    assert config.plan(None, "en").steps == list(pack.company.plan_for(Language.EN).steps)
    assert config.timing == pack.company.timing
    assert config.priorities.tier_minutes["vip"] == 20
    assert config.reasons["wrap_up"][0]["children"]
    assert config.privacy_version == pack.texts.privacy_notice.version
    office = config.calendars["office"]
    assert any(rule.name and rule.name.zh == "国庆节" for rule in office.days)


async def test_articles_are_found_by_their_words(database: Database, pack: Pack) -> None:
    await apply(database, pack)
    async with database.reading() as tx:
        found = await tx.all(
            "select key from articles where tokens @@ cast('''退款''' as tsquery) and language = 'zh'"
        )
        owned = await tx.scalar("select count(*) from articles where owner_id is null")
    assert "refund_time" in {row.key for row in found}
    assert owned == 0


async def test_known_requirements_are_qualified_again(database: Database, pack: Pack) -> None:
    await apply(database, pack, with_people=False)
    async with database.transaction() as tx:
        await tx.lock_routing("shop")
        wanted = await requirement_id(tx, "shop", ["care"], {"zh": 2, "complaints": 3})
        assert await counted(tx, "qualifications") == 0
    await apply(database, pack)
    async with database.reading() as tx:
        found = await tx.all(
            "select u.login from qualifications q join users u on u.id = q.agent_id where requirement_id = :id",
            id=wanted,
        )
    assert {row.login for row in found} == {"heqian"}


async def test_what_people_changed_stays(database: Database, pack: Pack) -> None:
    await apply(database, pack)
    async with database.transaction() as tx:
        admin = await tx.scalar("select id from users where login = 'gaoyuan'")
        await tx.run("update queues set offer_seconds = 99")
        await tx.run(
            """insert into configuration_changes (id, line_id, subject, after, user_id)
               values (:id, 'shop', 'queues:general', '{}', :user)""",
            id=new_id(),
            user=admin,
        )
        await tx.run(
            "update articles set title = 'Ours', version = 2 where key = 'points' and language = 'en'"
        )
        await tx.run("update articles set title = 'Theirs' where key = 'repair' and language = 'en'")
        await tx.run("update customers set tier = 'gold', name = 'Changed'")
    applied = await apply(database, pack)
    assert set(applied.kept) == {"queues:general", "articles:points.en"}
    async with database.reading() as tx:
        seconds = {
            row.key: row.offer_seconds for row in await tx.all("select key, offer_seconds from queues")
        }
        titles = {
            row.key: row.title
            for row in await tx.all("select key, title from articles where language = 'en'")
        }
        assert await tx.scalar("select count(*) from customers where name = 'Changed'") == len(pack.customers)
    assert seconds == {"general": 99, "aftersales": 30, "care": 15}
    assert titles["points"] == "Ours"
    assert titles["repair"] not in ("Ours", "Theirs")


async def test_a_change_that_was_undone_belongs_to_the_pack_again(database: Database, pack: Pack) -> None:
    await apply(database, pack)
    async with database.transaction() as tx:
        admin = await tx.scalar("select id from users where login = 'gaoyuan'")
        await tx.run("update skills set name_zh = '改过' where key = 'orders'")
        await tx.run(
            """insert into configuration_changes (id, line_id, subject, user_id, undone_at)
               values (:id, 'shop', 'skills:orders', :user, now())""",
            id=new_id(),
            user=admin,
        )
    assert not (await apply(database, pack)).kept
    async with database.reading() as tx:
        assert await tx.scalar("select name_zh from skills where key = 'orders'") == "订单处理"


async def test_lowering_capacity_never_breaks_held_work(database: Database, pack: Pack) -> None:
    await apply(database, pack)
    async with database.transaction() as tx:
        await tx.run("update agents set capacity = 20, load = 9")
    await apply(database, pack)
    async with database.reading() as tx:
        assert await tx.scalar("select min(capacity) from agents") == 9


async def test_members_secret_and_origins(database: Database, pack: Pack) -> None:
    await apply(database, pack, with_people=False)
    async with database.reading() as tx:
        made = await tx.scalar("select member_secret from business_lines")
    assert len(made) >= 32
    for _ in range(2):
        async with database.transaction() as tx:
            await apply_pack(
                tx,
                "shop",
                pack,
                with_people=False,
                member_secret="shared",
                allowed_origins=["http://127.0.0.1:9"],
            )
    async with database.reading() as tx:
        row = await tx.one("select member_secret, allowed_origins from business_lines")
    assert row.member_secret == "shared"
    assert row.allowed_origins == ["http://127.0.0.1:9"]


def test_the_demonstration_can_be_signed_in_to(fresh_database_url: str) -> None:
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        database_url=fresh_database_url,
        secret_key=SecretStr("s" * 40),
        business_system_url="http://127.0.0.1:9",
    )

    async def scenario() -> None:
        first = await load_demo(settings, "ecommerce", member_secret="shared")
        again = await load_demo(settings, "ecommerce", member_secret="shared")
        assert first == again
        assert {each.password for each in first} == {demo_password(settings)}
        assert first[0].login == "chenjia"
        database = Database(fresh_database_url, pool_size=1)
        async with database.transaction() as tx:
            stored = await tx.scalar("select password_hash from users where login = 'chenjia'")
            await tx.run("update users set password_hash = 'other' where login = 'chenjia'")
        assert (await verify_password(first[0].password, stored))[0]
        await database.close()
        changed = await load_demo(settings, "ecommerce", member_secret="shared")
        assert [each.login for each in changed if not each.password] == ["chenjia"]

    asyncio.run(scenario())
