"""Files of the chat over HTTP: who may bring, carry and see them."""

import io
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from PIL import Image

from adapters.db import accounts
from adapters.db.engine import Database
from adapters.settings import Settings
from domain.roles import Role
from tests.chat_fixtures import app, client, customer, database, new_customer, settings  # noqa: F401 # fixtures
from tests.chat_support import Customer, agent_of

NewCustomer = Callable[[], Customer]


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "navy").save(out, "PNG")
    return out.getvalue()


async def upload(customer: Customer, body: bytes, name: str) -> httpx.Response:
    return await customer.client.post(
        "/api/chat/files", files={"file": (name, body)}, headers=customer.headers
    )


async def test_a_picture_travels_with_its_message(customer: Customer) -> None:
    file = (await upload(customer, png(), "<b>图</b>.png")).json()
    assert (file["is_picture"], file["width"], file["height"]) == (True, 20, 10)
    assert "<" not in file["name"]
    before = await customer.client.get(f"/api/files/{file['id']}", headers=customer.headers)
    assert before.status_code == 404
    await customer.say("", attachments=[file["id"]])
    message = (await customer.get("/messages")).json()["messages"][0]
    assert [each["id"] for each in message["files"]] == [file["id"]]
    seen = await customer.client.get(f"/api/files/{file['id']}", headers=customer.headers)
    assert seen.headers["Content-Type"] == "image/png"
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert seen.headers["Content-Disposition"].startswith("inline;")
    assert "sandbox" in seen.headers["Content-Security-Policy"]


async def test_documents_are_downloads_only(customer: Customer) -> None:
    file = (await upload(customer, "发票".encode(), "发票 2026.txt")).json()
    await customer.say("见附件", attachments=[file["id"]])
    seen = await customer.client.get(f"/api/files/{file['id']}", headers=customer.headers)
    assert seen.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E5%8F%91")


async def test_nobody_else_sees_or_sends_a_file(new_customer: NewCustomer) -> None:
    owner, thief = new_customer(), new_customer()
    await owner.begin()
    await thief.begin()
    file = (await upload(owner, png(), "a.png")).json()
    stolen = await thief.post("/messages", {"client_id": "1", "text": "", "attachments": [file["id"]]})
    assert stolen.json()["error"]["code"] == "attachment_unknown"
    await owner.say("我的", attachments=[file["id"]])
    assert (await thief.client.get(f"/api/files/{file['id']}", headers=thief.headers)).status_code == 404
    assert (await owner.client.get(f"/api/files/{file['id']}")).status_code == 401
    twice = await owner.post("/messages", {"client_id": "2", "text": "", "attachments": [file["id"]]})
    assert twice.json()["error"]["code"] == "attachment_unknown"


async def test_staff_see_it_by_their_sign_in_and_other_lines_do_not(
    customer: Customer, database: Database
) -> None:
    file = (await upload(customer, png(), "a.png")).json()
    await customer.say("图", attachments=[file["id"]])
    async with database.transaction() as tx:
        await tx.run(
            """insert into business_lines (id, name_zh, name_en, member_secret) values ('bank', 'b', 'b', 's')
               on conflict do nothing"""
        )
        agent = await accounts.sign_in(tx, await agent_of(database))
        banker = await accounts.add_user(
            tx, login="banker", name="Banker", password_hash="x", line_id="bank", roles=[Role.AGENT]
        )
        foreign = await accounts.sign_in(tx, banker.id)
    path = f"/api/files/{file['id']}"
    seen = await customer.client.get(path, headers={"Cookie": f"hf_session={agent.token}"})
    assert seen.status_code == 200
    hidden = await customer.client.get(path, headers={"Cookie": f"hf_session={foreign.token}"})
    assert hidden.status_code == 404


@pytest.mark.parametrize(
    ("body", "name", "status", "code"),
    [
        (b"<svg onload=alert(1)>", "x.svg", 422, "file_refused"),
        (b"PK\x05\x06" + b"\0" * 18, "photo.png", 422, "file_refused"),
        (b"", "x.png", 422, "file_empty"),
        (b"x" * (10 * 1024 * 1024 + 1), "big.txt", 413, "file_too_large"),
    ],
)
async def test_what_is_refused_says_why(
    customer: Customer, body: bytes, name: str, status: int, code: str
) -> None:
    answer = await upload(customer, body, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_two_gigabytes_are_refused_before_they_come(customer: Customer) -> None:
    async def endless() -> object:
        raise AssertionError("the body must not be asked for")
        yield b""

    answer = await customer.client.post(
        "/api/chat/files",
        content=endless(),  # type: ignore[arg-type] # never read
        headers=customer.headers
        | {"Content-Length": str(2 * 1024**3), "Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 413


async def test_without_a_session_no_byte_is_kept(
    client: httpx.AsyncClient, settings: Settings
) -> None:  # the fixture
    before = _files(settings.files_dir)
    answer = await client.post("/api/chat/files", files={"file": ("a.png", png())})
    assert answer.status_code == 401
    assert _files(settings.files_dir) == before


def _files(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


async def test_a_form_without_a_file(customer: Customer) -> None:
    answer = await customer.client.post(
        "/api/chat/files", files={"other": ("a.png", png())}, headers=customer.headers
    )
    assert answer.json()["error"]["code"] == "file_missing"


async def test_an_unknown_file_is_404(customer: Customer) -> None:
    answer = await customer.client.get(f"/api/files/{UUID(int=7)}", headers=customer.headers)
    assert answer.status_code == 404
