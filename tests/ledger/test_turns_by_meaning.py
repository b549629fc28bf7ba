"""Bot turns with the embeddings endpoint: what it adds, and that its faults take nothing away."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
import structlog

from activities.contact import ContactLedger
from adapters.db.embedding import similarities, store_vectors, unembedded_articles
from adapters.db.engine import Database
from adapters.db.knowledge import index_article
from adapters.embeddings import BREAKER_FAILURES, EmbeddingOutcome, Embeddings
from adapters.ids import new_id
from domain.contact import StepIntent, StepKind
from tests.conftest import DatabaseServer
from tests.support.fake_embeddings import GARBAGE, FakeEndpoint, Mode, fake_endpoint, vector
from tests.support.line import Line, open_line

ARTICLES = {
    "silent": "Tinsel enlist",
    "refund": "How long does a refund take",
    "invoice": "Where can I get an invoice",
    "delivery": "How much is the delivery fee",
    "password": "I forgot my password",
    "warranty": "What does the warranty cover",
    "exchange": "Can I change the size or colour",
}
QUESTION = "Inlets, listen!"
"""The letters of one article and the words of none."""
MODEL = "letters"


@dataclass
class Bot:
    """A line with a bot whose knowledge is a few articles, and the activity that takes its turns."""

    line: Line
    ledger: ContactLedger
    embeddings: Embeddings

    async def turn(self, text: str, *, choice: str | None = None, identity: UUID | None = None) -> UUID:
        """The contact of a customer who wrote this and to whom the bot has reacted."""
        identity = identity or await self.line.customer(language="en")
        received = await self.line.say(identity, text, choice=choice)
        await self.ledger.step(await self.intent(received.contact_id))
        return received.contact_id

    async def intent(self, contact_id: UUID) -> StepIntent:
        case = await self.line.case(contact_id)
        return StepIntent(
            case_id=str(contact_id), step_no=case.step_no + 1, kind=StepKind.BOT_TURN, seen_seq=case.fact_seq
        )

    async def said(self, contact_id: UUID) -> Any:
        """The bot's last message."""
        return [m for m in await self.line.messages(contact_id) if m.author == "bot"][-1]

    async def labels(self, contact_id: UUID) -> list[str]:
        return [choice["label"] for choice in (await self.said(contact_id)).attrs.get("choices", ())]

    async def embedded(self) -> dict[str, Any]:
        async with self.line.database.reading() as tx:
            rows = await tx.all("select key, embedding from articles where embedding->>'model' is not null")
        return {row.key: row.embedding for row in rows}


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as running:
        yield running


@pytest.fixture
async def bot(fresh_database_url: str, endpoint: FakeEndpoint) -> AsyncIterator[Bot]:
    database = Database(fresh_database_url, pool_size=4, application="holdfast-test")
    line = await open_line(database, bot=True)
    async with database.transaction() as tx:
        await tx.run("delete from articles")
        for key, title in ARTICLES.items():
            article_id = new_id()
            await tx.run(
                """insert into articles (id, line_id, key, language, title, body)
                   values (:id, 'shop', :key, 'en', :title, :title)""",
                id=article_id,
                key=key,
                title=title,
            )
            await index_article(tx, article_id)
    embeddings = Embeddings(endpoint.url, MODEL, deadline_s=0.5)
    yield Bot(line, ContactLedger(database, embeddings), embeddings)
    await embeddings.close()
    await database.close()


@pytest.fixture(params=["with the extension", "without it"])
def extension(
    request: pytest.FixtureRequest, database_server: DatabaseServer, fresh_database_url: str
) -> bool:
    """Both kinds of PostgreSQL; the embedded one has `vector`, so that one is taken away."""
    name = fresh_database_url.rsplit("/", 1)[1]
    address = database_server.admin_url.rsplit("/", 1)[0]
    with psycopg.connect(f"{address}/{name}", autocommit=True) as connection:
        if request.param == "without it":
            connection.execute("drop extension vector")
        row = connection.execute("select to_regtype('vector') is not null").fetchone()
    assert row is not None
    assert row[0] == (request.param == "with the extension")
    return bool(row[0])


@pytest.mark.usefixtures("extension")
async def test_a_question_that_shares_no_word_is_offered_the_article_it_means_and_answered(
    bot: Bot, endpoint: FakeEndpoint
) -> None:
    identity = await bot.line.customer(language="en")
    contact_id = await bot.turn(QUESTION, identity=identity)
    assert ARTICLES["silent"] in await bot.labels(contact_id)
    assert set(await bot.embedded()) == set(ARTICLES), "the articles were embedded beside the first question"
    assert bot.embeddings.counts == {EmbeddingOutcome.EMBEDDED: 2}
    choices = (await bot.said(contact_id)).attrs["choices"]
    choice = next(each["id"] for each in choices if each["label"] == ARTICLES["silent"])
    await bot.turn(ARTICLES["silent"], choice=choice, identity=identity)
    assert (await bot.said(contact_id)).attrs["citations"][0]["title"] == ARTICLES["silent"]
    assert len(endpoint.asked) == 2, "a pressed button needs no vector"


async def test_without_the_endpoint_the_same_question_finds_nothing(bot: Bot) -> None:
    bot.ledger = ContactLedger(bot.line.database)
    assert ARTICLES["silent"] not in await bot.labels(await bot.turn(QUESTION))
    assert await bot.embedded() == {}


@pytest.mark.parametrize("mode", [Mode.SLOW, Mode.DRIP, Mode.ERROR, *GARBAGE])
async def test_a_bad_endpoint_leaves_the_lexicon_at_work_and_delays_little(
    bot: Bot, endpoint: FakeEndpoint, mode: Mode
) -> None:
    endpoint.mode = mode
    started = time.monotonic()
    contact_id = await bot.turn("I forgot my password")
    assert time.monotonic() - started < 2
    assert (await bot.said(contact_id)).attrs["citations"][0]["title"] == ARTICLES["password"]
    assert bot.embeddings.counts.total() >= 1
    assert EmbeddingOutcome.EMBEDDED not in bot.embeddings.counts
    assert await bot.embedded() == {}


async def test_an_endpoint_that_is_down_is_soon_left_alone(bot: Bot, endpoint: FakeEndpoint) -> None:
    endpoint.mode = Mode.ERROR
    for _ in range(BREAKER_FAILURES + 2):
        contact_id = await bot.turn("I forgot my password")
        assert (await bot.said(contact_id)).attrs["citations"][0]["title"] == ARTICLES["password"]
    questions = [request for request in endpoint.asked if len(request["input"]) == 1]
    assert len(questions) == BREAKER_FAILURES
    assert bot.embeddings.counts[EmbeddingOutcome.PAUSED] == 2


async def test_an_edited_article_is_found_by_its_new_meaning_at_once(
    bot: Bot, endpoint: FakeEndpoint
) -> None:
    await bot.turn("I forgot my password")
    async with bot.line.database.transaction() as tx:
        await tx.run("update articles set title = 'Below elbow', body = 'Below' where key = 'refund'")
    endpoint.asked.clear()
    assert "Below elbow" in await bot.labels(await bot.turn("Bowel"))
    assert sorted(endpoint.texts) == ["Below elbow\nBelow", "Bowel"], "only what changed is sent again"


async def test_another_model_s_vectors_are_never_compared(bot: Bot, endpoint: FakeEndpoint) -> None:
    await bot.turn("I forgot my password")
    other = Embeddings(endpoint.url, "other", deadline_s=0.5)
    async with bot.line.database.reading() as tx:
        assert await similarities(tx, "shop", "en", "other", vector("silent")) == {}
        assert len(await unembedded_articles(tx, "shop", "other", 64)) == len(ARTICLES)
    bot.ledger = ContactLedger(bot.line.database, other)
    await bot.turn(QUESTION)
    assert {value["model"] for value in (await bot.embedded()).values()} == {"other"}
    await other.close()


@pytest.mark.usefixtures("extension")
async def test_a_model_that_changes_its_dimensions_under_one_name_harms_nothing(
    bot: Bot, endpoint: FakeEndpoint
) -> None:
    await bot.turn("I forgot my password")
    endpoint.dimensions = 32
    contact_id = await bot.turn("I forgot my password")
    assert (await bot.said(contact_id)).attrs["citations"][0]["title"] == ARTICLES["password"]


@pytest.mark.usefixtures("extension")
async def test_similarities_agree_and_stay_within_their_wall(bot: Bot) -> None:
    await bot.turn("I forgot my password")
    async with bot.line.database.reading() as tx:
        key_of = {str(row.id): row.key for row in await tx.all("select id, key from articles")}
        question = await bot.embeddings.question("silent")
        assert question is not None
        found = await similarities(tx, "shop", "en", MODEL, question)
        assert max(found, key=lambda each: found[each]) in key_of
        assert key_of[max(found, key=lambda each: found[each])] == "silent"
        assert min(found.values()) == 0
        for line_id, language in (("elsewhere", "en"), ("shop", "zh")):
            assert await similarities(tx, line_id, language, MODEL, question) == {}


async def test_words_changed_while_their_vector_was_made_keep_none(bot: Bot) -> None:
    async with bot.line.database.reading() as tx:
        lacking = await unembedded_articles(tx, "shop", MODEL, 64)
    async with bot.line.database.transaction() as tx:
        await tx.run("update articles set title = 'Something else' where key = 'refund'")
    async with bot.line.database.transaction() as tx:
        assert await store_vectors(tx, MODEL, lacking, [(1.0, 0.0)] * len(lacking)) == len(ARTICLES) - 1
    assert "refund" not in await bot.embedded()


async def test_an_article_in_an_editor_s_hands_is_not_waited_for(bot: Bot) -> None:
    async with bot.line.database.transaction() as editor:
        await editor.run("update articles set changed_at = now() where key = 'refund'")
        await bot.turn("I forgot my password")
    assert set(await bot.embedded()) == set(ARTICLES) - {"refund"}


async def test_a_text_that_the_endpoint_refuses_stops_no_other(bot: Bot, endpoint: FakeEndpoint) -> None:
    endpoint.refused_word = "invoice"
    for _ in range(60):
        bot.embeddings._articles.succeeded()  # as after the pause
        await bot.turn(QUESTION)
        if len(await bot.embedded()) == len(ARTICLES) - 1:
            break
    assert set(await bot.embedded()) == set(ARTICLES) - {"invoice"}


@pytest.mark.usefixtures("extension")
async def test_rubbish_in_the_column_does_not_make_the_bot_mute(bot: Bot) -> None:
    await bot.turn("I forgot my password")
    async with bot.line.database.transaction() as tx:
        await tx.run("""update articles set embedding = jsonb_set(embedding, '{vector}', '"[rubbish"')""")
    with structlog.testing.capture_logs() as logs:
        contact_id = await bot.turn("I forgot my password")
    assert (await bot.said(contact_id)).attrs["citations"][0]["title"] == ARTICLES["password"]
    assert bot.embeddings.counts[EmbeddingOutcome.LEDGER_ERROR] == 1
    assert "password" not in str(logs)


async def test_a_vector_counts_only_for_the_words_it_is_of(bot: Bot) -> None:
    identity = await bot.line.customer(language="en")
    received = await bot.line.say(identity, QUESTION)
    asking = bot.embeddings.question

    async def meanwhile(text: str) -> Any:
        await bot.line.say(identity, "Oh never mind, xylophones")
        return await asking(text)

    bot.embeddings.question = meanwhile  # type: ignore[method-assign] # the customer writes on while we ask
    await bot.ledger.step(await bot.intent(received.contact_id))
    assert ARTICLES["silent"] not in await bot.labels(received.contact_id)


async def test_what_needs_no_vector_asks_for_none(bot: Bot, endpoint: FakeEndpoint) -> None:
    identity = await bot.line.customer(language="en")
    contact_id = await bot.turn("13800138000", identity=identity)
    assert endpoint.asked == []
    await bot.line.say(identity, "I want to talk to a person")
    async with bot.line.database.transaction() as tx:
        await tx.run("update contacts set speaker = 'agent' where id = :id", id=contact_id)
    await bot.ledger.step(await bot.intent(contact_id))
    assert endpoint.asked == []


async def test_a_step_that_was_taken_asks_again_for_nothing(bot: Bot, endpoint: FakeEndpoint) -> None:
    received = await bot.line.say(await bot.line.customer(language="en"), QUESTION)
    intent = await bot.intent(received.contact_id)
    first = await bot.ledger.step(intent)
    endpoint.asked.clear()
    assert await bot.ledger.step(intent) == first
    assert endpoint.asked == []
