"""What breaks other products, sent to our pages: each gets a clear answer in the reader's language, none a 5xx."""

import io
import struct
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from adapters.db.engine import Database
from adapters.knowledge_sheet import template_sheet
from api.deps import Rule
from domain.text import Language
from tests.support.signed_in import HOST, Person, app_of, give_role, person
from tests.web.desk_world import LINE, World, make_world
from web.redirects import own_path
from web.rules import rules_of


@pytest.fixture(scope="module")
async def world(module_database_url: str) -> AsyncIterator[World]:
    database = Database(module_database_url, pool_size=4)
    made = await make_world(database)
    async with database.transaction() as tx:
        await tx.run("update agents set capacity = 200")
    await give_role(database, made.users["chenjia"], "agent", "supervisor", "administrator", line_id=LINE)
    yield made
    await database.close()


@pytest.fixture(scope="module")
async def app(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    folder: Path = tmp_path_factory.mktemp("data")
    made = app_of(world.database, folder)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def boss(app: FastAPI, world: World) -> AsyncIterator[Person]:
    async with person(app, world.database, world.users["chenjia"]) as signed_in:
        yield signed_in


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as made:
        yield made


# The edge


def multipart(field: bytes, *, name: bytes = b"login", charset: str = "") -> dict[str, object]:
    """A form of one field, in the bytes given."""
    body = b'--b\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + field + b"\r\n--b--\r\n"
    kind = f"multipart/form-data; boundary=b{charset}"
    return {"content": body, "headers": {"Content-Type": kind, "Accept": "application/json"}}


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (multipart(b"\xff\xfe"), "not_utf8"),
        (multipart(b"caf\xe9"), "not_utf8"),
        (multipart(b"\xe4\xb8"), "not_utf8"),  # half a character at the end
        (multipart(b"x", name=b"\xff"), "not_utf8"),
        (multipart(b"\\ud800", charset="; charset=unicode_escape"), "not_utf8"),
        (multipart(b"xn--a", charset="; charset=idna"), "not_utf8"),
        (multipart(b"a\0b"), "forbidden_character"),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_multipart_field_that_is_no_text_is_refused_as_such(
    stranger: httpx.AsyncClient, form: dict[str, object], code: str, language: str
) -> None:
    headers = form["headers"] | {"Accept-Language": language}  # type: ignore[operator] # a plain dict
    answer = await stranger.post("/signin", **(form | {"headers": headers}))  # type: ignore[arg-type] # plain options
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert answer.json()["error"]["message"].isascii() is (language == "en")


@pytest.mark.parametrize("text", ["长" * 9000, "é", "مرحبا", "👍🏽"])
async def test_honest_text_in_a_multipart_field_passes_whole(stranger: httpx.AsyncClient, text: str) -> None:
    answer = await stranger.post("/preferences", **multipart(text.encode(), name=b"next"))  # type: ignore[arg-type] # plain options
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "kind", ["application/x+json; a=b", "application/JSON", "application/json;charset=x"]
)
@pytest.mark.parametrize("text", [b"\\ud800", b"a\\u0000b"])
async def test_poison_hides_behind_no_name_of_json(
    stranger: httpx.AsyncClient, kind: str, text: bytes
) -> None:
    answer = await stranger.post(
        "/api/chat/session", content=b'{"line": "' + text + b'"}', headers={"Content-Type": kind}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "forbidden_character")


@pytest.mark.parametrize("origin", ["http://[", "//", "null", "http://evil.test@testserver", "\xe9"])
@pytest.mark.parametrize("path", ["/preferences", "/api/chat/session"])
async def test_an_origin_that_is_no_address_is_a_foreign_one(
    stranger: httpx.AsyncClient, path: str, origin: str
) -> None:
    answer = await stranger.post(path, json={}, headers={b"Origin": origin.encode("latin-1")})
    assert answer.status_code == 403


@pytest.mark.parametrize("wish", ["//[", "http://[", "/\\[", " //[x"])
async def test_a_way_back_that_is_no_address_leads_home(stranger: httpx.AsyncClient, wish: str) -> None:
    assert own_path(wish) == "/"
    assert (await stranger.get("/signin", params={"next": wish})).status_code == 200


async def test_odd_headers_are_read_without_failing(boss: Person, stranger: httpx.AsyncClient) -> None:
    for headers in (
        {"Accept-Language": b"en;q=nan,zh;q=inf,;q=,x;q=1e999"},
        {"Cookie": b'hf_session="\\000\\377"; hf_zone=../../etc/passwd; hf_language=xx'},
        {"X-Forwarded-For": b"\xff, ::1%eth0"},
        {"Range": b"bytes=9-1"},
    ):
        answer = await stranger.get("/signin", headers=headers)  # type: ignore[arg-type] # raw bytes
        assert answer.status_code == 200
    length = await stranger.post("/signin", headers={b"Content-Length": b"\xb2"})
    assert length.status_code == 422
    assert (await boss.get("/desk")).status_code == 200


# Search, filters, places in lists

EVIL = (
    "' or 1=1--",
    '";drop table users;--',
    "'%' & |!",
    "a:*",
    "() & \\",
    "²",
    "1²",
    "९९९",
    "9" * 60,
    "infinity~x",
    f"infinity~{UUID(int=5)}",
    f"1e400~{UUID(int=5)}",
    f"{'9' * 300}~{UUID(int=5)}",
    f"-1~{UUID(int=5)}",
    "\u202ez͑ͫ̓",
    "<script>alert(1)</script>",
)
_NAMES = (
    "q",
    "after",
    "tab",
    "order",
    "part",
    "key",
    "kind",
    "whose",
    "state",
    "language",
    "line",
    "lang",
    "tv",
)
_OTHERS = {"tab": "all", "order": "waiting", "part": "queue"}


async def test_nothing_asked_for_in_an_address_breaks_a_list(app: FastAPI, boss: Person) -> None:
    """Every list, filter, search and order, with what injects into queries, pages and numbers."""
    paths = [
        route.path
        for route in iter_route_contexts(app.routes)
        if "GET" in (getattr(route, "methods", None) or ()) and route.path
        if "{" not in route.path and route.path not in ("/live", "/api/chat/events")
        if Rule.CUSTOMER not in rules_of(route)
    ]
    assert len(paths) > 40
    broken = []
    for path in paths:
        if path.endswith((".xlsx", ".json", ".js")) or path.startswith(("/setup", "/dev", "/admin")):
            continue
        for name in _NAMES:
            for text in EVIL if name in ("q", "after") else EVIL[:2] + EVIL[-1:]:
                app.state.__dict__["_state"].pop("limiter", None)
                answer = await boss.http.get(path, params={**_OTHERS, name: text})
                if answer.status_code >= 500 or "<script>alert(1)" in answer.text:
                    broken.append((path, name, text, answer.status_code))
    assert broken == []


async def test_numbers_beyond_every_column(boss: Person, world: World) -> None:
    contact = await world.talking("chenjia", "数")
    for number in ("-1", "99999999999", "9" * 30, "1e9", "²", "NaN"):
        for path in (
            f"/desk/c/{contact}/before?seq={number}",
            f"/desk/c/{contact}/since?seq=0&event={number}",
        ):
            assert (await boss.get(path)).status_code in (200, 422)
        for path, data in (
            (f"/desk/c/{contact}/read", {"seq": number}),
            (f"/desk/c/{contact}/end", {"seen_seq": number, "command_id": str(uuid4())}),
        ):
            assert (await boss.post(path, data)).status_code in (204, 409, 422)


# Hostile words on pages


async def test_hostile_names_are_text_on_every_page(boss: Person, world: World) -> None:
    name = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    contact = await world.talking("chenjia", name, name)
    async with world.database.transaction() as tx:
        await tx.run("update users set name = :name, name_en = :name where login = 'wangmin'", name=name)
    for path in (
        "/desk",
        f"/desk/c/{contact}",
        f"/desk/c/{contact}/timeline",
        f"/desk/c/{contact}/transfer",
        "/desk/search?q=alert",
        "/board",
        "/board?tv=true",
        "/tasks",
        "/admin/people",
        "/admin/changes",
    ):
        page = (await boss.get(path)).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path


async def test_every_page_has_a_strict_policy_and_no_inline_code(app: FastAPI, boss: Person) -> None:
    seen = 0
    for route in iter_route_contexts(app.routes):
        if "GET" not in (getattr(route, "methods", None) or ()) or not route.path or "{" in route.path:
            continue
        if route.path in ("/live", "/api/chat/events"):
            continue
        answer = await boss.get(route.path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "object-src 'none'" in policy or "default-src 'none'" in policy
        wide = "frame-ancestors 'self'" if route.path == "/chat/frame" else "frame-ancestors 'none'"
        assert wide in policy
        if "text/html" in answer.headers.get("content-type", ""):
            seen += 1
            for inline in (" style=", " onclick=", " onload=", "javascript:"):
                assert inline not in answer.text, (route.path, inline)
    assert seen > 25


# Spreadsheets


def archive(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            made.writestr(name, "<x/>")
        for name, body in parts.items():
            made.writestr(f"xl/{name}.xml", body)
    return buffer.getvalue()


def spoiled() -> bytes:
    """A sheet whose packed bytes are damaged in the middle of a part."""
    whole = bytearray(template_sheet(Language.ZH))
    with zipfile.ZipFile(io.BytesIO(bytes(whole))) as made:
        part = max(made.infolist(), key=lambda each: each.compress_size)
    name_length, extra_length = struct.unpack_from("<HH", whole, part.header_offset + 26)
    start = part.header_offset + 30 + name_length + extra_length
    whole[start : start + 40] = b"\xff" * 40
    return bytes(whole)


@pytest.mark.parametrize(
    "body",
    [
        spoiled(),
        template_sheet(Language.EN)[:900],
        archive(bomb=b" " * 61_000_000),
        archive(entities=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        b"PK\x05\x06" + b"\0" * 18,
        b"\0" * 100,
        b"",
    ],
    ids=["damaged", "cut off", "bomb", "entities", "no parts", "zeros", "empty"],
)
@pytest.mark.parametrize(("language", "word"), [("zh", "文件"), ("en", "file")])
async def test_a_bad_spreadsheet_is_explained(
    boss: Person, world: World, body: bytes, language: str, word: str
) -> None:
    async with world.database.transaction() as tx:
        await tx.run("update users set language = :code where id = :id", code=language, id=boss.id)
    answer = await boss.http.post(
        "/admin/articles/import",
        files={"sheet": ("知识.xlsx", body)},
        headers={"X-CSRF-Token": boss.csrf_token},
    )
    assert answer.status_code == 200
    assert word in answer.text


# Files in the desk


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("x.html", b"<!doctype html><script>alert(1)</script>"),
        ("photo.png", archive()),
        ("notes.txt", b"<script>alert(1)</script>"),
        ("x.pdf", b"MZ\x90\0"),
    ],
)
async def test_a_file_that_is_not_what_it_says_is_not_kept(
    boss: Person, world: World, name: str, body: bytes
) -> None:
    answer = await boss.http.post(
        "/desk/files",
        files={"file": (name, body)},
        headers={"X-CSRF-Token": boss.csrf_token, "Accept": "application/json"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "file_refused")


async def test_a_file_name_breaks_out_of_no_header(boss: Person, world: World) -> None:
    contact = await world.talking("chenjia", "文件名")
    name = 'a"; filename="x.html\r\nSet-Cookie: hf_session=1\u202e.txt'
    sent = await boss.http.post(
        "/desk/files", files={"file": (name, b"hello")}, headers={"X-CSRF-Token": boss.csrf_token}
    )
    assert sent.status_code == 200, sent.text
    form = {"body": "", "files": sent.json()["id"], "command_id": str(uuid4())}
    assert (await boss.post(f"/desk/c/{contact}/reply", form)).status_code == 200
    answer = await boss.get(f"/api/files/{sent.json()['id']}")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    said = answer.headers["content-disposition"]
    assert said.startswith("attachment; filename*=UTF-8''")
    assert not set(said.partition("''")[2]) & set('"\r\n;')
    assert answer.headers["x-content-type-options"] == "nosniff"
