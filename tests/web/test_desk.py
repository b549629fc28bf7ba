"""The desk through HTTP: reading, and every act that moves a conversation; refusals say why and change nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from adapters.db import accounts, offers
from adapters.db.engine import Database
from adapters.ids import new_id
from api.deps import SESSION_COOKIE
from tests.web.conftest import ORIGIN, Browser
from tests.web.desk_world import LINE, World, make_world


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    made = Database(module_database_url, pool_size=5)
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def world(database: Database) -> World:
    made = await make_world(database)
    async with database.transaction() as tx:
        await tx.run("update agents set capacity = 200")
    return made


@asynccontextmanager
async def _at_desk(app: FastAPI, login: str) -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"Accept": "text/html,*/*"}
    ) as client:
        # Signed in past the form, which counts how often somebody tries.
        async with app.state.database.transaction() as tx:
            user = await accounts.find_user(tx, login)
            assert user is not None
            made = await accounts.sign_in(tx, user.id)
        client.cookies.set(SESSION_COOKIE, made.token)
        yield Browser(client, made.csrf_token)


@pytest.fixture
async def chen(app: FastAPI, world: World) -> AsyncIterator[Browser]:
    async with _at_desk(app, "chenjia") as browser:
        yield browser


@pytest.fixture
async def supervisor(app: FastAPI, world: World) -> AsyncIterator[Browser]:
    async with _at_desk(app, "zhangwei") as browser:
        yield browser


def _act(**more: str) -> dict[str, object]:
    return {"headers": {"X-Command-Id": str(uuid4()), "Accept": "application/json"} | more}


FRAGMENT = {"headers": {"HX-Request": "true"}}


async def test_the_page_shows_list_conversation_and_customer(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "林晓峰")
    await world.summarise(contact)
    page = (await chen.get(f"/desk/c/{contact}")).text
    for expected in ("林晓峰", "我的快递显示签收了", "data-composer", "共享备注", f"row-{contact}"):
        assert expected in page
    assert "E20260223-0457" in page
    english = (await chen.get(f"/desk/c/{contact}?lang=en")).text
    assert "The order was signed for" in english
    assert "Shared notes" in english


async def test_a_fragment_is_no_whole_page(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "片段")
    page = (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    assert "<html" not in page
    assert 'data-part="conversation"' in page
    assert 'data-part="panel"' in page


@pytest.mark.parametrize("tab", ["mine", "waiting", "all"])
@pytest.mark.parametrize("order", ["waiting", "latest", "priority"])
async def test_every_tab_in_every_order(chen: Browser, world: World, tab: str, order: str) -> None:
    answer = await chen.get(f"/desk/state?tab={tab}&order={order}", **FRAGMENT)
    assert answer.status_code == 200
    assert answer.text.count("data-part=") == 4


async def test_hostile_names_and_messages_are_text(chen: Browser, world: World) -> None:
    contact = await world.talking(
        "chenjia", '<script>alert(1)</script>"onload="', "<img src=x onerror=alert(2)>"
    )
    page = (await chen.get(f"/desk/c/{contact}")).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


async def test_a_reply_happens_once_however_often_it_is_clicked(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "一次")
    click = _act()
    first = await chen.post(f"/desk/c/{contact}/reply", {"body": "您好"}, **click)
    again = await chen.post(f"/desk/c/{contact}/reply", {"body": "您好"}, **click)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    async with world.database.reading() as tx:
        sent = await tx.scalar(
            "select count(*) from messages where contact_id = :id and body = '您好'", id=contact
        )
    assert sent == 1


async def test_a_click_without_its_command_id_is_refused(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "无编号")
    answer = await chen.post(
        f"/desk/c/{contact}/reply", {"body": "您好"}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "command_missing"


@pytest.mark.parametrize("body", ["", "   \n "])
async def test_nothing_is_no_message(chen: Browser, world: World, body: str) -> None:
    contact = await world.talking("chenjia", "空")
    answer = await chen.post(f"/desk/c/{contact}/reply", {"body": body}, **_act())
    assert answer.status_code == 422


async def test_only_the_owner_replies(app: FastAPI, chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "归属")
    async with _at_desk(app, "wangmin") as wang:
        answer = await wang.post(f"/desk/c/{contact}/reply", {"body": "抢答"}, **_act())
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "not_yours"
        noted = await wang.post(f"/desk/c/{contact}/note", {"body": "路过"}, **_act())
        assert noted.status_code == 200
        page = (await wang.get(f"/desk/c/{contact}")).text
        assert 'data-kind="note"' in page, "a colleague may leave a note"
        assert 'data-kind-tab="reply"' not in page


async def test_a_contact_of_another_line_does_not_exist(chen: Browser, world: World) -> None:
    assert (await chen.get(f"/desk/c/{new_id()}")).status_code == 404
    async with world.database.transaction() as tx:
        await tx.run(
            """insert into business_lines (id, name_zh, name_en, member_secret)
               values ('bank', 'b', 'b', 's') on conflict do nothing"""
        )
        contact, customer, identity = new_id(), new_id(), new_id()
        await tx.run("insert into customers (id, line_id) values (:id, 'bank')", id=customer)
        await tx.run(
            """insert into identities (id, line_id, channel, external_id, customer_id)
               values (:id, 'bank', 'visitor', 'x', :customer)""",
            id=identity,
            customer=customer,
        )
        await tx.run("insert into cases (id, line_id, kind) values (:id, 'bank', 'contact')", id=contact)
        await tx.run(
            """insert into contacts (id, line_id, customer_id, identity_id)
               values (:id, 'bank', :customer, :identity)""",
            id=contact,
            customer=customer,
            identity=identity,
        )
    for path in ("", "/timeline", "/panel", "/orders", "/since?seq=0&event=0", "/suggested", "/canned"):
        assert (await chen.get(f"/desk/c/{contact}{path}", **FRAGMENT)).status_code == 404, path
    assert (await chen.get(f"/desk/customers/{customer}/history", **FRAGMENT)).status_code == 404
    for act in ("reply", "note", "end", "invite", "transfer", "draft", "looking", "phone"):
        data = {"body": "x", "seen_seq": "0", "to": "queue:general", "kind": "reply", "reason": "other"}
        assert (await chen.post(f"/desk/c/{contact}/{act}", data, **_act())).status_code == 404, act


async def test_offer_accepted_by_its_agent_alone(app: FastAPI, chen: Browser, world: World) -> None:
    await world.ready("chenjia")
    contact = await world.say(await world.customer("周晓岚", tier="ordinary"), "人工")
    await world.ask_for_person(contact)
    async with world.database.reading() as tx:
        offer = await tx.one("select id from offers where case_id = :id and state = 'pending'", id=contact)
    card = (await chen.get("/desk/state", **FRAGMENT)).text
    assert f"offer-{offer.id}" in card
    assert "派给您的原因" in card
    async with _at_desk(app, "wangmin") as wang:
        refused = await wang.post(f"/desk/offers/{offer.id}/accept", **_act())
        assert refused.json()["error"]["code"] == "not_your_offer"
    taken = await chen.post(f"/desk/offers/{offer.id}/accept", **_act())
    assert taken.json() == {"contact_id": str(contact)}
    late = await chen.post(f"/desk/offers/{offer.id}/decline", {"reason": "meal"}, **_act())
    assert late.status_code == 409


async def test_declining_needs_a_reason(chen: Browser, world: World) -> None:
    await world.ready("chenjia")
    contact = await world.say(await world.customer("拒接"), "人工")
    await world.ask_for_person(contact)
    async with world.database.reading() as tx:
        offer = await tx.one("select id from offers where case_id = :id and state = 'pending'", id=contact)
    bare = await chen.post(f"/desk/offers/{offer.id}/decline", {"reason": " "}, **_act())
    assert bare.status_code == 422
    assert (
        await chen.post(f"/desk/offers/{offer.id}/decline", {"reason": "meal"}, **_act())
    ).status_code == 204
    told = (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    assert "拒接（用餐）" in told


async def test_ending_waits_for_unseen_words(chen: Browser, world: World) -> None:
    who = await world.customer("等等")
    contact = await world.say(who, "在吗", drive=False)
    await world.give(contact, "chenjia")
    await world.say(who, "还有一个问题", drive=False)
    early = await chen.post(f"/desk/c/{contact}/end", {"seen_seq": "1"}, **_act())
    assert early.json()["error"]["code"] == "unread_messages"
    assert (await chen.post(f"/desk/c/{contact}/end", {"seen_seq": "99"}, **_act())).status_code == 204
    form = (await chen.get(f"/desk/c/{contact}/wrap-up", **FRAGMENT)).text
    assert 'name="category"' in form
    assert "签收未收到" in form
    bare = await chen.post(f"/desk/c/{contact}/wrap-up", {"category": "", "solved": "true"}, **_act())
    assert bare.status_code == 422
    done = {"category": "logistics", "subcategory": "not_received", "solved": "true", "next_step": "已补发"}
    click = _act()
    assert (await chen.post(f"/desk/c/{contact}/wrap-up", done, **click)).status_code == 204
    assert (await chen.post(f"/desk/c/{contact}/wrap-up", done, **click)).status_code == 204
    async with world.database.reading() as tx:
        row = await tx.one("select * from wrap_ups where contact_id = :id", id=contact)
    assert (row.category, row.subcategory, row.solved, row.next_step) == (
        *list(done.values())[:2],
        True,
        "已补发",
    )


async def test_a_rating_is_asked_for_once(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "邀评")
    assert (await chen.post(f"/desk/c/{contact}/invite", **_act())).status_code == 204
    second = await chen.post(f"/desk/c/{contact}/invite", **_act())
    assert second.json()["error"]["code"] == "already_invited"


async def test_transfer_with_a_note_for_the_next(chen: Browser, world: World) -> None:
    await world.ready()
    contact = await world.talking("chenjia", "转接")
    form = (await chen.get(f"/desk/c/{contact}/transfer", **FRAGMENT)).text
    assert "queue:aftersales" in form
    nowhere = await chen.post(f"/desk/c/{contact}/transfer", {"to": ""}, **_act())
    assert nowhere.status_code == 422
    unknown = await chen.post(f"/desk/c/{contact}/transfer", {"to": "queue:nonsense", "text": "x"}, **_act())
    assert unknown.json()["error"]["code"] == "unknown_queue"
    data = {"to": "queue:aftersales", "reason": "other_skill", "text": "请核对退款"}
    assert (await chen.post(f"/desk/c/{contact}/transfer", data, **_act())).status_code == 204
    async with world.database.reading() as tx:
        row = await tx.one("select stage, owner_id from contacts where id = :id", id=contact)
        notes = await tx.scalar(
            "select count(*) from messages where contact_id = :id and kind = 'note'", id=contact
        )
    assert (row.stage, row.owner_id, notes) == ("queued", None, 1)


async def test_a_supervisor_takes_over_and_assigns(chen: Browser, supervisor: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "接管")
    assert (await chen.post(f"/desk/c/{contact}/assign", **_act())).status_code == 403
    assert (await supervisor.post(f"/desk/c/{contact}/assign", **_act())).status_code == 204
    mine = await chen.post(f"/desk/c/{contact}/reply", {"body": "我还在"}, **_act())
    assert mine.json()["error"]["code"] == "not_yours"
    to = {"to": str(world.users["wangmin"])}
    assert (await supervisor.post(f"/desk/c/{contact}/assign", to, **_act())).status_code == 204
    async with world.database.reading() as tx:
        owner = await tx.scalar("select owner_id from contacts where id = :id", id=contact)
    assert owner == world.users["wangmin"]


async def test_correcting_the_subject_in_one_click(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "更正")
    async with world.database.reading() as tx:
        intents = await tx.scalar("select value from settings where key = 'intents' and line_id = 'shop'")
    key = next(iter(intents["intents"]))
    data = {"intent": key, "urgency": "high"}
    assert (await chen.post(f"/desk/c/{contact}/classification", data, **_act())).status_code == 204
    title = intents["intents"][key]["title"]["zh"]
    assert title in (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    wrong = await chen.post(f"/desk/c/{contact}/classification", {"intent": "nonsense"}, **_act())
    assert wrong.status_code == 422


async def test_mentions_raise_a_task_and_notes_are_yellow(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "备注")
    wang = world.users["wangmin"]
    data = {"body": "@王敏 请看", "mentions": str(wang)}
    assert (await chen.post(f"/desk/c/{contact}/note", data, **_act())).status_code == 200
    async with world.database.reading() as tx:
        task = await tx.one("select kind, owner_id from tasks where case_id = :id", id=contact)
    assert (task.kind, task.owner_id) == ("mention", wang)
    page = (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    assert '<b class="mention">@王敏</b>' in page


async def test_drafts_are_kept_on_the_server_and_leave_with_the_message(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "草稿")
    await chen.post(f"/desk/c/{contact}/draft", {"kind": "reply", "body": "写了一半</script>"})
    page = (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    assert "写了一半\\u003c/script\\u003e" in page or "\\u5199\\u4e86\\u4e00\\u534a" in page
    await chen.post(f"/desk/c/{contact}/reply", {"body": "写完了"}, **_act())
    async with world.database.reading() as tx:
        assert await tx.scalar("select count(*) from drafts where contact_id = :id", id=contact) == 0


async def test_ready_replies_are_filled_and_found(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "林女士")
    await world.summarise(contact)
    listed = (await chen.get(f"/desk/c/{contact}/canned?q=ship", **FRAGMENT)).text
    assert "E20260223-0457" in listed
    assert "{{order_number}}" not in listed
    assert "林女士您好，我是佳佳" in (await chen.get(f"/desk/c/{contact}/canned?q=hi", **FRAGMENT)).text
    assert "没有匹配" in (await chen.get(f"/desk/c/{contact}/canned?q=%25_x", **FRAGMENT)).text


async def test_articles_are_suggested_from_the_customers_words(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "建议", "快递显示签收了但是没收到怎么办")
    assert "data-body" in (await chen.get(f"/desk/c/{contact}/suggested", **FRAGMENT)).text


async def test_what_came_since_is_what_came_since(chen: Browser, world: World) -> None:
    who = await world.customer("后来")
    contact = await world.say(who, "第一句", drive=False)
    await world.give(contact, "chenjia")
    page = (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    seq = re.search(r'data-seq="(\d+)"', page)
    event = re.search(r'data-event="(\d+)"', page)
    assert seq
    assert event
    await world.say(who, "第二句", drive=False)
    since = (await chen.get(f"/desk/c/{contact}/since?seq={seq[1]}&event={event[1]}", **FRAGMENT)).text
    assert "第二句" in since
    assert "第一句" not in since


async def test_customers_are_edited_in_place_with_history(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "旧名")
    async with world.database.reading() as tx:
        customer: UUID = await tx.scalar("select customer_id from contacts where id = :id", id=contact)
    path = f"/desk/customers/{customer}"
    saved = await chen.post(path, {"field": "name", "value": "新名", "version": "1"}, **_act())
    assert saved.json() == {"version": 2}
    stale = await chen.post(path, {"field": "city", "value": "杭州", "version": "1"}, **_act())
    assert stale.json()["error"]["code"] == "stale"
    tags = {"field": "tags", "value": "高价值，退款敏感, 高价值", "version": "2"}
    assert (await chen.post(path, tags, **_act())).status_code == 200
    async with world.database.reading() as tx:
        row = await tx.one("select name, tags from customers where id = :id", id=customer)
    assert (row.name, row.tags) == ("新名", ["高价值", "退款敏感"])
    history = (await chen.get(f"{path}/history", **FRAGMENT)).text
    assert "旧名" in history
    assert "陈佳" in history
    foreign = {"field": "line_id", "value": "bank", "version": "3"}
    assert (await chen.post(path, foreign, **_act())).status_code == 422


async def test_a_phone_number_is_masked_until_somebody_says_why(chen: Browser, world: World) -> None:
    contact = await world.say(await world.customer("号码", phone="13812346621"), "在吗", drive=False)
    await world.give(contact, "chenjia")
    page = (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).text
    assert "138••••6621" in page
    assert "13812346621" not in page
    assert (await chen.post(f"/desk/c/{contact}/phone", {}, **_act())).status_code == 422
    shown = await chen.post(f"/desk/c/{contact}/phone", {"reason": "callback"}, **_act())
    assert shown.json() == {"phone": "13812346621"}
    told = (await chen.get(f"/desk/c/{contact}/timeline", **FRAGMENT)).text
    assert "查看了完整号码" in told
    assert "13812346621" not in told


async def test_orders_only_for_who_is_proven_and_honest_without_a_shop(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "订单")
    assert "还没有验证身份" in (await chen.get(f"/desk/c/{contact}/orders", **FRAGMENT)).text
    async with world.database.transaction() as tx:
        await tx.run(
            """insert into identities (id, line_id, channel, external_id, customer_id, verified_at)
               select :id, 'shop', 'member', :member, customer_id, now() from contacts where id = :contact""",
            id=new_id(),
            member=f"M{contact}",
            contact=contact,
        )
    assert "还没有接入商城系统" in (await chen.get(f"/desk/c/{contact}/orders", **FRAGMENT)).text


async def test_search_finds_words_names_and_numbers(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "搜索客户甲", "净水器滤芯漏水，需要上门")
    async with world.database.reading() as tx:
        number = await tx.scalar("select number from cases where id = :id", id=contact)
    for query, found in (
        ("滤芯漏水", "<mark>滤芯漏水</mark>"),
        ("搜索客户", str(contact)),
        (f"C-{number}", str(contact)),
    ):
        answer = await chen.get("/desk/search", params={"q": query}, **FRAGMENT)
        assert found in answer.text, query
    assert "没有找到" in (await chen.get("/desk/search?q=zzzzqqqq", **FRAGMENT)).text
    hostile = await chen.get("/desk/search", params={"q": "'); drop table x; -- & | ! : <-> \\"}, **FRAGMENT)
    assert hostile.status_code == 200


async def test_presence_and_heartbeat(chen: Browser, world: World) -> None:
    await world.ready()
    changed = await chen.post("/desk/presence", {"presence": "ready"}, **_act())
    assert "就绪" in changed.text
    assert (await chen.post("/desk/heartbeat")).status_code == 204
    async with world.database.reading() as tx:
        row = await tx.one("select presence from agents where user_id = :id", id=world.users["chenjia"])
    assert row.presence == "ready"
    assert (await chen.post("/desk/presence", {"presence": "asleep"}, **_act())).status_code == 422


async def test_a_screen_that_comes_back_is_offered_what_waits(chen: Browser, world: World) -> None:
    await world.ready("chenjia")
    async with world.database.transaction() as tx:
        await tx.run("update agent_heartbeats set seen_at = seen_at - interval '10 minutes'")
    contact = await world.say(await world.customer("唤醒"), "人工")
    await world.ask_for_person(contact)
    async with world.database.reading() as tx:
        assert await tx.scalar("select stage from contacts where id = :id", id=contact) == "queued"
    await chen.post("/desk/heartbeat")
    async with world.database.reading() as tx:
        assert await tx.scalar("select stage from contacts where id = :id", id=contact) in (
            "offered",
            "talking",
        )


async def test_looking_is_a_whisper_that_is_stored_nowhere(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "在看")
    async with world.database.reading() as tx:
        before = await tx.scalar("select count(*) from events")
    assert (await chen.post(f"/desk/c/{contact}/looking", {"doing": "typing"})).status_code == 204
    async with world.database.reading() as tx:
        assert await tx.scalar("select count(*) from events") == before


async def test_reading_marks_the_owners_place_only(app: FastAPI, chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "已读")
    async with _at_desk(app, "wangmin") as wang:
        await wang.post(f"/desk/c/{contact}/read", {"seq": "9"})
    async with world.database.reading() as tx:
        assert await tx.scalar("select agent_read_seq from contacts where id = :id", id=contact) == 0
    await chen.post(f"/desk/c/{contact}/read", {"seq": "9"})
    async with world.database.reading() as tx:
        read = await tx.one("select agent_read_seq, message_seq from contacts where id = :id", id=contact)
    assert read.agent_read_seq == read.message_seq


async def test_the_presence_of_an_owner_who_left_is_told(chen: Browser, world: World) -> None:
    contact = await world.talking("chenjia", "离线")
    async with world.database.transaction() as tx:
        await offers.set_presence(tx, LINE, world.users["chenjia"], "offline")
    assert (await chen.get(f"/desk/c/{contact}", **FRAGMENT)).status_code == 200


ARTICLE = {
    "key": "filter-change",
    "language": "zh",
    "title": "滤芯多久换",
    "questions": "滤芯多久换一次\n多久换滤芯",
    "body": "海豚牌滤芯每三个月更换一次。",
    "category": "aftersales",
    "skill": "aftersales",
    "status": "published",
    "valid_from": "2026-01-01",
    "valid_until": "",
    "review_at": "2026-12-01",
}


async def test_articles_are_written_by_supervisors_and_found_at_once(
    chen: Browser, supervisor: Browser, world: World
) -> None:
    assert (await chen.get("/desk/articles")).status_code == 200
    assert (await chen.get("/desk/articles/new")).status_code == 403
    assert (await chen.post("/desk/articles", ARTICLE, **_act())).status_code == 403
    saved = await supervisor.post("/desk/articles", ARTICLE, **_act(**{"HX-Request": "true"}))
    assert saved.status_code == 204
    shown = await supervisor.get(saved.headers["HX-Redirect"])
    assert "海豚牌滤芯" in shown.text
    assert "滤芯多久换" in (await chen.get("/desk/articles?q=海豚牌")).text
    contact = await world.talking("chenjia", "文章", "海豚牌滤芯多久换一次？")
    assert "滤芯多久换" in (await chen.get(f"/desk/c/{contact}/suggested", **FRAGMENT)).text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("body", "您好 {{customer_nmae}}，请稍等", "{{customer_nmae}}"),
        ("title", "{{x}}", "{{x}}"),
        ("title", "", "不能为空"),
        ("questions", " \n ", "至少写一个"),
        ("key", "有空格 的", "标识只能用"),
        ("valid_until", "2025-01-01", "失效日期早于生效日期"),
        ("review_at", "2026-13-45", "请填写有效的日期"),
    ],
)
async def test_a_mistake_in_an_article_is_said_where_it_is_and_nothing_is_lost(
    supervisor: Browser, world: World, field: str, value: str, said: str
) -> None:
    wrong = ARTICLE | {"key": "wrong", field: value}
    answer = await supervisor.post(
        "/desk/articles", wrong, **_act(**{"HX-Request": "true", "Accept": "text/html"})
    )
    assert answer.status_code == 422
    assert said in answer.text
    if field != "body":
        assert "海豚牌滤芯每三个月更换一次。" in answer.text
    async with world.database.reading() as tx:
        assert await tx.scalar("select count(*) from articles where key = :key", key=wrong["key"]) == 0
