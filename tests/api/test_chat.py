"""The chat's public interface: sessions, messages, the thread, and what customers do in it."""

import asyncio
import json
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from adapters.db import chat_thread, conversation
from adapters.db.engine import Database
from tests.chat_fixtures import app, client, customer, database, new_customer, settings  # noqa: F401 # fixtures
from tests.chat_support import HOST, LINE, Customer, bot_says, give_to_agent, hand_over_now

NewCustomer = Callable[[], Customer]


async def test_a_session_resumes_with_its_token(customer: Customer) -> None:
    first = customer.token
    await customer.say("你好")
    again = await customer.begin()
    assert again["resumed"]
    assert customer.token == first
    assert await customer.texts() == ["你好"]


async def test_an_unknown_token_begins_a_new_session(new_customer: NewCustomer) -> None:
    stranger = new_customer()
    stranger.token = "shop.made-up"
    body = await stranger.begin()
    assert not body["resumed"]
    assert body["token"] != "shop.made-up"


async def test_tokens_are_kept_as_hashes_only(customer: Customer, database: Database) -> None:
    async with database.reading() as tx:
        rows = await tx.all("select external_id from identities where channel = 'visitor'")
    assert rows
    assert all(len(row.external_id) == 64 and row.external_id not in customer.token for row in rows)


async def test_without_a_session_nothing_is_told(client: httpx.AsyncClient) -> None:
    for path in ("messages", "state", "events"):
        answer = await client.get(f"/api/chat/{path}")
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "session_unknown"


async def test_an_unknown_line_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/chat/session", json={"line": "nowhere"})
    assert answer.status_code == 404
    assert "在线客服" in answer.json()["error"]["message"]


async def test_the_same_message_twice_is_one(customer: Customer) -> None:
    first = await customer.say("查订单", "one")
    again = await customer.say("查订单", "one")
    assert again == first | {"duplicate": True}
    assert await customer.texts() == ["查订单"]


async def test_the_same_id_with_another_body_is_refused_and_raises_an_alert(
    customer: Customer, database: Database
) -> None:
    sent = await customer.say("第一条", "same")
    answer = await customer.post("/messages", {"client_id": "same", "text": "另一条"})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "message_conflict"
    assert await customer.texts() == ["第一条"]
    async with database.reading() as tx:
        alert = await tx.first(
            "select 1 from events where kind = 'inbound_conflict' and case_id = :id",
            id=UUID(sent["contact_id"]),
        )
    assert alert is not None


async def test_ids_of_one_customer_do_not_collide_with_anothers(new_customer: NewCustomer) -> None:
    for _ in range(2):
        someone = new_customer()
        await someone.begin()
        assert not (await someone.say("同一个编号", "1"))["duplicate"]


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("", 422, "message_empty"),
        (" \n\t ", 422, "message_empty"),
        ("\u202e\ufeff", 422, "message_empty"),
        ("长" * 6000, 413, "message_too_long"),
        ("a" * 16385, 413, "message_too_long"),
        ("x" * 1_000_000, 413, "too_large"),
        ("a\x00b", 422, "forbidden_character"),
        ("\ud800", 422, "forbidden_character"),
    ],
)
async def test_text_that_is_none_is_refused_in_the_customers_language(
    customer: Customer, text: str, status: int, code: str
) -> None:
    body = json.dumps({"client_id": "bad", "text": text})
    headers = customer.headers | {"Content-Type": "application/json"}
    answer = await customer.client.post("/api/chat/messages", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.json()["error"]["message"])
    english = await customer.client.post("/api/chat/messages?lang=en", content=body, headers=headers)
    assert english.json()["error"]["message"].isascii()
    assert await customer.texts() == []


async def test_bytes_that_are_no_text_are_refused(customer: Customer) -> None:
    answer = await customer.client.post(
        "/api/chat/messages",
        content=b'{"client_id":"x","text":"\xff\xfe"}',
        headers=customer.headers | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "not_utf8"


@pytest.mark.parametrize("client_id", ["", "a b", "x" * 101, "<script>", "é"])
async def test_an_id_must_be_one(customer: Customer, client_id: str) -> None:
    answer = await customer.post("/messages", {"client_id": client_id, "text": "hi"})
    assert answer.status_code == 422


async def test_the_longest_text_passes(customer: Customer) -> None:
    await customer.say("a" * 16384)
    assert [len(text) for text in await customer.texts()] == [16384]


async def test_two_first_messages_at_once_are_in_one_contact(new_customer: NewCustomer) -> None:
    for _ in range(5):
        someone = new_customer()
        await someone.begin()
        sent = await asyncio.gather(*(someone.say(f"第{number}条") for number in range(4)))
        assert len({each["contact_id"] for each in sent}) == 1
        assert sorted(each["seq"] for each in sent) == [1, 2, 3, 4]


async def test_a_flood_is_slowed_down_and_others_are_not(new_customer: NewCustomer) -> None:
    flooder, other = new_customer(), new_customer()
    await flooder.begin()
    await other.begin()
    codes = [
        (await flooder.post("/messages", {"client_id": f"f{number}", "text": "flood"})).status_code
        for number in range(35)
    ]
    assert codes[:30] == [200] * 30
    assert codes[30:] == [429] * 5
    last = await flooder.post("/messages", {"client_id": "late", "text": "flood"})
    assert int(last.headers["Retry-After"]) >= 1
    await other.say("我没事")


# The thread


async def test_the_thread_goes_on_across_contacts_and_never_shows_notes(
    customer: Customer, database: Database
) -> None:
    first = await customer.say("第一次")
    agent = await give_to_agent(database, first["contact_id"])
    contact = UUID(first["contact_id"])
    async with database.transaction() as tx:
        await conversation.add_note(tx, LINE, contact, agent, "内部备注 secret", [])
    async with database.transaction() as tx:
        await conversation.reply(tx, LINE, contact, agent, "**您好**")
    await _close(database, contact)
    second = await customer.say("第二次")
    assert second["contact_id"] != first["contact_id"]
    body = (await customer.get("/messages?after=0")).json()
    texts = [message["body"] for message in body["messages"]]
    assert texts[0] == "第一次"
    assert texts[-1] == "第二次"
    assert "**您好**" in texts
    assert not any("secret" in text for text in texts)
    places = [message["seq"] for message in body["messages"]]
    assert places == sorted(set(places))
    assert second["seq"] == places[-1]
    assert [m["body"] for m in (await customer.get(f"/messages?after={places[-2]}")).json()["messages"]] == [
        "第二次"
    ]
    reply = next(message for message in body["messages"] if message["author"] == "agent")
    async with database.reading() as tx:
        nickname = await tx.scalar("select nickname_zh from agents where user_id = :id", id=agent)
    assert reply["name"] == nickname


async def _close(database: Database, contact: UUID) -> None:
    async with database.transaction() as tx:
        await tx.run(
            "update contacts set stage = 'closed', owner_id = null, closed_at = ledger_now() where id = :id",
            id=contact,
        )
        await tx.run(
            """update cases set closed_at = ledger_now(), signalled_seq = fact_seq, folded_seq = fact_seq
               where id = :id""",
            id=contact,
        )


async def test_pages_of_the_thread(customer: Customer, database: Database) -> None:
    sent = await customer.say("问题 0")
    for number in range(1, 12):
        await bot_says(database, sent["contact_id"], f"回答 {number}")
    newest = (await customer.get("/messages?limit=5")).json()
    assert [message["seq"] for message in newest["messages"]] == [8, 9, 10, 11, 12]
    assert newest["more"]
    earlier = (await customer.get("/messages?before=8&limit=100")).json()
    assert [message["seq"] for message in earlier["messages"]] == list(range(1, 8))
    assert not earlier["more"]
    onward = (await customer.get("/messages?after=3&limit=4")).json()
    assert [message["seq"] for message in onward["messages"]] == [4, 5, 6, 7]
    assert onward["more"]


async def test_one_customer_never_sees_anothers_thread(new_customer: NewCustomer) -> None:
    one, other = new_customer(), new_customer()
    await one.begin()
    await other.begin()
    await one.say("我的秘密")
    assert await other.texts() == []
    assert (await other.state())["stage"] is None


async def test_choices_citations_and_notices_arrive_as_such(customer: Customer, database: Database) -> None:
    sent = await customer.say("怎么退货")
    choices = [{"id": "article:1", "label": "怎么申请退货"}, {"id": "human", "label": "转人工客服"}]
    await bot_says(database, sent["contact_id"], "哪一项？", kind="choices", attrs={"choices": choices})
    await bot_says(
        database, sent["contact_id"], "七天内可退。", attrs={"citations": [{"id": "1", "title": "退货"}]}
    )
    body = (await customer.get("/messages?after=1")).json()["messages"]
    assert body[0]["choices"] == choices
    assert body[1]["citations"] == [{"id": "1", "title": "退货"}]
    chosen = await customer.say("怎么申请退货", choice="article:1")
    assert chosen["seq"] == 4


# Acts


async def test_a_person_is_asked_for_once(customer: Customer, database: Database) -> None:
    sent = await customer.say("你好")
    first = (await customer.post("/human")).json()
    assert first == {"contact_id": sent["contact_id"], "asked": True}
    await give_to_agent(database, sent["contact_id"])
    assert not (await customer.post("/human")).json()["asked"]
    state = await customer.state()
    assert state["stage"] == "talking"
    assert state["agent"]
    assert (await customer.state("en"))["agent"] != state["agent"]


async def test_a_person_can_be_asked_for_before_any_word(customer: Customer) -> None:
    answer = await customer.post("/human")
    assert answer.json()["asked"]
    assert (await customer.state())["contact_id"] == answer.json()["contact_id"]
    assert len(await customer.texts()) == 1


async def test_acts_without_a_conversation_say_so(customer: Customer) -> None:
    for path, body in (("/leave", {}), ("/choice-while-waiting", {"leave": True}), ("/survey", {"score": 5})):
        answer = await customer.post(path, body)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "no_open_contact"
    assert (await customer.post("/typing")).status_code == 204
    assert (await customer.post("/read", {"seq": 3})).status_code == 204


async def test_waiting_has_a_place_and_an_honest_wait(
    new_customer: NewCustomer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_thread, "_rates", {})
    async with database.transaction() as tx:
        await tx.run("update agents set presence = 'offline'")
    waiting = []
    for _ in range(2):
        someone = new_customer()
        await someone.begin()
        sent = await someone.say("你好")
        await hand_over_now(database, sent["contact_id"])
        waiting.append(someone)
    places = [(await someone.state())["position"] for someone in waiting]
    assert places[1] == places[0] + 1
    state = await waiting[1].state()
    assert state["stage"] == "queued"
    assert state["wait_seconds"] is None or state["wait_seconds"] > 0
    kept = await waiting[0].post("/choice-while-waiting", {"leave": False})
    assert kept.status_code == 204
    left = await waiting[1].post("/choice-while-waiting", {"leave": True})
    assert left.status_code == 204
    assert (await waiting[1].state())["left_matter"]


async def test_a_rating_is_given_once_with_known_reasons(customer: Customer, database: Database) -> None:
    sent = await customer.say("你好")
    assert (await customer.post("/survey", {"score": 5})).status_code == 409
    agent = await give_to_agent(database, sent["contact_id"])
    async with database.transaction() as tx:
        await conversation.invite_to_survey(tx, LINE, UUID(sent["contact_id"]), agent)
    assert (await customer.state())["survey_due"]
    invited = (await customer.get("/messages")).json()["messages"][-1]
    assert invited["survey"]
    unknown = await customer.post("/survey", {"score": 2, "reasons": ["made_up"]})
    assert unknown.json()["error"]["code"] == "survey_reason_unknown"
    for score in (0, 6, "x"):
        assert (await customer.post("/survey", {"score": score})).status_code == 422
    rating = {"score": 2, "solved": False, "reasons": ["waited_long"], "comment": "太久了"}
    assert (await customer.post("/survey", rating)).status_code == 204
    assert not (await customer.state())["survey_due"]
    assert (await customer.post("/survey", rating)).json()["error"]["code"] == "already_answered"
    async with database.reading() as tx:
        task = await tx.scalar("select kind from tasks where case_id = :id", id=UUID(sent["contact_id"]))
    assert task == "low_score"


async def test_the_customer_leaves(customer: Customer, database: Database) -> None:
    sent = await customer.say("你好")
    assert (await customer.post("/leave")).status_code == 204
    async with database.reading() as tx:
        asked = await tx.scalar(
            "select close_asked from contacts where id = :id", id=UUID(sent["contact_id"])
        )
    assert asked == "customer_left"


async def test_reading_is_marked_in_its_own_contact(customer: Customer, database: Database) -> None:
    sent = await customer.say("你好")
    await bot_says(database, sent["contact_id"], "您好")
    assert (await customer.post("/read", {"seq": 2})).status_code == 204
    assert (await customer.state())["read_seq"] == 2
    await customer.post("/read", {"seq": 9_000_000})
    assert (await customer.state())["read_seq"] == 2


# Pages of other origins


async def test_only_allowed_origins_may_call(client: httpx.AsyncClient, customer: Customer) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = await client.options("/api/chat/messages", headers=asked | {"Origin": HOST})
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == HOST
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    for origin in ("http://evil.test", "null", "http://host.test"):
        refused = await client.options("/api/chat/messages", headers=asked | {"Origin": origin})
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers
        answer = await client.get("/api/chat/state", headers=customer.headers | {"Origin": origin})
        assert answer.status_code == 403
    good = await client.get("/api/chat/state", headers=customer.headers | {"Origin": HOST})
    assert good.headers["Access-Control-Allow-Origin"] == HOST
    refusal = await client.post(
        "/api/chat/messages",
        json={"client_id": "1", "text": ""},
        headers=customer.headers | {"Origin": HOST},
    )
    assert refusal.status_code == 422
    assert refusal.headers["Access-Control-Allow-Origin"] == HOST


async def test_the_frame_is_for_allowed_origins_and_the_page_for_none(client: httpx.AsyncClient) -> None:
    frame = await client.get(f"/chat/frame?line={LINE}")
    assert f"frame-ancestors 'self' {HOST}" in frame.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in frame.headers
    page = await client.get(f"/chat?line={LINE}")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert (await client.get("/chat?line=nowhere")).status_code == 404
