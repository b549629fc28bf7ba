"""The demonstration shop by itself: its made-up company, its proofs, its page and its command line."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from domain.business import signed_headers
from ops.demo_shop import seed, views
from ops.demo_shop.app import ShopSettings, create_app
from ops.demo_shop.catalogue import PRODUCTS
from ops.demo_shop.local_time import local_day
from ops.demo_shop.model import (
    DAY_S,
    HOUR_S,
    Order,
    OrderException,
    OrderState,
    exception_at,
    has_come,
    state_at,
)
from ops.demo_shop.store import Store
from ops.demo_shop.words import EXCEPTION_WORDS, PAGE_WORDS, STATE_WORDS, TIER_WORDS

ROOT = Path(__file__).parents[2]
TOKEN = "t" * 32
MEMBER_SECRET = "m" * 32
HOLDFAST = "http://127.0.0.1:8080"
MOMENTS = [
    1_772_366_400 + day * DAY_S + hour * HOUR_S for day, hour in ((0, 0), (7, 5), (120, 13), (305, 21))
]
"""Opening days at several hours, a year's turn among what lies before them."""


class Clock:
    """A clock the test moves."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> float:
        return float(self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock(MOMENTS[1])


@pytest.fixture
async def client(tmp_path: Path, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    store = Store(tmp_path / "shop.sqlite", seed=1, now=clock.now)
    app = create_app(ShopSettings(TOKEN, MEMBER_SECRET, HOLDFAST, "demo"), store, clock=clock)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as opened:
        yield opened


def headers_for(
    body: bytes, call: str, now: int, *, member: str = "M1001", key: str | None = None
) -> dict[str, str]:
    return signed_headers(
        token=TOKEN, call=call, body=body, timestamp_s=now, member_id=member, phone=None, idempotency_key=key
    )


async def call(
    client: httpx.AsyncClient, clock: Clock, name: str, body: bytes = b"{}", **identity: Any
) -> httpx.Response:
    headers = headers_for(body, name, clock.now, **identity)
    return await client.post(f"/v1/calls/{name}", content=body, headers=headers)


# --- the made-up company


@pytest.mark.parametrize("now", MOMENTS)
def test_the_company_is_large_enough_and_complete_on_any_day(now: int) -> None:
    people = seed.customers(1, now)
    orders = seed.orders(1, now, people)
    assert len(PRODUCTS) >= 30
    assert len(people) >= 40
    assert len(orders) >= 240
    assert {person.language for person in people} == {"zh", "en"}
    assert all(re.fullmatch(r"\+861380013\d{4}", person.phone) for person in people)
    assert len({person.phone for person in people}) == len(people)
    assert len({order.number for order in orders}) == len(orders)
    states = Counter(state_at(order, now) for order in orders)
    exceptions = Counter(exception_at(order, now) for order in orders)
    assert all(states[state] >= 3 for state in OrderState), states
    assert all(exceptions[exception] >= 3 for exception in OrderException), exceptions
    assert orders == seed.orders(1, now, people)
    assert orders != seed.orders(2, now, people)


@pytest.mark.parametrize("now", MOMENTS)
def test_every_course_is_plausible(now: int) -> None:
    for order in seed.orders(1, now, seed.customers(1, now)):
        assert re.fullmatch(r"E\d{8}-\d{4}", order.number)
        assert order.number[1:9] == local_day(order.placed_at)
        course = [order.placed_at, order.paid_at, order.packed_at, order.shipped_at, order.delivered_at]
        planned = [at for at in course if at is not None]
        assert planned == sorted(planned)
        assert order.placed_at < now
        told = [event for event in order.events if event.at <= now]
        assert [event.at for event in order.events] == sorted(event.at for event in order.events)
        assert bool(told) == has_come(order.shipped_at, now)
        assert order.amount_fen > 0
        if exception_at(order, now) is OrderException.DELAYED:
            assert order.promised_by is not None
            assert order.promised_by < now
        if order.return_number is not None:
            assert order.return_requested_at is not None
            assert order.delivered_at is not None
            assert order.return_requested_at > order.delivered_at


def test_the_first_members_have_every_exception_among_what_is_listed() -> None:
    now = MOMENTS[2]
    people = seed.customers(1, now)
    assert [person.language for person in people[:2]] == ["zh", "en"]
    for person in people[:2]:
        own = [order for order in seed.orders(1, now, people) if order.member_id == person.member_id]
        assert len(own) <= views.ORDERS_LISTED
        assert {exception_at(order, now) for order in own} == {None, *OrderException}


def test_time_moves_parcels_and_ends_what_is_open() -> None:
    order = Order(
        "E1", "M1", [], 100, "x", placed_at=0, paid_at=10, packed_at=20, shipped_at=30, delivered_at=40
    )
    moments = (5, 10, 20, 30, 40, 40 + 7 * DAY_S)
    assert [state_at(order, at).value for at in moments] == [
        "pending_payment", "paid", "packed", "shipped", "delivered", "completed",
    ]  # fmt: skip
    unpaid = Order("E2", "M1", [], 100, "x", placed_at=0)
    assert state_at(unpaid, DAY_S - 1) is OrderState.PENDING_PAYMENT
    assert state_at(unpaid, DAY_S) is OrderState.CANCELLED


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("浙江省杭州市西湖区文三路99号", "浙江省杭州市西湖区***"),
        ("上海市浦东新区世纪大道8号", "上海市浦东新区***"),
        ("拉萨北京中路 1 号", "拉萨北京中路***"),
        ("Room 5, 88 Century Avenue, Pudong, Shanghai", "***, Pudong, Shanghai"),
        ("12 Long Street", "12 Lon***"),
    ],
)
def test_masked_addresses_keep_the_area_and_hide_the_door(address: str, masked: str) -> None:
    assert views.mask_address(address) == masked


# --- proofs


async def test_every_part_of_a_call_is_signed(client: httpx.AsyncClient, clock: Clock) -> None:
    body = b'{"number":"E1"}'
    good = headers_for(body, "orders.get", clock.now)
    assert (await client.post("/v1/calls/orders.get", content=body, headers=good)).status_code == 404
    forged: list[tuple[str, bytes, dict[str, str]]] = [
        ("orders.get", body, {}),
        ("orders.get", body, good | {"Holdfast-Member": "M1002"}),
        ("orders.get", body, good | {"Holdfast-Phone": "+8613800130038"}),
        ("orders.get", body, good | {"Idempotency-Key": "k"}),
        ("orders.get", body, good | {"Holdfast-Timestamp": str(clock.now + 1)}),
        ("orders.get", body, good | {"Holdfast-Timestamp": "soon"}),
        ("orders.get", body, good | {"Holdfast-Signature": "v1=" + "0" * 64}),
        ("orders.get", body, good | {"Holdfast-Signature": ""}),
        ("orders.get", b'{"number":"E2"}', good),
        ("refunds.status", body, good),
        ("orders.get", body, headers_for(body, "orders.get", clock.now - 301)),
        ("orders.get", body, headers_for(body, "orders.get", clock.now + 301)),
    ]
    for name, content, headers in forged:
        answer = await client.post(f"/v1/calls/{name}", content=content, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": {"code": "bad_signature"}})


async def test_a_call_nobody_is_named_for_is_refused(client: httpx.AsyncClient, clock: Clock) -> None:
    answer = await call(client, clock, "orders.list", member="")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "identity_missing")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"number": 1}', b"\xff\xfe", b'{"a":' * 9000, b'{"x": 1}']
)
async def test_bad_bodies_get_a_code_never_a_5xx(
    client: httpx.AsyncClient, clock: Clock, body: bytes
) -> None:
    answer = await call(client, clock, "orders.get", body)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"].startswith("invalid_")
    assert (await call(client, clock, "orders.get", b" " * 70_000)).status_code == 413


async def test_the_same_write_at_once_is_done_once(client: httpx.AsyncClient, clock: Clock) -> None:
    listed = (await call(client, clock, "orders.list")).json()["orders"]
    number = next(line["number"] for line in listed if line["state"] == "delivered")
    body = f'{{"number":"{number}","reason":"defective"}}'.encode()
    answers = await asyncio.gather(
        *(call(client, clock, "returns.create", body, key="same") for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["return_number"] for answer in answers}) == 1
    clock.now += 30 * DAY_S
    assert (await call(client, clock, "returns.create", body, key="same")).json() == answers[0].json()


async def test_a_write_without_a_key_is_refused(client: httpx.AsyncClient, clock: Clock) -> None:
    answer = await call(client, clock, "delivery.trace", b'{"number":"E1"}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_missing")


async def test_a_reshipped_parcel_has_a_new_number_and_arrives(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    listed = (await call(client, clock, "orders.list")).json()["orders"]
    details = [
        (await call(client, clock, "orders.get", f'{{"number":"{line["number"]}"}}'.encode())).json()
        for line in listed
    ]
    lost = next(order for order in details if order["exception"] == "lost")
    body = f'{{"number":"{lost["number"]}"}}'.encode()
    assert (await call(client, clock, "delivery.reship", body, key="r")).status_code == 200
    clock.now += DAY_S
    moving = (await call(client, clock, "orders.get", body)).json()
    assert moving["state"] == "shipped"
    assert moving["tracking"]["number"] != lost["tracking"]["number"]
    assert moving["tracking"]["events"]
    clock.now += 4 * DAY_S
    assert (await call(client, clock, "orders.get", body)).json()["state"] == "delivered"


# --- the page


def test_all_words_exist_in_both_languages() -> None:
    tables: list[dict[Any, tuple[str, str]]] = [PAGE_WORDS, STATE_WORDS, EXCEPTION_WORDS, TIER_WORDS]
    assert set(STATE_WORDS) == set(OrderState)
    assert set(EXCEPTION_WORDS) == set(OrderException)
    for table in tables:
        for key, (chinese, english) in table.items():
            if key == "switch_language":
                continue
            assert re.search(r"[\u4e00-\u9fff]", chinese)
            assert not re.search(r"[,;:!?]", chinese), chinese
            assert not re.search(r"[\u4e00-\u9fff，。：]", english)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_storefront_embeds_the_widget_with_one_tag(
    client: httpx.AsyncClient, language: str
) -> None:
    page = await client.get("/", params={"lang": language})
    tags = re.findall(r"<script[^>]*widget\.js[^>]*>", page.text)
    assert tags == [f'<script src="{HOLDFAST}/widget.js" data-line="demo" data-language="{language}" async>']
    assert f"script-src 'self' {HOLDFAST}" in page.headers["content-security-policy"]
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.text


async def test_the_browsers_language_decides_where_none_is_asked_for(client: httpx.AsyncClient) -> None:
    for accepted, expected in (("en-GB,en;q=0.9", "en"), ("zh-TW", "zh-CN"), ("", "zh-CN")):
        page = await client.get("/", headers={"accept-language": accepted})
        assert f'<html lang="{expected}">' in page.text


async def test_a_signed_in_member_gets_a_token_that_proves_it(client: httpx.AsyncClient) -> None:
    assert (await client.get("/member-token")).status_code == 401
    assert (await client.post("/sign-in", data={"member_id": "M9999"})).status_code == 404
    signed_in = await client.post("/sign-in", data={"member_id": "M1002", "lang": "en"})
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/?lang=en")
    page = (await client.get("/?lang=en")).text
    assert "Emma Carter" in page
    assert len(re.findall(r"E\d{8}-\d{4}", page)) >= 5
    on_page = re.search(r'data-member-token="([^"]+)" async', page)
    fetched = (await client.get("/member-token")).json()["token"]
    assert on_page is not None
    for token in (on_page.group(1), fetched):
        claims = jwt.decode(
            token, MEMBER_SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
        )
        assert claims["sub"] == "M1002"
        assert claims["phone"] == "+8613800130038"
        assert claims["tier"] == "gold"
        assert 0 < claims["exp"] - claims["iat"] <= HOUR_S
    await client.post("/sign-out", data={"lang": "en"})
    assert (await client.get("/member-token")).status_code == 401


async def test_nobody_writes_somebody_else_into_the_cookie(client: httpx.AsyncClient) -> None:
    await client.post("/sign-in", data={"member_id": "M1002"})
    cookie = client.cookies["demo_shop_member"]
    client.cookies.clear()
    for forged in (
        cookie.replace("M1002", "M1001"),
        "M1001",
        "M1001.",
        ".",
        "M1001.é",
    ):
        answer = await client.get("/member-token", headers={b"cookie": f"demo_shop_member={forged}".encode()})
        assert answer.status_code == 401


async def test_the_fault_switch_is_not_there_unless_asked_for(client: httpx.AsyncClient) -> None:
    assert (await client.post("/_faults", json={"kind": "garbage"})).status_code == 404


# --- the command line


def run_shop(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DEMO_SHOP_")}
    return subprocess.run(
        [sys.executable, "-m", "ops.demo_shop", *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    secrets = {"DEMO_SHOP_TOKEN": TOKEN, "DEMO_SHOP_MEMBER_SECRET": MEMBER_SECRET}
    data = str(tmp_path / "shop.sqlite")

    unset = run_shop("--port", "0", "--data", data)
    assert (unset.returncode, unset.stderr.count("\n")) == (2, 1)
    assert "DEMO_SHOP_TOKEN" in unset.stderr

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = run_shop("--port", str(port), "--data", data, **secrets)
    assert (busy.returncode, busy.stderr) == (2, f"Port {port} is taken; choose another with --port.\n")

    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 500)
    unusable = run_shop("--port", "0", "--data", str(broken), **secrets)
    assert (unusable.returncode, unusable.stderr.count("\n")) == (2, 1)
    assert "--data" in unusable.stderr


def test_it_starts_quickly_and_leaves_when_told(tmp_path: Path) -> None:
    environment = os.environ | {"DEMO_SHOP_TOKEN": TOKEN, "DEMO_SHOP_MEMBER_SECRET": MEMBER_SECRET}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ops.demo_shop",
            "--port",
            "0",
            "--data",
            str(tmp_path / "new" / "shop.sqlite"),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found is not None
    health = httpx.get(f"{found.group()}/healthz", trust_env=False)
    assert health.json() == {"status": "ok"}
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
