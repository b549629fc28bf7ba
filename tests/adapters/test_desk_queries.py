"""The desk's read models: keyset pages without gaps or repeats, honest counts, newest-first search."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from adapters.db import desk, desk_articles, desk_search
from adapters.db.commands import run_once
from adapters.db.desk import Order, Tab
from adapters.db.desk_articles import ArticleText
from adapters.db.desk_customer import split_tags
from adapters.db.engine import Database, NotFoundError
from domain.refusals import Refusal, RefusalCode
from tests.web.desk_world import LINE, World, make_world


@pytest.fixture(scope="module")
async def world(module_database_url: str) -> AsyncIterator[World]:
    database = Database(module_database_url, pool_size=4)
    made = await make_world(database)
    async with database.transaction() as tx:
        await tx.run("update agents set capacity = 200")
    yield made
    await database.close()


@pytest.fixture(scope="module")
async def many(world: World) -> set[UUID]:
    """A hundred open contacts in one agent's hands, some of them with equal instants."""
    made = {await world.talking("chenjia", f"客户 {number}", f"第 {number} 个问题") for number in range(100)}
    async with world.database.transaction() as tx:
        await tx.run(
            """update contacts set last_message_at = date_trunc('second', last_message_at),
                   waiting_since = case when extract(second from opened_at)::int % 2 = 0
                                        then date_trunc('second', waiting_since) end,
                   urgency = (array['low', 'normal', 'high', 'critical'])[1 + abs(hashtext(id::text)) % 4]"""
        )
    return made


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("tab", [Tab.MINE, Tab.ALL])
async def test_pages_hold_every_contact_once_in_order(
    world: World, many: set[UUID], tab: Tab, order: Order
) -> None:
    me = world.users["chenjia"]
    seen: list[UUID] = []
    keys: list[str] = []
    after: str | None = None
    async with world.database.reading() as tx:
        while True:
            page = await desk.list_contacts(tx, LINE, me, tab=tab, order=order, after=after)
            seen += [row.id for row in page.rows]
            keys += [row.sort_key for row in page.rows]
            if page.after is None:
                break
            after = page.after
    assert len(seen) == len(set(seen))
    assert many <= set(seen)
    if order is Order.PRIORITY:
        assert [float(key) for key in keys] == sorted(float(key) for key in keys)
    if order is Order.LATEST:
        assert keys == sorted(keys, reverse=True)


SOME_ID = UUID("01a20000-0000-7000-8000-000000000000")
"""Fixed: the processes of one run must collect tests of the same names."""


@pytest.mark.parametrize("after", ["", "x", "~", "nonsense~nonsense", f"~{SOME_ID}", f"'; drop~{SOME_ID}"])
async def test_a_forged_position_starts_at_the_top(world: World, many: set[UUID], after: str) -> None:
    async with world.database.reading() as tx:
        page = await desk.list_contacts(
            tx, LINE, world.users["chenjia"], tab=Tab.MINE, order=Order.LATEST, after=after
        )
    assert len(page.rows) == desk.PAGE_SIZE


async def test_counts_and_unread(world: World, many: set[UUID]) -> None:
    async with world.database.reading() as tx:
        counted = await desk.counts(tx, LINE, world.users["chenjia"])
        assert counted.mine >= len(many)
        assert counted.unread >= len(many)
        assert counted.all >= counted.mine
        nobody = await desk.counts(tx, LINE, uuid4())
    assert (nobody.mine, nobody.unread) == (0, 0)


async def test_search_is_newest_first_and_stays_in_its_line(world: World) -> None:
    older = await world.talking("chenjia", "甲", "扫地机器人充不进电")
    newer = await world.talking("chenjia", "乙", "扫地机器人异响")
    async with world.database.reading() as tx:
        found = await desk_search.search(tx, LINE, "扫地机器人")
        assert [row.contact_id for row in found.messages][:2] == [newer, older]
        assert (await desk_search.search(tx, "bank", "扫地机器人")).messages == []
        both = await desk_search.search(tx, LINE, "机器人 充不进电")
    assert [row.contact_id for row in both.messages] == [older]


async def test_a_common_word_is_cut_and_says_so(world: World, many: set[UUID]) -> None:
    async with world.database.reading() as tx:
        found = await desk_search.search(tx, LINE, "问题")
    assert len(found.messages) == desk_search.RESULTS
    assert found.more


@pytest.mark.parametrize(
    ("query", "tokens"),
    [
        ("退款", ["退款"]),
        ("退", ["退"]),
        ("退款了 refunds", ["退款", "款了", "refund"]),
        ("  ", []),
        ("!!!", []),
    ],
)
def test_a_pair_says_its_characters_too(query: str, tokens: list[str]) -> None:
    assert desk_search.search_tokens(query) == tokens


def test_tags_as_people_type_them() -> None:
    assert split_tags(" 高价值，退款敏感、VIP, 高价值,, ") == ["高价值", "退款敏感", "VIP"]


def _article(key: str, body: str, **changes: object) -> ArticleText:
    values: dict[str, object] = {
        "key": key,
        "language": "zh",
        "title": "滤芯更换周期",
        "questions": ["滤芯多久换一次"],
        "body": body,
        "category": "aftersales",
        "skill": "aftersales",
        "status": "published",
        "valid_from": None,
        "valid_until": None,
        "review_at": None,
    }
    return ArticleText(**(values | changes))  # type: ignore[arg-type] # the test's own values


async def test_articles_are_found_as_soon_as_they_are_saved(world: World) -> None:
    editor = world.users["zhangwei"]
    async with world.database.transaction() as tx:
        article = await desk_articles.save_article(
            tx, LINE, editor, _article("filter", "鲸鱼牌滤芯每六个月更换。"), id=None, version=0
        )
        rows, _ = await desk_articles.list_articles(tx, LINE, wanted=desk_search.search_tokens("鲸鱼牌"))
        assert [row.id for row in rows] == [article]
    async with world.database.transaction() as tx:
        await desk_articles.save_article(
            tx, LINE, editor, _article("filter", "海豚牌滤芯每三个月更换。"), id=article, version=1
        )
        assert (await desk_articles.list_articles(tx, LINE, wanted=desk_search.search_tokens("鲸鱼牌")))[
            0
        ] == []
    with pytest.raises(Refusal) as stale:
        async with world.database.transaction() as tx:
            await desk_articles.save_article(
                tx, LINE, editor, _article("filter", "旧"), id=article, version=1
            )
    assert stale.value.code is RefusalCode.STALE
    with pytest.raises(Refusal) as taken:
        async with world.database.transaction() as tx:
            await desk_articles.save_article(tx, LINE, editor, _article("filter", "重"), id=None, version=0)
    assert taken.value.code is RefusalCode.ALREADY_DONE
    with pytest.raises(NotFoundError):
        async with world.database.transaction() as tx:
            await desk_articles.save_article(
                tx, "bank", editor, _article("filter", "墙"), id=article, version=2
            )
    async with world.database.reading() as tx:
        change = await tx.one(
            """select before, after from configuration_changes where subject = 'articles:filter.zh'
               and before is not null"""
        )
    assert change.before["body"].startswith("鲸鱼牌")
    assert change.after["body"].startswith("海豚牌")


async def test_a_command_happens_once_and_belongs_to_one_act(world: World) -> None:
    done: list[int] = []
    command_id = uuid4()

    async def act() -> dict[str, int]:
        done.append(1)
        return {"seq": len(done)}

    async def run(actor: str = "user:a", name: str = "reply:x") -> object:
        async with world.database.transaction() as tx:
            return await run_once(tx, command_id, act, line_id=LINE, actor=actor, name=name)

    assert await run() == await run() == {"seq": 1}
    assert done == [1]
    for actor, name in (("user:b", "reply:x"), ("user:a", "reply:y")):
        with pytest.raises(Refusal):
            await run(actor, name)
    assert done == [1]


async def test_a_refused_command_may_be_tried_again(world: World) -> None:
    command_id = uuid4()

    async def refuse() -> None:
        raise Refusal(RefusalCode.NOT_YOURS)

    async def accept() -> str:
        return "done"

    with pytest.raises(Refusal):
        async with world.database.transaction() as tx:
            await run_once(tx, command_id, refuse, line_id=LINE, actor="user:a", name="x")
    async with world.database.transaction() as tx:
        assert await run_once(tx, command_id, accept, line_id=LINE, actor="user:a", name="x") == "done"
