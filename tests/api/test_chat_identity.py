"""Proof of who a visitor is: signed member tokens, codes to phone numbers, and finding the customer again."""

import re
import time
from collections.abc import Callable
from uuid import UUID

import httpx
import jwt
import pytest

from adapters.db import chat, outbox
from adapters.db.chat_identity import CODE_TRIES
from adapters.db.engine import Database
from tests.chat_fixtures import app, client, customer, database, new_customer, settings  # noqa: F401 # fixtures
from tests.chat_support import LINE, SECRET, Customer, give_to_agent, token_of

NewCustomer = Callable[[], Customer]

_phones = iter(range(13900000001, 13900000999))


@pytest.fixture
def phone() -> str:
    return str(next(_phones))


async def code_for(database: Database, phone: str) -> str:
    async with database.reading() as tx:
        entry = next(each for each in await outbox.recent(tx) if each.recipient == f"+86{phone}")
    found = re.search(r"\b(\d{6})\b", entry.body)
    assert found
    return found[1]


async def prove(customer: Customer, database: Database, phone: str) -> None:
    await customer.accept_notice()
    sent = await customer.post("/phone", {"phone": phone})
    assert sent.status_code == 200, sent.text
    answer = await customer.post("/phone/verify", {"phone": phone, "code": await code_for(database, phone)})
    assert answer.json() == {"verified": True}


async def make_them_forget_codes(database: Database) -> None:
    """An hour later."""
    async with database.transaction() as tx:
        await tx.run("update verification_codes set created_at = created_at - interval '2 hours'")


async def facts_of(database: Database, contact_id: str) -> list[str]:
    async with database.reading() as tx:
        rows = await tx.all("select kind from facts where case_id = :id order by seq", id=UUID(contact_id))
    return [row.kind for row in rows]


async def test_a_code_needs_consent_first(customer: Customer, phone: str) -> None:
    answer = await customer.post("/phone", {"phone": phone})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "consent_needed"
    old = await customer.post("/consent", {"version": "1999-01"})
    assert old.json()["error"]["code"] == "notice_outdated"


async def test_a_proven_number_brings_the_history_back(
    new_customer: NewCustomer, database: Database, phone: str
) -> None:
    first = new_customer()
    await first.begin()
    sent = await first.say("第一台设备")
    await prove(first, database, phone)
    assert (await facts_of(database, sent["contact_id"]))[-1] == "verified"
    await make_them_forget_codes(database)
    second = new_customer()
    await second.begin()
    assert await second.texts() == []
    await prove(second, database, phone)
    session = await second.begin()
    assert session["customer"]["verified"]
    assert await second.texts() == ["第一台设备"]
    assert (await second.say("第二台设备"))["contact_id"] == sent["contact_id"]
    assert await first.texts() == ["第一台设备", "第二台设备"]


async def test_a_typed_number_proves_nothing(customer: Customer, database: Database, phone: str) -> None:
    sent = await customer.say(f"我的手机号是 {phone}")
    await customer.accept_notice()
    await customer.post("/phone", {"phone": phone})
    contact = UUID(sent["contact_id"])
    async with database.reading() as tx:
        assert await chat.proven_identity(tx, contact_id=contact) == (None, None)
        hint = await tx.scalar(
            "select phone_hint from customers k join contacts c on c.customer_id = k.id where c.id = :id",
            id=contact,
        )
    assert hint == f"+86{phone}"
    assert not (await customer.state())["verified"]


async def test_known_and_unknown_numbers_get_the_same_answer(
    new_customer: NewCustomer, database: Database, phone: str
) -> None:
    known = new_customer()
    await known.begin()
    await prove(known, database, phone)
    await make_them_forget_codes(database)
    answers = []
    for number in (phone, str(next(_phones))):
        someone = new_customer()
        await someone.accept_notice()
        answer = await someone.post("/phone", {"phone": number})
        body = answer.json()
        answers.append((answer.status_code, body.pop("phone")[:7], body))
    assert answers[0] == answers[1]


async def test_a_code_is_good_for_five_tries_and_nobody_else(
    new_customer: NewCustomer, database: Database, phone: str
) -> None:
    victim, thief = new_customer(), new_customer()
    await victim.begin()
    await victim.say("我的订单 88")
    await prove(victim, database, phone)
    await make_them_forget_codes(database)
    await thief.accept_notice()
    assert (await thief.post("/phone", {"phone": phone})).status_code == 200
    right = await code_for(database, phone)
    wrong = "000000" if right != "000000" else "111111"
    for left in range(CODE_TRIES - 1, 0, -1):
        answer = await thief.post("/phone/verify", {"phone": phone, "code": wrong})
        assert answer.json()["error"]["code"] == "code_wrong"
        assert str(left) in answer.json()["error"]["message"]
    last = await thief.post("/phone/verify", {"phone": phone, "code": wrong})
    assert last.json()["error"]["code"] == "code_expired"
    late = await thief.post("/phone/verify", {"phone": phone, "code": right})
    assert late.json()["error"]["code"] == "code_expired"
    assert await thief.texts() == []
    bystander = new_customer()
    await bystander.accept_notice()
    stolen = await bystander.post("/phone/verify", {"phone": phone, "code": right})
    assert stolen.json()["error"]["code"] == "code_expired"


async def test_codes_are_rationed_by_number_and_by_visitor(
    new_customer: NewCustomer, database: Database, phone: str
) -> None:
    one, other = new_customer(), new_customer()
    await one.accept_notice()
    await other.accept_notice()
    assert (await one.post("/phone", {"phone": phone})).status_code == 200
    for someone, number in ((other, phone), (one, str(next(_phones)))):
        soon = await someone.post("/phone", {"phone": number})
        assert soon.status_code == 429
        assert soon.headers["Retry-After"] == "60"
    for _ in range(4):
        async with database.transaction() as tx:
            await tx.run("update verification_codes set created_at = created_at - interval '2 minutes'")
        assert (await one.post("/phone", {"phone": phone})).status_code == 200
    async with database.transaction() as tx:
        await tx.run("update verification_codes set created_at = created_at - interval '2 minutes'")
    assert (await one.post("/phone", {"phone": phone})).json()["error"]["code"] == "code_too_many"


async def test_a_code_expires_and_is_used_once(customer: Customer, database: Database, phone: str) -> None:
    await customer.accept_notice()
    await customer.post("/phone", {"phone": phone})
    code = await code_for(database, phone)
    async with database.transaction() as tx:
        await tx.run("update verification_codes set expires_at = ledger_now() - interval '1 second'")
    wish = {"phone": phone, "code": code}
    assert (await customer.post("/phone/verify", wish)).json()["error"]["code"] == "code_expired"
    async with database.transaction() as tx:
        await tx.run("update verification_codes set expires_at = ledger_now() + interval '1 minute'")
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert (await customer.post("/phone/verify", {"phone": phone, "code": full_width})).status_code == 200
    assert (await customer.post("/phone/verify", wish)).json()["error"]["code"] == "code_expired"


@pytest.mark.parametrize("typed", ["12345", "not a number", "+8613", "1" * 32, "١٢٣٤٥"])
async def test_no_number_is_told(customer: Customer, typed: str) -> None:
    answer = await customer.post("/phone", {"phone": typed})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "phone_invalid"


# Member tokens


async def test_a_member_is_recognised_on_another_device(
    new_customer: NewCustomer, database: Database
) -> None:
    one, other = new_customer(), new_customer()
    session = await one.begin(member_token=token_of("M5001", name="何苗", tier="vip", phone="13700005001"))
    assert session["customer"]["verified"]
    assert session["customer"]["name"] == "何苗"
    sent = await one.say("查一下")
    await other.begin()
    await other.begin(member_token=token_of("M5001"))
    assert await other.texts() == ["查一下"]
    async with database.reading() as tx:
        proven = await chat.proven_identity(tx, contact_id=UUID(sent["contact_id"]))
    assert proven == ("M5001", "+8613700005001")


async def test_a_forged_token_proves_nothing_and_says_so(client: httpx.AsyncClient) -> None:
    header = {"alg": "none", "typ": "JWT"}
    unsigned = jwt.encode({"sub": "M1", "exp": int(time.time()) + 60}, "", "none", headers=header)
    cases = {
        token_of("M1", secret="another secret, also long enough to be one"): "member_token_invalid",
        token_of("M1")[:-2] + "xx": "member_token_invalid",
        unsigned: "member_token_invalid",
        token_of("M1", exp=int(time.time()) - 120): "member_token_expired",
        token_of("M1", exp=None): "member_token_invalid",
        token_of("M1", exp=int(time.time()) + 7200): "member_token_too_long_lived",
        token_of(""): "member_token_invalid",
        "nonsense": "member_token_invalid",
        jwt.encode({"sub": "M1", "exp": int(time.time()) + 60}, SECRET * 2, "HS512"): "member_token_invalid",
    }
    for token, code in cases.items():
        answer = await client.post("/api/chat/session", json={"line": LINE, "member_token": token})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


async def test_what_a_visitor_said_moves_along(new_customer: NewCustomer) -> None:
    visitor = new_customer()
    await visitor.begin()
    sent = await visitor.say("我还没登录")
    await visitor.begin(member_token=token_of("M5002"))
    assert await visitor.texts() == ["我还没登录"]
    assert (await visitor.say("现在登录了"))["contact_id"] == sent["contact_id"]


async def test_of_two_open_contacts_the_older_goes_on(new_customer: NewCustomer, database: Database) -> None:
    member, visitor = new_customer(), new_customer()
    await member.begin(member_token=token_of("M5003"))
    older = await member.say("旧的")
    await visitor.begin()
    newer = await visitor.say("新的")
    await visitor.begin(member_token=token_of("M5003"))
    assert await visitor.texts() == ["旧的", "新的"]
    assert (await visitor.say("接着说"))["contact_id"] == older["contact_id"]
    async with database.reading() as tx:
        closed = await tx.one(
            "select stage, close_reason from contacts where id = :id", id=UUID(newer["contact_id"])
        )
        case = await tx.one("select * from cases where id = :id", id=UUID(newer["contact_id"]))
    assert (closed.stage, closed.close_reason) == ("closed", "merged")
    assert case.closed_at is not None
    assert case.folded_seq == case.fact_seq


async def test_a_contact_that_an_agent_holds_goes_on(new_customer: NewCustomer, database: Database) -> None:
    member, visitor = new_customer(), new_customer()
    await member.begin(member_token=token_of("M5004"))
    older = await member.say("旧的")
    await visitor.begin()
    newer = await visitor.say("新的")
    await give_to_agent(database, newer["contact_id"])
    await visitor.begin(member_token=token_of("M5004"))
    assert (await visitor.say("接着说"))["contact_id"] == newer["contact_id"]
    async with database.reading() as tx:
        stage = await tx.scalar("select stage from contacts where id = :id", id=UUID(older["contact_id"]))
    assert stage == "closed"


async def test_another_member_in_the_same_browser_sees_nothing_of_the_first(
    new_customer: NewCustomer,
) -> None:
    browser = new_customer()
    await browser.begin(member_token=token_of("M5005"))
    await browser.say("我是五号")
    await browser.begin(member_token=token_of("M5006"))
    assert await browser.texts() == []
    await browser.say("我是六号")
    other = new_customer()
    await other.begin(member_token=token_of("M5005"))
    assert await other.texts() == ["我是五号"]


async def test_when_the_proof_runs_out_only_this_browsers_own_words_are_left(
    new_customer: NewCustomer, database: Database
) -> None:
    member, browser = new_customer(), new_customer()
    await member.begin(member_token=token_of("M5007"))
    sent = await member.say("订单 77 的地址")
    await browser.begin(member_token=token_of("M5007"))
    assert await browser.texts() == ["订单 77 的地址"]
    async with database.transaction() as tx:
        await tx.run(
            """update identities set verified_until = ledger_now() - interval '1 second'
               where channel = 'visitor' and customer_id =
                     (select customer_id from contacts where id = :id)""",
            id=UUID(sent["contact_id"]),
        )
    assert not (await browser.state())["verified"]
    assert await browser.texts() == []
    assert await member.texts() == ["订单 77 的地址"]
    async with database.reading() as tx:
        assert await chat.proven_identity(tx, contact_id=UUID(sent["contact_id"])) == (None, None)
    stranger = await browser.say("换了一个人")
    assert stranger["contact_id"] != sent["contact_id"]
    assert await browser.texts() == ["换了一个人"]
    assert "换了一个人" not in await member.texts()


async def test_production_says_that_no_code_can_be_sent(
    customer: Customer, app: object, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await customer.accept_notice()
    live = app.state.settings.model_copy(  # type: ignore[attr-defined] # a FastAPI application
        update={"environment": "production"}
    )
    monkeypatch.setattr(app.state, "settings", live)  # type: ignore[attr-defined] # the same
    answer = await customer.post("/phone", {"phone": phone})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "code_unavailable"
