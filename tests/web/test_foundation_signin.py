"""Signing in and out, forged and foreign requests, the choices of language and theme."""

from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from adapters.db import accounts
from adapters.db.engine import Database
from adapters.passwords import hash_password
from api.deps import SESSION_COOKIE
from domain.roles import Role
from tests.web.conftest import PASSWORD, Browser
from web.redirects import own_path

pytestmark = pytest.mark.usefixtures("users")


async def test_a_sign_in_sets_a_cookie_that_scripts_cannot_read(browser: Browser, database: Database) -> None:
    answer = await browser.sign_in("Chen")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    token = browser.client.cookies[SESSION_COOKIE]
    async with database.reading() as tx:
        stored = [row.token_hash for row in await tx.all("select token_hash from sign_ins")]
    assert accounts.token_hash(token) in stored
    assert token.encode() not in b"".join(stored)
    assert (await browser.get("/api/v1/me")).json()["login"] == "chen"


async def test_signing_in_again_ends_the_sign_in_before(browser: Browser) -> None:
    await browser.sign_in("chen")
    old = browser.client.cookies[SESSION_COOKIE]
    await browser.sign_in("chen")
    assert browser.client.cookies[SESSION_COOKIE] != old
    browser.client.cookies.set(SESSION_COOKIE, old)
    answer = await browser.get("/api/v1/me", headers={"Accept": "application/json"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("login", "password"), [("chen", "wrong"), ("nobody", PASSWORD), ("", ""), ("chen", "")]
)
async def test_a_wrong_sign_in_says_neither_which(browser: Browser, login: str, password: str) -> None:
    answer = await browser.sign_in(login, password)
    assert answer.status_code == 401
    assert "账号或密码不正确" in answer.text
    assert SESSION_COOKIE not in browser.client.cookies


async def test_guessing_is_slowed_down(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        guesses = [
            await client.post("/signin", data={"login": "wang", "password": f"guess {number}"})
            for number in range(6)
        ]
        assert [each.status_code for each in guesses] == [401] * 5 + [429]
        assert int(guesses[5].headers["retry-after"]) >= 1
        right = await client.post("/signin", data={"login": "wang", "password": PASSWORD})
        assert right.status_code == 429


async def test_a_disabled_user_is_out_at_once(browser: Browser, database: Database) -> None:
    password_hash = await hash_password(PASSWORD)
    async with database.transaction() as tx:
        user = await accounts.add_user(
            tx, login="li", name="", password_hash=password_hash, line_id="shop", roles=[Role.AGENT]
        )
    assert (await browser.sign_in("li")).status_code == 303
    async with database.transaction() as tx:
        await accounts.disable_user(tx, user.id, actor="system")
    answer = await browser.get("/api/v1/me", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert (await browser.sign_in("li")).status_code == 401


@pytest.mark.parametrize(
    ("column", "change"),
    [("last_seen_at", "now() - interval '12 hours 1 minute'"), ("expires_at", "now() - interval '1 second'")],
)
async def test_sign_ins_expire(browser: Browser, database: Database, column: str, change: str) -> None:
    await browser.sign_in("chen")
    hashed = accounts.token_hash(browser.client.cookies[SESSION_COOKIE])
    async with database.transaction() as tx:
        await tx.run(f"update sign_ins set {column} = {change} where token_hash = :hash", hash=hashed)
    answer = await browser.get("/api/v1/me", headers={"Accept": "application/json"})
    assert answer.status_code == 401


async def test_sign_out_ends_it(browser: Browser) -> None:
    await browser.sign_in("chen")
    old = browser.client.cookies[SESSION_COOKIE]
    assert (await browser.post("/signout")).headers["location"] == "/signin"
    browser.client.cookies.set(SESSION_COOKIE, old)
    answer = await browser.get("/api/v1/me", headers={"Accept": "application/json"})
    assert answer.status_code == 401


async def test_unsafe_requests_need_the_token_and_our_own_pages(browser: Browser) -> None:
    await browser.sign_in("chen")
    good = browser.csrf_token
    assert (await browser.post("/signout", headers={"X-CSRF-Token": "guess"})).status_code == 403
    browser.csrf_token = ""
    assert (await browser.client.post("/signout")).status_code == 403
    foreign = {"X-CSRF-Token": good, "Origin": "https://evil.example"}
    assert (await browser.client.post("/signout", headers=foreign)).status_code == 403
    cross = {"X-CSRF-Token": good, "Sec-Fetch-Site": "cross-site"}
    assert (await browser.client.post("/signout", headers=cross)).status_code == 403
    assert (await browser.client.post("/signout", data={"csrf_token": good})).status_code == 303


async def test_a_sign_in_from_another_site_is_refused(browser: Browser) -> None:
    answer = await browser.client.post(
        "/signin", data={"login": "chen", "password": PASSWORD}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ("/desk?x=1#y", "/desk?x=1#y"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\tx", "/"),
        ("", "/"),
    ],
)
def test_only_own_paths_are_gone_back_to(wish: str, path: str) -> None:
    assert own_path(wish) == path


async def test_language_and_theme_are_kept_with_the_user(browser: Browser, app: FastAPI) -> None:
    await browser.sign_in("chen")
    answer = await browser.post("/preferences", data={"language": "en", "theme": "dark", "next": "/dev/look"})
    assert answer.headers["location"] == "/dev/look"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://testserver"
    ) as elsewhere:
        await elsewhere.post("/signin", data={"login": "chen", "password": PASSWORD})
        page = (await elsewhere.get("/dev/look")).text
    assert '<html lang="en" data-bs-theme="dark">' in page
    await browser.post("/preferences", data={"language": "zh", "theme": "auto"})


async def test_another_line_needs_a_role_there(
    browser: Browser, database: Database, users: dict[str, UUID]
) -> None:
    await browser.sign_in("wang")
    assert (await browser.post("/me/line", data={"line": "bank"})).status_code == 403
    async with database.transaction() as tx:
        await accounts.set_roles(tx, users["wang"], "bank", [Role.AGENT], actor="system")
    assert (await browser.post("/me/line", data={"line": "bank"})).status_code == 303
    me = (await browser.get("/api/v1/me")).json()
    assert (me["line_id"], me["roles"]) == ("bank", ["agent"])
    async with database.transaction() as tx:
        await accounts.set_roles(tx, users["wang"], "bank", [], actor="system")
    assert (await browser.get("/api/v1/me")).json()["roles"] == ["supervisor"]
