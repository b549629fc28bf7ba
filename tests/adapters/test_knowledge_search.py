"""Articles are found in PostgreSQL by our own tokens: at once, only while valid, only in their own line."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.db.company import apply_pack
from adapters.db.config import LineConfig, line_config
from adapters.db.engine import Database
from adapters.db.knowledge import candidates_for, find_candidates, index_article
from adapters.packs import load_pack
from domain.bot.decide import decide
from domain.bot.model import Memory, Turn
from domain.text import Language

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"
ZH, EN = Language.ZH, Language.EN


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    database = Database(module_database_url, pool_size=3)
    async with database.transaction() as tx:
        await apply_pack(tx, "shop", load_pack(PACK), with_people=False)
    yield database
    await database.close()


@pytest.fixture
async def config(database: Database) -> LineConfig:
    async with database.reading() as tx:
        return await line_config(tx, "shop")


@pytest.mark.parametrize(
    ("language", "question", "key"),
    [
        (ZH, "怎么退货", "how_to_return"),
        (ZH, "邮费多少钱", "delivery_fee"),
        (ZH, "钱扣了两次", "charged_twice"),
        (ZH, "忘了密码怎么办", "reset_password"),
        (EN, "how do I send back an item", "how_to_return"),
        (EN, "what does shipping cost", "delivery_fee"),
        (EN, "you charged me twice", "charged_twice"),
        (EN, "I forgot my password", "reset_password"),
    ],
)
async def test_questions_find_their_article(
    database: Database, config: LineConfig, language: Language, question: str, key: str
) -> None:
    async with database.reading() as tx:
        found = await candidates_for(tx, config, question, language)
    assert found[0].key == key
    assert {candidate.language for candidate in found} == {language}


async def test_the_whole_turn_answers_from_the_ledger(database: Database, config: LineConfig) -> None:
    async with database.reading() as tx:
        found = await candidates_for(tx, config, "怎么退货", ZH)
    turn = Turn(text="怎么退货", language=ZH, now=datetime(2026, 11, 23, tzinfo=UTC), candidates=tuple(found))
    decision = decide(turn, Memory(), config.book)
    assert decision.answered
    assert decision.replies[0].citations == (found[0].article_id,)


async def test_an_edited_article_is_found_by_its_new_words_at_once(
    database: Database, config: LineConfig
) -> None:
    async with database.transaction() as tx:
        article = await tx.one("select id from articles where key = 'gift_wrap' and language = 'zh'")
        await tx.run("update articles set title = '蝴蝶结丝带怎么选' where id = :id", id=article.id)
        await index_article(tx, article.id)
        assert (await candidates_for(tx, config, "蝴蝶结丝带", ZH))[0].key == "gift_wrap"


@pytest.mark.parametrize(
    "change",
    [
        "status = 'draft'",
        "status = 'archived'",
        "valid_until = current_date - 2",
        "valid_from = current_date + 2",
        "language = 'en'",
    ],
)
async def test_what_is_not_valid_is_not_found(database: Database, config: LineConfig, change: str) -> None:
    # A reading transaction is never committed: the change is gone afterwards.
    async with database.reading() as tx:
        before = await candidates_for(tx, config, "生日礼物怎么领", ZH)
        assert before[0].key == "birthday_gift"
        await tx.run("delete from articles where key = 'birthday_gift' and language = 'en'")
        await tx.run(f"update articles set {change} where key = 'birthday_gift' and language = 'zh'")
        after = await candidates_for(tx, config, "生日礼物怎么领", ZH)
        assert "birthday_gift" not in {candidate.key for candidate in after}


async def test_the_last_day_counts_in_the_shop_s_own_time(database: Database, config: LineConfig) -> None:
    async with database.reading() as tx:
        local_day = (await tx.clock() + timedelta(minutes=config.book.utc_offset_minutes)).date()
        await tx.run("update articles set valid_until = :day where key = 'birthday_gift'", day=local_day)
        assert (await candidates_for(tx, config, "生日礼物怎么领", ZH))[0].key == "birthday_gift"


async def test_other_lines_are_walls(database: Database, config: LineConfig) -> None:
    async with database.reading() as tx:
        assert await find_candidates(tx, "elsewhere", config.book, "怎么退货", ZH) == []


async def test_a_pressed_article_comes_first(database: Database, config: LineConfig) -> None:
    async with database.reading() as tx:
        chosen = await tx.scalar("select id from articles where key = 'warranty' and language = 'zh'")
        found = await candidates_for(tx, config, "怎么退货", ZH, str(chosen))
        assert [candidate.key for candidate in found[:2]] == ["warranty", "how_to_return"]
        await tx.run("update articles set status = 'draft' where key = 'warranty'")
        assert (await candidates_for(tx, config, "", ZH, str(chosen))) == []


@pytest.mark.parametrize("chosen", ["", "rubbish", "00000000-0000-0000-0000-000000000000", "' or 1=1 --"])
async def test_a_forged_choice_finds_nothing(database: Database, config: LineConfig, chosen: str) -> None:
    async with database.reading() as tx:
        assert await candidates_for(tx, config, "", ZH, chosen) == []


@pytest.mark.parametrize(
    "text",
    ["'; drop table articles; --", "a:* & b | !c <-> d", "\\", "’‘“”", "🙃" * 50, "退" * 3000, ":tokens"],
)
async def test_any_text_may_be_asked(database: Database, config: LineConfig, text: str) -> None:
    async with database.reading() as tx:
        for language in Language:
            assert len(await candidates_for(tx, config, text, language)) <= 5


async def test_searching_is_quick(database: Database, config: LineConfig) -> None:
    spent = []
    async with database.reading() as tx:
        for _ in range(20):
            started = time.perf_counter()
            await candidates_for(tx, config, "我上周买的保温杯到现在还没有收到，请帮我看一下物流", ZH)
            spent.append(time.perf_counter() - started)
    # The median, generous for a loaded machine.
    assert sorted(spent)[10] < 0.1, spent
