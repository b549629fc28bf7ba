"""Hostile and broken things that customers and programs send: a clear answer, nothing lost, nothing let in."""

import asyncio
import base64
import json
import time

import httpx
import jwt
import pytest
from fastapi import FastAPI

from adapters.db.engine import Database
from tests.chat_fixtures import app, client, customer, database, new_customer, settings
from tests.chat_support import SECRET, Customer, bot_says, give_to_agent, token_of

__all__ = ["app", "client", "customer", "database", "new_customer", "settings"]

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (SCRIPT, SCRIPT),
        ("مرحبا\u202e gnp.exe\u202c", "مرحبا gnp.exe"),
        ("z" + "\u0351" * 500, "z" + "\u0351" * 4),
        ("أين طلبي؟", "أين طلبي؟"),
        ("👩‍👩‍👧‍👦 \U00020000", "👩‍👩‍👧‍👦 \U00020000"),
        ("{{customer_name}} {0} %s ${x}", "{{customer_name}} {0} %s ${x}"),
        ("a\x07\x1b[31mb", "a[31mb"),
    ],
)
async def test_strange_text_is_kept_as_text(customer: Customer, sent: str, kept: str) -> None:
    await customer.say(sent)
    assert await customer.texts() == [kept]


@pytest.mark.parametrize("text", ["\u200b", "\u200e\u200f", "\u2060 \u3000\u00ad", "\u0301"])
async def test_text_that_nobody_can_see_is_no_message(customer: Customer, text: str) -> None:
    answer = await customer.post("/messages", {"client_id": "blank", "text": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "message_empty")
    assert await customer.texts() == []


def compact(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "....",
        "é.é.é",
        compact(b"[" * 2900) + ".e30.x",
        compact(b'{"alg":["HS256"]}') + ".e30.x",
        compact(b'{"alg":"none"}') + "." + compact(b'{"sub":"M1","exp":9999999999}') + ".",
        compact(b'{"alg":"HS256","crit":["b64"],"b64":false}') + ".e30.e30",
        jwt.encode({"sub": "M1", "exp": float("inf")}, SECRET, "HS256"),
        jwt.encode({"sub": "M1", "exp": float("nan")}, SECRET, "HS256"),
        jwt.encode({"sub": ["M1"], "exp": int(time.time()) + 60}, SECRET, "HS256"),
        jwt.encode({"sub": "M" * 200, "exp": int(time.time()) + 60}, SECRET, "HS256"),
        token_of("M1", secret="the secret of another line of the same house, long"),
    ],
    ids=map(str, range(12)),
)
async def test_a_member_token_that_proves_nothing_is_refused(customer: Customer, token: str) -> None:
    before = await customer.begin()
    answer = await customer.client.post(
        "/api/chat/session", json={"line": "shop", "member_token": token}, headers=customer.headers
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "member_token_invalid")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.json()["error"]["message"])
    assert (
        (await customer.begin())["customer"]
        == before["customer"]
        == {
            "name": "",
            "verified": False,
            "verified_until": None,
        }
    )


async def test_a_members_name_is_text_and_nothing_else(customer: Customer, database: Database) -> None:
    made = await customer.begin(member_token=token_of("M77", name=f"\u202e{SCRIPT}\0", tier="\0'; drop"))
    assert made["customer"]["name"] == SCRIPT
    async with database.reading() as tx:
        assert await tx.scalar("select tier from customers where name = :name", name=SCRIPT) == "ordinary"


async def test_a_message_to_a_closed_contact_opens_the_next_and_loses_nothing(
    customer: Customer, database: Database
) -> None:
    first = await customer.say("第一件事")
    async with database.transaction() as tx:
        await tx.run(
            "update contacts set stage = 'closed', closed_at = ledger_now() where id = cast(:id as uuid)",
            id=first["contact_id"],
        )
        await tx.run(
            """update cases set closed_at = ledger_now(), signalled_seq = fact_seq, folded_seq = fact_seq
               where id = cast(:id as uuid)""",
            id=first["contact_id"],
        )
    second = await customer.say("第二件事")
    assert second["contact_id"] != first["contact_id"]
    assert await customer.texts() == ["第一件事", "第二件事"]


async def test_the_same_words_in_a_race_are_one_message(customer: Customer) -> None:
    answers = await asyncio.gather(
        *(customer.post("/messages", {"client_id": "once", "text": "一次"}) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 5
    assert await customer.texts() == ["一次"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b'"x"',
        b"{",
        b'{"client_id": "x"',
        b'{"client_id": 5, "text": "x"}',
        b'{"client_id": "x", "text": null}',
        b'{"client_id": "x", "text": {"a": 1}}',
        b'{"client_id": "x", "text": "x", "attachments": ["../../etc/passwd"]}',
        b'{"client_id": "x", "text": "x", "attachments": ["00000000-0000-0000-0000-000000000007"]}',
        json.dumps({"client_id": "x", "text": "x", "choice": "y" * 300}).encode(),
    ],
    ids=map(str, range(12)),
)
async def test_a_body_that_is_no_message_is_refused_and_leaves_nothing(
    customer: Customer, body: bytes
) -> None:
    answer = await customer.client.post(
        "/api/chat/messages", content=body, headers=customer.headers | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
    assert await customer.texts() == []


async def test_choices_that_were_never_offered_do_no_harm(customer: Customer) -> None:
    for choice in ("../../x", "flow:", "article:'; drop", "🎉", " "):
        await customer.say("选这个", choice=choice)
    assert len(await customer.texts()) == 5


async def test_marks_and_ratings_beyond_bounds(customer: Customer, database: Database) -> None:
    sent = await customer.say("你好")
    await bot_says(database, sent["contact_id"], "您好")
    for body in ({"seq": -1}, {"seq": 2**60}, {"seq": "²"}, {"seq": 1e300}):
        assert (await customer.post("/read", body)).status_code == 422
    assert (await customer.post("/read", {"seq": 2**52})).status_code == 204
    for rating in (
        {"score": 0},
        {"score": 6},
        {"score": 5, "comment": "x" * 2001},
        {"score": 5, "reasons": ["no"]},
    ):
        assert (await customer.post("/survey", rating)).status_code in (409, 422)


async def test_another_customers_conversation_is_out_of_reach_by_any_name(
    customer: Customer, client: httpx.AsyncClient, database: Database, app: FastAPI
) -> None:
    """Somebody else's ids, words and files: guessed ids lead nowhere, also while an agent has the contact."""
    sent = await customer.say("我的秘密 ZEBRA")
    await give_to_agent(database, sent["contact_id"])
    app.state.__dict__["_state"].pop("limiter", None)
    other = Customer(client)
    await other.begin()
    for path in ("/messages?after=0", "/state", f"/messages?contact_id={sent['contact_id']}&after=0"):
        answer = await other.get(path)
        assert answer.status_code == 200
        assert "ZEBRA" not in answer.text
        assert sent["contact_id"] not in answer.text
    assert (await other.post("/leave")).status_code == 404
    assert (await other.post("/survey", {"score": 1})).status_code == 404
    # The same client id of another customer is another message, never the first one's answer.
    again = await other.say("我的", client_id="m1")
    assert again["contact_id"] != sent["contact_id"]
