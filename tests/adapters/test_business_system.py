"""The connector against the real demonstration shop, on a free loopback port, with each of its faults."""

import asyncio
import contextlib
import gzip
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from adapters.business_system import BREAKER_FAILURES, BREAKER_PAUSE_S, BusinessSystem
from domain.bot.model import BusinessResult, BusinessStatus
from domain.business import CallName, FailureCode, signed_headers

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "docs" / "business-system.md"
TOKEN = "token-of-the-test-shop-0123456789abcdef"
MEMBER = "M1001"
PHONE = "+8613800130001"
OTHER_MEMBER = "M1002"


@dataclass
class Shop:
    url: str
    process: subprocess.Popen[str]

    async def fault(self, kind: str, **more: Any) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.url}/_faults", json={"kind": kind, **more})
            assert answer.status_code == 200

    async def struck(self) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.url}/_faults")
            return int(answer.json()["struck"])


def start_shop(data: Path, port: int = 0) -> Shop:
    environment = os.environ | {"DEMO_SHOP_TOKEN": TOKEN, "DEMO_SHOP_MEMBER_SECRET": "m" * 32}
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.demo_shop", "--port", str(port), "--data", str(data), "--faults"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found is not None
    return Shop(found.group(), process)


def stop_shop(shop: Shop) -> None:
    shop.process.kill()
    shop.process.wait()
    assert shop.process.stdout is not None
    shop.process.stdout.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    running = start_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite")
    yield running
    stop_shop(running)


@pytest.fixture
async def business(shop: Shop) -> AsyncIterator[BusinessSystem]:
    await shop.fault("none")
    connector = BusinessSystem(shop.url, TOKEN, read_timeout_s=0.4, deadline_s=2.0)
    yield connector
    await connector.close()


async def ask(
    business: BusinessSystem,
    name: str,
    arguments: dict[str, Any] | None = None,
    *,
    member_id: str | None = MEMBER,
    phone: str | None = None,
    key: str | None = None,
) -> BusinessResult:
    return await business.call(name, arguments or {}, member_id=member_id, phone=phone, idempotency_key=key)


async def order_with(business: BusinessSystem, *, state: str, exception: str | None = None) -> str:
    listed = await ask(business, "orders.list")
    for line in listed.data["orders"]:
        details = (await ask(business, "orders.get", {"number": line["number"]})).data
        if details["state"] == state and details["exception"] == exception:
            return str(line["number"])
    raise AssertionError(f"the first member has no order {state} {exception}")


# --- what works


async def test_a_member_sees_own_orders_newest_first(business: BusinessSystem) -> None:
    result = await ask(business, "orders.list")
    assert result.status is BusinessStatus.OK
    placed = [line["placed_at"] for line in result.data["orders"]]
    assert 5 <= len(placed) <= 10
    assert placed == sorted(placed, reverse=True)
    assert set(result.data["orders"][0]) == {
        "number", "title", "title_en", "amount", "currency", "placed_at", "state",
    }  # fmt: skip


async def test_a_verified_phone_is_the_same_customer(business: BusinessSystem) -> None:
    by_phone = await ask(business, "customers.get", member_id=None, phone=PHONE)
    assert by_phone.status is BusinessStatus.OK
    assert by_phone.data["member_id"] == MEMBER
    assert by_phone.data["phone_masked"] == "138****0001"
    assert PHONE.removeprefix("+86") not in str(by_phone.data)


async def test_an_order_has_all_that_the_flows_use(business: BusinessSystem) -> None:
    number = await order_with(business, state="shipped", exception="lost")
    data = (await ask(business, "orders.get", {"number": number.lower()})).data
    assert {
        "number", "title", "title_en", "amount", "currency", "state", "placed_at", "paid_at", "shipped_at",
        "delivered_at", "promised_by", "exception", "tracking", "address_masked", "returnable_until", "refund",
    } <= set(data)  # fmt: skip
    assert {"carrier", "number", "events"} <= set(data["tracking"])
    assert set(data["tracking"]["events"][0]) == {"at", "text_zh", "text_en"}
    assert data["address_masked"].endswith("***")


async def test_somebody_elses_order_does_not_exist(business: BusinessSystem) -> None:
    number = await order_with(business, state="delivered", exception="not_received")
    for member, phone in ((OTHER_MEMBER, None), (None, "+8613800130038"), (OTHER_MEMBER, PHONE)):
        result = await ask(business, "orders.get", {"number": number}, member_id=member, phone=phone)
        assert (result.status, result.data) == (BusinessStatus.NOT_FOUND, {"code": "order_not_found"})
    nobody = await ask(business, "orders.list", member_id="M9999")
    assert (nobody.status, nobody.data["code"]) == (BusinessStatus.NOT_FOUND, "customer_not_found")


async def test_a_write_is_done_once_for_one_key(business: BusinessSystem) -> None:
    number = await order_with(business, state="delivered")
    first = await ask(business, "returns.create", {"number": number, "reason": "defective"}, key="c1:2")
    again = await ask(business, "returns.create", {"number": number, "reason": "defective"}, key="c1:2")
    assert first.status is BusinessStatus.OK
    assert again == first
    other = await ask(business, "returns.create", {"number": number, "reason": "defective"}, key="c1:3")
    assert (other.status, other.data) == (BusinessStatus.INVALID, {"code": "already_returning"})
    reused = await ask(business, "returns.create", {"number": number, "reason": "another"}, key="c1:2")
    assert (reused.status, reused.data["code"]) == (BusinessStatus.INVALID, "idempotency_key_reused")
    refund = await ask(business, "refunds.status", {"number": number})
    assert (refund.data["state"], refund.data["amount"]) == ("awaiting_goods", first.data["refund_amount"])


async def test_an_address_is_changed_before_shipping_only(business: BusinessSystem) -> None:
    address = "浙江省杭州市西湖区文三路99号3栋501室"
    paid = await order_with(business, state="paid")
    done = await ask(business, "orders.change_address", {"number": paid, "address": address}, key="a1")
    assert done.data["address_masked"] == "浙江省杭州市西湖区***"
    shipped = await order_with(business, state="shipped", exception="delayed")
    late = await ask(business, "orders.change_address", {"number": shipped, "address": address}, key="a2")
    assert (late.status, late.data["code"]) == (BusinessStatus.INVALID, "already_shipped")
    short = await ask(business, "orders.change_address", {"number": paid, "address": "家"}, key="a3")
    assert (short.status, short.data["code"]) == (BusinessStatus.INVALID, "invalid_address")


async def test_a_held_parcel_goes_on_and_a_lost_one_is_sent_again(business: BusinessSystem) -> None:
    held = await order_with(business, state="shipped", exception="wrong_address")
    corrected = {"number": held, "address": "上海市浦东新区世纪大道8号2栋101室"}
    assert (await ask(business, "orders.change_address", corrected, key="h1")).status is BusinessStatus.OK
    assert (await ask(business, "orders.get", {"number": held})).data["exception"] is None

    lost = await order_with(business, state="shipped", exception="lost")
    trace = await ask(business, "delivery.trace", {"number": lost}, key="h2")
    assert trace.data["opened_at"] < trace.data["expected_at"]
    sent = await ask(business, "delivery.reship", {"number": lost}, key="h3")
    assert sent.status is BusinessStatus.OK
    order = (await ask(business, "orders.get", {"number": lost})).data
    assert (order["state"], order["exception"], order["tracking"]) == ("packed", None, None)
    twice = await ask(business, "delivery.reship", {"number": lost}, key="h4")
    assert (twice.status, twice.data["code"]) == (BusinessStatus.INVALID, "already_reshipped")


@pytest.mark.parametrize(
    "number", ["", "'; drop table orders; --", "E" * 400, "\x00", "\ud800", "E٢٠٢٦", 5, None, ["x"]]
)
async def test_nonsense_numbers_are_refused_and_nothing_breaks(
    business: BusinessSystem, number: object
) -> None:
    result = await ask(business, "orders.get", {"number": number})
    assert result.status in {BusinessStatus.INVALID, BusinessStatus.NOT_FOUND}
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK


# --- what is refused before anything is sent


@pytest.mark.parametrize(
    ("name", "arguments", "member", "key", "code"),
    [
        ("orders.delete", {}, MEMBER, None, FailureCode.UNKNOWN_CALL),
        ("../admin", {}, MEMBER, None, FailureCode.UNKNOWN_CALL),
        ("orders.list", {}, None, None, FailureCode.IDENTITY_MISSING),
        ("orders.list", {}, "", None, FailureCode.IDENTITY_MISSING),
        ("delivery.trace", {"number": "E1"}, MEMBER, None, FailureCode.IDEMPOTENCY_KEY_MISSING),
        ("orders.get", {"number": "E" * 20_000}, MEMBER, None, FailureCode.ARGUMENTS_UNUSABLE),
        ("orders.get", {"number": object()}, MEMBER, None, FailureCode.ARGUMENTS_UNUSABLE),
        ("orders.get", {"number": float("nan")}, MEMBER, None, FailureCode.ARGUMENTS_UNUSABLE),
    ],
)
async def test_calls_that_cannot_be_made_are_not_made(
    name: str, arguments: dict[str, Any], member: str | None, key: str | None, code: FailureCode
) -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing may be sent")

    business = BusinessSystem("http://shop.invalid", TOKEN, transport=httpx.MockTransport(nobody))
    result = await ask(business, name, arguments, member_id=member, key=key)
    assert (result.status, result.data) == (BusinessStatus.INVALID, {"code": code.value})
    await business.close()


async def test_without_a_shop_the_answer_is_unavailable() -> None:
    business = BusinessSystem(None, None)
    result = await ask(business, "orders.list")
    assert (result.status, result.data["code"]) == (BusinessStatus.UNAVAILABLE, "not_configured")
    await business.close()
    with pytest.raises(ValueError, match="token"):
        BusinessSystem("http://shop.invalid", "")


async def test_values_cannot_break_out_of_their_headers(business: BusinessSystem) -> None:
    for member in ("M1001\r\nHoldfast-Phone: +1", "M1001\nM1002", "成员", "\ud800"):
        result = await ask(business, "orders.list", member_id=member)
        assert (result.status, result.data["code"]) == (BusinessStatus.NOT_FOUND, "customer_not_found")


async def test_a_wrong_token_is_unavailable_and_says_so(shop: Shop) -> None:
    business = BusinessSystem(shop.url, TOKEN[::-1])
    result = await ask(business, "orders.list")
    assert result.status is BusinessStatus.UNAVAILABLE
    assert result.data == {"code": "refused_signature", "delivery": "not_sent"}
    await business.close()


# --- each fault of the shop


@pytest.mark.parametrize(
    ("fault", "code", "delivery"),
    [
        ({"kind": "garbage"}, "unreadable_answer", "unknown"),
        ({"kind": "server_error"}, "server_error", "unknown"),
        ({"kind": "slow", "seconds": 1.0}, "timed_out", "unknown"),
        ({"kind": "lost_answer"}, "connection_lost", "unknown"),
        ({"kind": "drip"}, "timed_out", "unknown"),
        ({"kind": "rate_limit", "seconds": 60}, "rate_limited", "not_sent"),
    ],
)
async def test_each_fault_has_its_name_and_is_met_once(
    shop: Shop, business: BusinessSystem, fault: dict[str, Any], code: str, delivery: str
) -> None:
    await shop.fault(**fault)
    started = time.monotonic()
    result = await ask(business, "orders.list")
    assert (result.status, result.data) == (BusinessStatus.UNAVAILABLE, {"code": code, "delivery": delivery})
    assert time.monotonic() - started < 2.5
    assert await shop.struck() == 1


async def test_a_short_rate_limit_is_waited_for(shop: Shop, business: BusinessSystem) -> None:
    await shop.fault("rate_limit", seconds=0, calls=2)
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK
    assert await shop.struck() == 2


async def test_a_write_whose_answer_is_lost_is_done_once_when_repeated_with_its_key(
    shop: Shop, business: BusinessSystem
) -> None:
    request = {"number": await order_with(business, state="delivered", exception="not_received")}
    await shop.fault("lost_answer", calls=1)
    lost = await ask(business, "delivery.reship", request, key="w1")
    assert lost.data == {"code": "connection_lost", "delivery": "unknown"}
    assert await shop.struck() == 1
    other_act = await ask(business, "delivery.reship", request, key="w2")
    assert other_act.data == {"code": "already_reshipped"}  # so the lost one was done
    assert (await ask(business, "delivery.reship", request, key="w1")).status is BusinessStatus.OK


async def test_nobody_listening_is_a_definite_non_send_and_repeated(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    business = BusinessSystem(f"http://127.0.0.1:{port}", TOKEN)
    result = await ask(business, "orders.list")
    assert result.data == {"code": "not_connected", "delivery": "not_sent"}
    await business.close()

    tries = 0

    def appears_later(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json={"orders": []})

    business = BusinessSystem("http://shop.invalid", TOKEN, transport=httpx.MockTransport(appears_later))
    assert (await ask(business, "orders.list")).data == {"orders": []}
    assert tries == 3
    await business.close()


async def test_the_shop_goes_down_and_comes_back(shop: Shop, business: BusinessSystem) -> None:
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK
    await shop.fault("down", seconds=1.5)
    await asyncio.sleep(0.5)
    down = await ask(business, "orders.list")
    assert down.data == {"code": "not_connected", "delivery": "not_sent"}
    for _ in range(50):
        await asyncio.sleep(0.1)
        with contextlib.suppress(httpx.HTTPError):
            await shop.fault("none")
            break
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK


async def test_writes_survive_a_kill_of_the_shop(tmp_path: Path) -> None:
    running = start_shop(tmp_path / "shop.sqlite")
    business = BusinessSystem(running.url, TOKEN)
    number = await order_with(business, state="delivered")
    request = {"number": number, "reason": "changed_mind"}
    first = await ask(business, "returns.create", request, key="k1")
    stop_shop(running)
    running = start_shop(tmp_path / "shop.sqlite", port=int(running.url.rsplit(":", 1)[1]))
    try:
        assert await ask(business, "returns.create", request, key="k1") == first
        assert (await ask(business, "orders.get", {"number": number})).data["state"] == "returning"
    finally:
        stop_shop(running)
        await business.close()


# --- answers that are no answers


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json={"orders": [{"number": "E1"}]}),
        httpx.Response(200, json=["orders"]),
        httpx.Response(200, content=b'{"orders": [' + b"[" * 5000),
        httpx.Response(200, content=b" " * 300_000),
        httpx.Response(200, content=gzip.compress(b'{"orders": []}'), headers={"Content-Encoding": "gzip"}),
        httpx.Response(302, headers={"Location": "http://elsewhere.invalid/"}),
        httpx.Response(404, content=b"<h1>nginx</h1>"),
        httpx.Response(404, json={"error": {"code": "<script>"}}),
        httpx.Response(418, json={"error": {"code": "teapot"}}),
    ],
)
async def test_what_does_not_keep_the_contract_is_unavailable(response: httpx.Response) -> None:
    business = BusinessSystem("http://shop.invalid", TOKEN, transport=httpx.MockTransport(lambda _: response))
    result = await ask(business, "orders.list")
    assert (result.status, result.data["code"]) == (BusinessStatus.UNAVAILABLE, "unreadable_answer")
    await business.close()


# --- the breaker


async def test_the_breaker_opens_lets_one_try_through_and_closes() -> None:
    now = 100.0
    asked = 0
    ill = True

    def shop_is_ill(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(500) if ill else httpx.Response(200, json={"orders": []})

    business = BusinessSystem(
        "http://shop.invalid", TOKEN, transport=httpx.MockTransport(shop_is_ill), monotonic=lambda: now
    )
    for _ in range(BREAKER_FAILURES):
        await ask(business, "orders.list")
    shut = await ask(business, "orders.list")
    assert shut.data == {"code": "breaker_open", "delivery": "not_sent"}
    assert asked == BREAKER_FAILURES

    now += BREAKER_PAUSE_S
    codes = [
        one.data["code"] for one in await asyncio.gather(*(ask(business, "orders.list") for _ in range(3)))
    ]
    assert sorted(codes) == ["breaker_open", "breaker_open", "server_error"]
    assert asked == BREAKER_FAILURES + 1

    now += BREAKER_PAUSE_S
    ill = False
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK
    await business.close()


async def test_a_cancelled_try_does_not_shut_the_breaker_for_ever() -> None:
    now = 0.0
    answers = [httpx.Response(500)] * BREAKER_FAILURES

    async def hangs_after(_: httpx.Request) -> httpx.Response:
        if answers:
            return answers.pop()
        await asyncio.sleep(60)
        raise AssertionError

    business = BusinessSystem(
        "http://shop.invalid", TOKEN, transport=httpx.MockTransport(hangs_after), monotonic=lambda: now
    )
    for _ in range(BREAKER_FAILURES):
        await ask(business, "orders.list")
    now += BREAKER_PAUSE_S
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(business, "orders.list"), 0.05)
    answers.append(httpx.Response(200, json={"orders": []}))
    assert (await ask(business, "orders.list")).status is BusinessStatus.OK
    await business.close()


async def test_refusals_of_the_shop_do_not_count_as_illness(business: BusinessSystem) -> None:
    for _ in range(BREAKER_FAILURES + 2):
        result = await ask(business, "orders.get", {"number": "E20000101-0001"})
        assert result.status is BusinessStatus.NOT_FOUND


# --- what is written down


async def test_logs_carry_ids_and_codes_only(business: BusinessSystem) -> None:
    number = await order_with(business, state="paid")
    with structlog.testing.capture_logs() as lines:
        await ask(business, "customers.get", member_id=MEMBER, phone=PHONE)
        await ask(
            business, "orders.change_address", {"number": number, "address": "秘密路 1 号 2 室"}, key="l1"
        )
        await ask(business, "orders.get", {"number": "E20000101-0001"}, member_id=None, phone=PHONE)
    assert [(line["call"], line["status"], line["code"]) for line in lines] == [
        ("customers.get", "ok", None),
        ("orders.change_address", "ok", None),
        ("orders.get", "not_found", "order_not_found"),
    ]
    text = str(lines)
    for secret in (PHONE, "13800130001", "秘密路", "林若溪", TOKEN):
        assert secret not in text


def test_the_contract_names_every_call_and_failure_and_its_example_holds() -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    for word in (*CallName, *FailureCode):
        assert f"`{word.value}`" in text
    headers = signed_headers(
        token="0123456789abcdef0123456789abcdef",
        call="orders.get",
        body=b'{"number":"E20260301-0042"}',
        timestamp_s=1772366400,
        member_id="M1001",
        phone="+8613800130001",
        idempotency_key=None,
    )
    assert headers["Holdfast-Signature"] in text
