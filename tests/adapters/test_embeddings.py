"""The embeddings endpoint in every state an endpoint can be in: vectors in time, or None in time."""

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from adapters.embeddings import (
    BREAKER_FAILURES,
    BREAKER_PAUSE_S,
    QUESTIONS_AT_ONCE,
    EmbeddingOutcome,
    Embeddings,
    configured_embeddings,
)
from adapters.settings import Settings, SettingsError, load_settings
from tests.support.fake_embeddings import GARBAGE, FakeEndpoint, Mode, fake_endpoint

QUESTION = "我的手机号是机密 secret-words"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def embeddings(endpoint: FakeEndpoint, clock: Clock) -> AsyncIterator[Embeddings]:
    client = Embeddings(endpoint.url, "letters", "token-of-the-test", deadline_s=0.4, monotonic=clock)
    yield client
    await client.close()


async def test_a_question_becomes_a_unit_vector(endpoint: FakeEndpoint, embeddings: Embeddings) -> None:
    vector = await embeddings.question("退货")
    assert vector is not None
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-4)
    (request,) = endpoint.asked
    assert (request["path"], request["model"], request["input"]) == ("/v1/embeddings", "letters", ["退货"])
    assert endpoint.authorizations == ["Bearer token-of-the-test"]
    assert embeddings.counts == {EmbeddingOutcome.EMBEDDED: 1}


async def test_vectors_come_in_the_texts_order_whatever_the_answer_s(embeddings: Embeddings) -> None:
    vectors = await embeddings.articles(["aaa", "bbb"])
    assert vectors is not None
    assert vectors == [await embeddings.question("aaa"), await embeddings.question("bbb")]
    assert vectors[0] != vectors[1]


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        (Mode.SLOW, EmbeddingOutcome.TIMED_OUT),
        (Mode.DRIP, EmbeddingOutcome.TIMED_OUT),
        (Mode.ERROR, EmbeddingOutcome.SERVER_ERROR),
        (Mode.LIMITED, EmbeddingOutcome.REFUSED),
        (Mode.MOVED, EmbeddingOutcome.REFUSED),
        *((mode, EmbeddingOutcome.UNREADABLE) for mode in GARBAGE),
    ],
)
async def test_a_bad_endpoint_gives_nothing_in_time_and_is_counted(
    endpoint: FakeEndpoint, embeddings: Embeddings, mode: Mode, outcome: EmbeddingOutcome
) -> None:
    endpoint.mode = mode
    started = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        assert await embeddings.question(QUESTION) is None
    assert time.monotonic() - started < 1.2
    assert embeddings.counts == {outcome: 1}
    assert [entry["outcome"] for entry in logs] == [outcome.value]
    assert "secret" not in str(logs)
    assert "机密" not in str(logs)
    assert len(endpoint.asked) == 1, "a redirect is not followed, nothing is repeated"


async def test_nobody_listening_is_counted(clock: Clock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = Embeddings(f"http://127.0.0.1:{free.getsockname()[1]}", "letters", monotonic=clock)
        assert await client.question("退货") is None
        assert client.counts == {EmbeddingOutcome.NOT_CONNECTED: 1}
        await client.close()


async def test_after_failures_in_a_row_nobody_is_asked_for_a_while(
    endpoint: FakeEndpoint, embeddings: Embeddings, clock: Clock
) -> None:
    endpoint.mode = Mode.ERROR
    for _ in range(BREAKER_FAILURES):
        assert embeddings.wants_questions
        await embeddings.question("退货")
    assert not embeddings.wants_questions
    assert await embeddings.question("退货") is None
    assert len(endpoint.asked) == BREAKER_FAILURES
    clock.now += BREAKER_PAUSE_S
    await embeddings.question("退货")
    assert len(endpoint.asked) == BREAKER_FAILURES + 1, "one question tries it"
    assert not embeddings.wants_questions, "and pauses it again"
    endpoint.mode = Mode.GOOD
    clock.now += BREAKER_PAUSE_S
    assert await embeddings.question("退货") is not None
    assert embeddings.wants_questions


async def test_a_slow_endpoint_holds_few_turns_only(endpoint: FakeEndpoint, embeddings: Embeddings) -> None:
    endpoint.mode = Mode.SLOW
    asked = [asyncio.create_task(embeddings.question("退货")) for _ in range(QUESTIONS_AT_ONCE + 3)]
    done, _ = await asyncio.wait(asked, timeout=0.2)
    assert len(done) == 3, "the others went on without it at once"
    assert await asyncio.gather(*asked) == [None] * len(asked)
    assert embeddings.counts[EmbeddingOutcome.BUSY] == 3
    assert embeddings.counts[EmbeddingOutcome.TIMED_OUT] == QUESTIONS_AT_ONCE


async def test_batches_shrink_until_a_slow_model_manages_them_and_grow_again(
    endpoint: FakeEndpoint, embeddings: Embeddings, clock: Clock
) -> None:
    endpoint.batch_seconds = 0.02
    sizes = []
    for _ in range(8):
        sizes.append(embeddings.articles_wanted)
        if await embeddings.articles(["text"] * embeddings.articles_wanted) is not None:
            break
        assert not embeddings.wants_articles
        assert embeddings.wants_questions, "articles that fail take no question's place"
        clock.now += BREAKER_PAUSE_S
    assert sizes[:2] == [64, 32]
    assert sizes[-1] <= 16
    assert embeddings.articles_wanted == sizes[-1] * 2


async def test_a_cancelled_question_says_nothing_about_the_endpoint(
    endpoint: FakeEndpoint, embeddings: Embeddings
) -> None:
    endpoint.mode = Mode.SLOW
    for _ in range(BREAKER_FAILURES + QUESTIONS_AT_ONCE):
        asking = asyncio.create_task(embeddings.question("退货"))
        await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert embeddings.wants_questions
    endpoint.mode = Mode.GOOD
    endpoint.released.set()
    assert await embeddings.question("退货") is not None


def test_the_endpoint_is_off_unless_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DATABASE_URL", "postgresql://a:b@c/d"), ("SECRET_KEY", "0123456789abcdef" * 2)):
        monkeypatch.setenv(name, value)
    assert configured_embeddings(load_settings()) is None
    monkeypatch.setenv("EMBEDDINGS_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert raised.value.problems == [("EMBEDDINGS_MODEL", "is needed beside EMBEDDINGS_URL")]
    monkeypatch.setenv("EMBEDDINGS_MODEL", "letters")
    monkeypatch.setenv("EMBEDDINGS_TOKEN", "hunter2")
    settings: Settings = load_settings()
    assert "hunter2" not in repr(settings)
    client = configured_embeddings(settings)
    assert client is not None
    assert client.model == "letters"
