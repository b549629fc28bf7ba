"""Bad input at the edge, errors in both languages, headers, probes."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from adapters.db.engine import Database
from adapters.db.migrate import newest_revision
from adapters.settings import Environment, Settings
from api.deps import Reading, Rule, Tx, declares
from api.errors import Conflict
from api.ratelimit import rate_limit
from domain.refusals import Refusal, RefusalCode
from tests.web.conftest import ORIGIN, Browser
from web.app import create_app
from web.edge import BODY_LIMIT_BYTES, MEGABYTE


class Said(BaseModel):
    text: str


@pytest.fixture(scope="module")
async def odd_app(settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    """The application with a few routes that fail in every way."""
    app = create_app(settings, database=database)
    public = [declares(Rule.PUBLIC)]

    @app.post("/api/echo", dependencies=public)
    async def echo(said: Said) -> Said:
        return said

    @app.post("/api/upload", dependencies=public, max_body_size=MEGABYTE)
    async def upload(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}

    @app.get("/fails/{how}", dependencies=public)
    async def fails(how: str, reading: Reading) -> None:
        match how:
            case "conflict":
                raise Conflict
            case "rule":
                raise Refusal(RefusalCode.OFFER_GONE)
            case "value":
                await reading.scalar("select cast(:number as integer)", number=2**40)
            case "bug":
                raise RuntimeError("a secret: 13800001111")

    @app.post("/api/at-commit", dependencies=public)
    async def at_commit(tx: Tx) -> dict[str, bool]:
        await tx.run("create temp table late (id int unique deferrable initially deferred)")
        await tx.run("insert into late values (1), (1)")
        return {"promised": True}

    @app.get("/api/limited", dependencies=[*public, rate_limit("test", "2/minute")])
    async def limited() -> dict[str, bool]:
        return {"ok": True}

    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(odd_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=odd_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as made:
        yield made


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"text": "a\\u0000b"}', "forbidden_character"),
        (b'{"text": "a\x00b"}', "forbidden_character"),
        (b'{"text": "\\ud800"}', "forbidden_character"),
        (b'{"\\ud800": 1, "text": "x"}', "forbidden_character"),
        (b'{"text": "\xff\xfe"}', "not_utf8"),
        (b'{"text": ' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
        (b'{"text": ' + b"[" * 30000 + b"}", "too_deep"),
        (b"{", "invalid"),
        (b'{"text": 5}', "invalid"),
    ],
)
async def test_poisonous_json_is_refused(client: httpx.AsyncClient, body: bytes, code: str) -> None:
    answer = await client.post("/api/echo", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize("text", ["𝕏 émoji 👍", "مرحبا\u202e", "z͑ͫ̓ͪ̂ͫ̽͏̴a", "x" * 30_000, "\\u0000", "[{" * 100])
async def test_strange_but_honest_text_passes(client: httpx.AsyncClient, text: str) -> None:
    for body in (json.dumps({"text": text}), json.dumps({"text": text}, ensure_ascii=False)):
        answer = await client.post("/api/echo", content=body.encode(), headers=JSON)
        assert answer.json() == {"text": text}


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"login=a%00b", "forbidden_character"), (b"login=%ff", "not_utf8"), (b"login=\xff", "not_utf8")],
)
async def test_poisonous_forms_are_refused(client: httpx.AsyncClient, body: bytes, code: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    answer = await client.post("/signin", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_nul_in_a_multipart_field_is_refused(client: httpx.AsyncClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\na\x00b\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
    answer = await client.post("/signin", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "forbidden_character")


async def test_nul_in_the_address_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/signin?next=/%00")).status_code == 422


async def test_large_bodies_are_refused(client: httpx.AsyncClient) -> None:
    large = b'{"text": "' + b"x" * BODY_LIMIT_BYTES + b'"}'
    answer = await client.post("/api/echo", content=large, headers=JSON)
    assert answer.status_code == 413
    assert "64 KB" in answer.json()["error"]["message"]


async def test_a_declared_two_gigabytes_is_refused_unread(odd_app: FastAPI) -> None:
    async def receive() -> dict[str, object]:
        raise AssertionError("the body was asked for")

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    for path in ("/api/echo", "/api/upload"):
        sent.clear()
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"content-length", b"2147483648"), (b"host", b"testserver")],
        }
        await odd_app(scope, receive, send)  # type: ignore[arg-type] # a bare scope is enough
        assert sent[0]["status"] == 413


@pytest.mark.parametrize(("path", "limit"), [("/api/echo", BODY_LIMIT_BYTES), ("/api/upload", MEGABYTE)])
async def test_a_body_that_grows_is_cut_off(client: httpx.AsyncClient, path: str, limit: int) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 16_384
            yield b"x" * 16_384

    answer = await client.post(path, content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert given <= limit + 2 * 16_384


async def test_an_upload_route_takes_what_it_declares(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/upload", content=b"\x00" * 500_000)
    assert answer.json() == {"size": 500_000}


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("conflict", 409, "您填写的内容还在"),
        ("rule", 409, "刚刚已被接受"),
        ("value", 422, "没有保存"),
        ("bug", 500, "之前的内容都在"),
    ],
)
async def test_failures_say_what_happened_in_the_readers_language(
    client: httpx.AsyncClient, how: str, status: int, words: str
) -> None:
    page = await client.get(f"/fails/{how}", headers={"Accept-Language": "zh-CN", "Accept": "text/html"})
    assert page.status_code == status
    assert words in page.text
    assert "13800001111" not in page.text
    english = await client.get(f"/fails/{how}", headers={"Accept-Language": "en", "Accept": "text/html"})
    assert '<html lang="en">' in english.text
    fragment = await client.get(f"/fails/{how}", headers={"HX-Request": "true"})
    assert fragment.headers["hx-retarget"] == "#toasts"
    assert "<html" not in fragment.text
    answer = await client.get(f"/fails/{how}", headers={"Accept": "application/json"})
    assert answer.json()["error"]["message"]


async def test_a_commit_that_fails_is_never_answered_with_success(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/at-commit")).status_code == 500


async def test_rates_are_limited_with_the_seconds_to_wait(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/api/limited") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60


async def test_unknown_addresses_and_methods(browser: Browser) -> None:
    page = await browser.get("/nowhere", headers={"Accept-Language": "en"})
    assert (page.status_code, "Not found" in page.text) == (404, True)
    assert (await browser.get("/api/nowhere")).json()["error"]["code"] == "not_found"
    assert (await browser.get("/signout")).status_code == 405


async def test_every_answer_carries_strict_headers(browser: Browser) -> None:
    for path in ("/signin", "/healthz", "/nowhere", "/static/css/tokens.css", "/signin?x=%00"):
        headers = (await browser.get(path)).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_pages_need_no_inline_code(browser: Browser) -> None:
    for path in ("/signin", "/dev/look", "/nowhere"):
        page = (await browser.get(path)).text
        assert " style=" not in page
        assert " onclick=" not in page
        assert (
            page.count("<script")
            == page.count("<script defer src=") + page.count('<script type="module" src=') + 1
        )
        assert '<script type="application/json"' in page


async def test_static_files_are_kept_by_version(app: FastAPI, settings: Settings, database: Database) -> None:
    live = create_app(settings.model_copy(update={"environment": Environment.PRODUCTION}), database=database)
    transport = httpx.ASGITransport(app=live)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        url = live.state.assets.url("css/tokens.css")
        kept = await client.get(url)
        assert "immutable" in kept.headers["cache-control"]
        old = await client.get("/static/000000000000/css/tokens.css")
        assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
        assert (await client.get("/static/css/../../app.py")).status_code == 404
        assert (await client.get("/dev/look")).status_code == 404
    with pytest.raises(FileNotFoundError):
        app.state.assets.url("css/misspelled.css")


async def test_probes(browser: Browser, database: Database) -> None:
    assert (await browser.get("/healthz")).json() == {"status": "ok"}
    assert (await browser.get("/readyz")).status_code == 200
    async with database.transaction() as tx:
        await tx.run("update alembic_version set version_num = 'old'")
    answer = await browser.get("/readyz", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "schema_outdated")
    async with database.transaction() as tx:
        await tx.run("update alembic_version set version_num = :head", head=newest_revision())


async def test_without_its_database_the_process_lives_and_says_503(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody:x@127.0.0.1:9/none"})
    app = create_app(away)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN, cookies={"hf_session": "x"}) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        for path in ("/readyz", "/api/v1/me"):
            answer = await client.get(path, headers={"Accept": "application/json"})
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
        page = await client.get("/signin", headers={"Accept": "text/html"})
        assert (page.status_code, "可以放心重试" in page.text) == (503, True)
