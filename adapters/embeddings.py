"""The optional embeddings endpoint (OpenAI-compatible): texts in, unit vectors out, or quickly nothing.

A customer waits while this is asked, and the lexicon can do without it. So every way the endpoint can be slow,
broken or away ends within `DEADLINE_S` in None, is counted, and soon is not even tried. Texts are never logged.
"""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError

from adapters.breaker import Breaker
from adapters.settings import Settings

CONNECT_TIMEOUT_S = 1.0
DEADLINE_S = 1.5
"""For a whole request: an endpoint that sends one byte a second never trips a read timeout."""

QUESTIONS_AT_ONCE = 4
"""Fewer than the worker's local activities: a slow endpoint must not hold all of them."""

ARTICLES_AT_ONCE = 64
DIMENSIONS_MAXIMUM = 8192
ANSWER_SIZE_MAXIMUM_BYTES = 16 * 1024 * 1024

BREAKER_FAILURES = 3
BREAKER_PAUSE_S = 10.0

Vector = tuple[float, ...]

_log = structlog.get_logger(__name__)


class EmbeddingOutcome(StrEnum):
    """What came of asking; everything but `EMBEDDED` means that words alone decide."""

    EMBEDDED = "embedded"
    BUSY = "busy"
    """As many questions as may are under way."""
    PAUSED = "paused"
    """The breaker left the endpoint alone."""
    TIMED_OUT = "timed_out"
    NOT_CONNECTED = "not_connected"
    REFUSED = "refused"
    """A 4xx: a wrong token, model or text, or too many requests."""
    SERVER_ERROR = "server_error"
    UNREADABLE = "unreadable"
    LEDGER_ERROR = "ledger_error"
    """The vectors could not be stored or compared."""


class _Failure(Exception):  # noqa: N818 - the outcome of a request, not an error anybody outside sees
    def __init__(self, outcome: EmbeddingOutcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Embedded(BaseModel):
    index: int
    embedding: Annotated[list[float], Field(min_length=2, max_length=DIMENSIONS_MAXIMUM)]


class _Answer(BaseModel):
    data: list[_Embedded]


class Embeddings:
    """One endpoint and one model. Safe for many turns at once; `close()` it when the process ends.

    `url` is the address before `/embeddings`, for example `https://models.example/v1`. `counts` says how often
    each outcome happened in this process. Raises ValueError for an address without a model.
    """

    def __init__(
        self,
        url: str,
        model: str | None,
        token: str | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not model:
            raise ValueError("an embeddings endpoint needs a model (EMBEDDINGS_MODEL)")
        self.model = model
        self.counts: Counter[EmbeddingOutcome] = Counter()
        self.articles_wanted = ARTICLES_AT_ONCE
        """How many articles the next batch may have: halved by each failure, doubled by each success."""
        self._url = url.rstrip("/") + "/embeddings"
        self._deadline_s = deadline_s
        self._questions = Breaker(monotonic, failures=BREAKER_FAILURES, pause_s=BREAKER_PAUSE_S)
        self._questions_under_way = 0
        # A batch that fails says little of the endpoint, so articles pause at once and alone.
        self._articles = Breaker(monotonic, failures=1, pause_s=BREAKER_PAUSE_S)
        self._articles_under_way = False
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(deadline_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=QUESTIONS_AT_ONCE + 1, keepalive_expiry=15.0),
            follow_redirects=False,
            trust_env=False,  # where customers' words go is configured, never inherited
        )

    async def close(self) -> None:
        """Close the connections; requests still under way fail."""
        await self._client.aclose()

    def count(self, outcome: EmbeddingOutcome) -> None:
        """Count an outcome, and log those that are not the usual ones."""
        self.counts[outcome] += 1
        if outcome not in {EmbeddingOutcome.EMBEDDED, EmbeddingOutcome.PAUSED, EmbeddingOutcome.BUSY}:
            _log.warning("embeddings_failed", outcome=outcome.value, times=self.counts[outcome])

    async def question(self, text: str) -> Vector | None:
        """A question's unit vector; None when it cannot be had in time."""
        if self._questions_under_way >= QUESTIONS_AT_ONCE:
            self.count(EmbeddingOutcome.BUSY)
            return None
        self._questions_under_way += 1
        try:
            vectors = await self._guarded(self._questions, [text])
        finally:
            self._questions_under_way -= 1
        return vectors[0] if vectors is not None else None

    async def articles(self, texts: Sequence[str]) -> list[Vector] | None:
        """Unit vectors of at most `articles_wanted` articles; None when they cannot be had in time.

        One batch at a time; a batch that fails makes the next one smaller, so that a slow endpoint gets
        there too, and a text that it refuses stops few others.
        """
        if self._articles_under_way:
            return None
        self._articles_under_way = True
        try:
            vectors = await self._guarded(self._articles, texts)
        finally:
            self._articles_under_way = False
        wanted = self.articles_wanted * 2 if vectors is not None else len(texts) // 2
        self.articles_wanted = max(1, min(ARTICLES_AT_ONCE, wanted))
        return vectors

    @property
    def wants_questions(self) -> bool:
        """Whether asking for a question's vector makes sense now."""
        return not self._questions.paused

    @property
    def wants_articles(self) -> bool:
        """Whether asking for articles' vectors makes sense now; none does while a batch is under way."""
        return not self._articles_under_way and not self._articles.paused

    async def _guarded(self, breaker: Breaker, texts: Sequence[str]) -> list[Vector] | None:
        if not breaker.admits():
            self.count(EmbeddingOutcome.PAUSED)
            return None
        try:
            async with asyncio.timeout(self._deadline_s):
                vectors = await self._request(texts)
        except TimeoutError:
            breaker.failed()
            self.count(EmbeddingOutcome.TIMED_OUT)
            return None
        except _Failure as failure:
            breaker.failed()
            self.count(failure.outcome)
            return None
        except BaseException:
            breaker.abandoned()
            raise
        breaker.succeeded()
        self.count(EmbeddingOutcome.EMBEDDED)
        return vectors

    async def _request(self, texts: Sequence[str]) -> list[Vector]:
        """Raises _Failure for whatever is not one usable vector for each text."""
        try:
            async with self._client.stream(
                "POST",
                self._url,
                json={"model": self.model, "input": list(texts), "encoding_format": "float"},
            ) as response:
                if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                    raise _Failure(EmbeddingOutcome.SERVER_ERROR)
                if response.status_code != httpx.codes.OK:
                    raise _Failure(EmbeddingOutcome.REFUSED)
                body = await _limited_body(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise _Failure(EmbeddingOutcome.NOT_CONNECTED) from None
        except httpx.TimeoutException:
            raise _Failure(EmbeddingOutcome.TIMED_OUT) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise _Failure(EmbeddingOutcome.UNREADABLE) from None
        return _vectors(body, len(texts))


def configured_embeddings(settings: Settings) -> Embeddings | None:
    """The endpoint that the operator configured, if any."""
    if settings.embeddings_url is None:
        return None
    token = settings.embeddings_token
    return Embeddings(
        settings.embeddings_url,
        settings.embeddings_model,
        token.get_secret_value() if token is not None else None,
    )


async def _limited_body(response: httpx.Response) -> bytes:
    """The whole body. Raises _Failure if it is larger than any honest answer, or compressed unasked."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _Failure(EmbeddingOutcome.UNREADABLE)
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_SIZE_MAXIMUM_BYTES:
            raise _Failure(EmbeddingOutcome.UNREADABLE)
    return bytes(body)


def _vectors(body: bytes, expected: int) -> list[Vector]:
    """One unit vector for each text, in the texts' order. Raises _Failure."""
    try:
        answer = _Answer.model_validate(json.loads(body))
    except (ValueError, ValidationError, RecursionError):
        raise _Failure(EmbeddingOutcome.UNREADABLE) from None
    embedded = sorted(answer.data, key=lambda each: each.index)
    if [each.index for each in embedded] != list(range(expected)):
        raise _Failure(EmbeddingOutcome.UNREADABLE)
    if len({len(each.embedding) for each in embedded}) != 1:
        raise _Failure(EmbeddingOutcome.UNREADABLE)
    return [_unit(each.embedding) for each in embedded]


def _unit(values: Sequence[float]) -> Vector:
    """The vector at length 1, so that a cosine is a plain product. Raises _Failure for one without direction."""
    length = math.hypot(*values)
    if not math.isfinite(length) or length == 0:
        raise _Failure(EmbeddingOutcome.UNREADABLE)
    return tuple(round(value / length, 6) for value in values)
