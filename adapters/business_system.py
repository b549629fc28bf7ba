"""The connector to a shop's own systems: one signed HTTP call, and a plain word for what came of it.

The contract is in `docs/business-system.md`. A customer waits for each of these calls, so every way a shop
can be slow or broken ends within `CALL_DEADLINE_S` in a `BusinessResult`; nothing is raised but cancellation.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from pydantic import JsonValue, TypeAdapter, ValidationError

from adapters.breaker import Breaker
from domain.bot.model import BusinessResult, BusinessStatus
from domain.business import (
    ANSWER_SHAPES,
    CALL_PATH_PREFIX,
    CallName,
    Delivery,
    FailureCode,
    signed_headers,
)

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 5.0
CALL_DEADLINE_S = 8.0
"""For a call with its repeats: a shop that sends one byte a second never trips the read timeout."""

REPEAT_AFTER_S = (0.1, 0.3)
"""Waits before the repeats of a call that certainly did not reach the shop."""

RATE_LIMIT_WAIT_MAXIMUM_S = 1.0
ANSWER_SIZE_MAXIMUM_BYTES = 256 * 1024
ARGUMENTS_SIZE_MAXIMUM_BYTES = 16 * 1024

BREAKER_FAILURES = 5
BREAKER_PAUSE_S = 10.0

_JSON_OBJECT = TypeAdapter(dict[str, JsonValue])

_log = structlog.get_logger(__name__)


class _Failure(Exception):  # noqa: N818 - the outcome of one try, not an error anybody outside sees
    """One try that brought no usable answer.

    `counts`: it says that the shop is ill, and so counts towards the breaker.
    `repeat_after_s`: how long the shop asked us to wait.
    """

    def __init__(
        self, code: FailureCode, delivery: Delivery, *, counts: bool = True, repeat_after_s: float = 0.0
    ) -> None:
        super().__init__(code)
        self.code = code
        self.delivery = delivery
        self.counts = counts
        self.repeat_after_s = repeat_after_s

    @property
    def may_repeat(self) -> bool:
        """Whether the shop has certainly not acted on the call, and may be asked again soon."""
        return self.delivery is Delivery.NOT_SENT and self.repeat_after_s <= RATE_LIMIT_WAIT_MAXIMUM_S


@dataclass(frozen=True)
class _Request:
    """One call, ready to be signed and sent."""

    url: str
    call: CallName
    body: bytes
    member_id: str | None
    phone: str | None
    idempotency_key: str | None


class BusinessSystem:
    """One shop. Safe for many calls at once; `close()` it when the process ends.

    `url` is the shop's address without a path of ours (None: no shop is configured), `token` the secret that
    both sides know. Raises ValueError for an address without a usable token: a secret never defaults.
    """

    def __init__(
        self,
        url: str | None,
        token: str | None,
        *,
        read_timeout_s: float = READ_TIMEOUT_S,
        deadline_s: float = CALL_DEADLINE_S,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if url is not None and not token:
            raise ValueError("a business system needs a token (BUSINESS_SYSTEM_TOKEN)")
        self._url = url.rstrip("/") if url is not None else None
        self._token = token or ""
        self._deadline_s = deadline_s
        self._wall_clock = wall_clock
        self._breaker = Breaker(monotonic, failures=BREAKER_FAILURES, pause_s=BREAKER_PAUSE_S)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S, pool=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=15.0),
            follow_redirects=False,
            trust_env=False,  # where calls with customers' data go is configured, never inherited
            transport=transport,
        )

    async def close(self) -> None:
        """Close the connections; calls still under way fail."""
        await self._client.aclose()

    async def call(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        member_id: str | None,
        phone: str | None,
        idempotency_key: str | None,
    ) -> BusinessResult:
        """Ask the shop, or have it do something, for the customer we know as `member_id` or `phone`.

        Both must be proven (a signed member token, a verified code); without either nothing is asked.
        Writes need `idempotency_key`, made from facts, the same for the same act. They are sent once: if
        no answer comes, `data["delivery"]` is `unknown`, and the call may be repeated with the same key.
        `data["code"]` names the reason of every result but `ok`.
        """
        started = time.monotonic()
        result = await self._guarded(
            name, arguments, member_id=member_id, phone=phone, idempotency_key=idempotency_key
        )
        _log.info(
            "business_call",
            call=name if name in set(CallName) else "unknown",
            status=result.status.value,
            code=_code_for_log(result),
            idempotency_key=idempotency_key,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
        return result

    async def _guarded(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        member_id: str | None,
        phone: str | None,
        idempotency_key: str | None,
    ) -> BusinessResult:
        """The checks before a call, and the breaker around it."""
        if name not in set(CallName):
            return _invalid(FailureCode.UNKNOWN_CALL)
        call = CallName(name)
        if not (member_id or phone):
            return _invalid(FailureCode.IDENTITY_MISSING)
        if call.is_write and not idempotency_key:
            return _invalid(FailureCode.IDEMPOTENCY_KEY_MISSING)
        body = _json_body(arguments)
        if body is None:
            return _invalid(FailureCode.ARGUMENTS_UNUSABLE)
        if self._url is None:
            return _unavailable(FailureCode.NOT_CONFIGURED, Delivery.NOT_SENT)
        if not self._breaker.admits():
            return _unavailable(FailureCode.BREAKER_OPEN, Delivery.NOT_SENT)

        key = idempotency_key if call.is_write else None
        request = _Request(self._url, call, body, member_id, phone, key)
        try:
            result = await self._within_deadline(request)
        except _Failure as failure:
            if failure.counts:
                self._breaker.failed()
            else:
                self._breaker.succeeded()
            return _unavailable(failure.code, failure.delivery)
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return result

    async def _within_deadline(self, request: _Request) -> BusinessResult:
        """One try, repeated only while it is certain that the shop has not seen it. Raises _Failure."""
        try:
            async with asyncio.timeout(self._deadline_s):
                for wait_s in REPEAT_AFTER_S:
                    try:
                        return await self._once(request)
                    except _Failure as failure:
                        if not failure.may_repeat:
                            raise
                        await asyncio.sleep(max(wait_s, failure.repeat_after_s))
                return await self._once(request)
        except TimeoutError:
            raise _Failure(FailureCode.TIMED_OUT, Delivery.UNKNOWN) from None

    async def _once(self, request: _Request) -> BusinessResult:
        """One request and its answer. Raises _Failure."""
        headers = signed_headers(
            token=self._token,
            call=request.call,
            body=request.body,
            timestamp_s=int(self._wall_clock()),
            member_id=request.member_id,
            phone=request.phone,
            idempotency_key=request.idempotency_key,
        )
        headers |= {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        try:
            async with self._client.stream(
                "POST", request.url + CALL_PATH_PREFIX + request.call, content=request.body, headers=headers
            ) as response:
                return _read(request.call, response, await _limited_body(response))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise _Failure(FailureCode.NOT_CONNECTED, Delivery.NOT_SENT) from None
        except httpx.TimeoutException:
            raise _Failure(FailureCode.TIMED_OUT, Delivery.UNKNOWN) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise _Failure(FailureCode.CONNECTION_LOST, Delivery.UNKNOWN) from None


def _json_body(arguments: dict[str, Any]) -> bytes | None:
    """The arguments as JSON; None if they are not JSON, or more than a call may carry."""
    try:
        text = json.dumps(arguments, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        return None
    body = text.encode(errors="replace")
    return body if len(body) <= ARGUMENTS_SIZE_MAXIMUM_BYTES else None


async def _limited_body(response: httpx.Response) -> bytes:
    """The whole body. Raises _Failure if it is larger than any honest answer, or compressed unasked:
    a small compressed piece can unfold to more than memory holds.
    """
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _Failure(FailureCode.UNREADABLE_ANSWER, Delivery.UNKNOWN)
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_SIZE_MAXIMUM_BYTES:
            raise _Failure(FailureCode.UNREADABLE_ANSWER, Delivery.UNKNOWN)
    return bytes(body)


def _read(call: CallName, response: httpx.Response, body: bytes) -> BusinessResult:
    """What an answer means. Raises _Failure for what is not an answer of a shop by our contract."""
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise _Failure(
            FailureCode.RATE_LIMITED, Delivery.NOT_SENT, counts=False, repeat_after_s=_retry_after_s(response)
        )
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise _Failure(
            FailureCode.REFUSED_SIGNATURE, Delivery.NOT_SENT, counts=False, repeat_after_s=float("inf")
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise _Failure(FailureCode.SERVER_ERROR, Delivery.UNKNOWN)
    try:
        data = _JSON_OBJECT.validate_json(body)
        if status == httpx.codes.OK:
            ANSWER_SHAPES[call].model_validate(data)
            return BusinessResult(status=BusinessStatus.OK, data=data)
        code = _refusal_code(data)
    except ValidationError:
        raise _Failure(FailureCode.UNREADABLE_ANSWER, Delivery.UNKNOWN) from None
    if status == httpx.codes.NOT_FOUND:
        return BusinessResult(status=BusinessStatus.NOT_FOUND, data={"code": code})
    if status in {httpx.codes.BAD_REQUEST, httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY}:
        return BusinessResult(status=BusinessStatus.INVALID, data={"code": code})
    raise _Failure(FailureCode.UNREADABLE_ANSWER, Delivery.UNKNOWN)


def _refusal_code(data: dict[str, JsonValue]) -> str:
    """The shop's own code. Raises _Failure: a 404 without one comes from something that is not the shop."""
    error = data.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if (
        not isinstance(code, str)
        or not code.replace("_", "").isalnum()
        or len(code) > 64
        or not code.isascii()
    ):
        raise _Failure(FailureCode.UNREADABLE_ANSWER, Delivery.UNKNOWN)
    return code


def _retry_after_s(response: httpx.Response) -> float:
    """The wait the shop asked for; a date or nonsense counts as too long to wait for."""
    value = response.headers.get("Retry-After", "0")
    return float(value) if value.isascii() and value.isdigit() else float("inf")


def _invalid(code: FailureCode) -> BusinessResult:
    return BusinessResult(status=BusinessStatus.INVALID, data={"code": code.value})


def _unavailable(code: FailureCode, delivery: Delivery) -> BusinessResult:
    return BusinessResult(
        status=BusinessStatus.UNAVAILABLE, data={"code": code.value, "delivery": delivery.value}
    )


def _code_for_log(result: BusinessResult) -> str | None:
    """The reason; of an answer that is ok, nothing, because its fields are the customer's."""
    return None if result.status is BusinessStatus.OK else str(result.data["code"])
