"""Administration: every change takes effect at once, stands on record with before and after, and can be undone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from adapters.db.company import apply_pack
from adapters.db.config import line_config
from adapters.db.engine import Database
from adapters.packs import load_pack
from adapters.passwords import hash_password, verify_password
from api.deps import Rule, RuleCheck
from tests.support.line import Line
from tests.support.signed_in import Person, app_of, person

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"


@dataclass
class Shop:
    database: Database
    line: Line
    app: FastAPI
    people: dict[str, UUID]


@pytest.fixture(scope="module")
async def shop(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    database = Database(module_database_url, pool_size=4)
    async with database.transaction() as tx:
        await apply_pack(
            tx, "shop", load_pack(PACK), with_people=True, password_hash=await hash_password("x" * 9)
        )
        people = {row.login: row.id for row in await tx.all("select login, id from users")}
    yield Shop(database, Line(database), app_of(database, tmp_path_factory.mktemp("data")), people)
    await database.close()


@pytest.fixture
async def boss(shop: Shop) -> AsyncIterator[Person]:
    async with person(shop.app, shop.database, shop.people["gaoyuan"]) as signed_in:
        yield signed_in


async def last_change(shop: Shop) -> tuple[str, str]:
    async with shop.database.reading() as tx:
        row = await tx.one("select id, subject from configuration_changes order by at desc, id desc limit 1")
    return str(row.id), row.subject


async def scalar(shop: Shop, sql: str, **values: object) -> object:
    async with shop.database.reading() as tx:
        return await tx.scalar(sql, **values)


QUEUE = {
    "name_zh": "综合",
    "name_en": "General",
    "offer_seconds": "45",
    "acceptance": "automatic",
    "calendar_key": "hours",
    "active": "true",
}


async def test_a_queue_is_changed_at_once_and_the_change_undone(shop: Shop, boss: Person) -> None:
    async with shop.database.reading() as tx:
        version = (await line_config(tx, "shop")).version
    saved = await boss.post("/admin/queues/general", QUEUE)
    assert saved.status_code == 303
    assert await scalar(shop, "select offer_seconds from queues where key = 'general'") == 45
    async with shop.database.reading() as tx:
        assert (await line_config(tx, "shop")).version > version
    change_id, subject = await last_change(shop)
    assert subject == "queues:general"
    page = await boss.get("/admin/changes")
    assert "Offer stands (seconds)" in page.text
    assert f"/admin/changes/{change_id}/undo" in page.text
    # Nothing differs: nothing is put on record.
    await boss.post("/admin/queues/general", QUEUE)
    assert (await last_change(shop))[0] == change_id
    await boss.post("/admin/queues/general", QUEUE | {"offer_seconds": "50"})
    later, _ = await last_change(shop)
    assert (await boss.post(f"/admin/changes/{change_id}/undo")).status_code == 409
    assert (await boss.post(f"/admin/changes/{later}/undo")).status_code == 303
    assert (await boss.post(f"/admin/changes/{change_id}/undo")).status_code == 303
    assert (await boss.post(f"/admin/changes/{change_id}/undo")).status_code == 409
    assert await scalar(shop, "select acceptance from queues where key = 'general'") == "offer"


async def test_wrong_input_is_said_beside_its_field_and_kept(shop: Shop, boss: Person) -> None:
    refused = await boss.post("/admin/queues/general", QUEUE | {"offer_seconds": "2", "name_zh": ""})
    assert refused.status_code == 422
    assert "a whole number from 5 to 86,400" in refused.text
    assert 'value="2"' in refused.text
    assert "Please fill this in." in refused.text


async def test_capacity_below_the_load_is_refused_with_a_sentence(shop: Shop, boss: Person) -> None:
    agent = shop.people["chenjia"]
    async with shop.database.transaction() as tx:
        await tx.run("update agents set load = 3 where user_id = :id", id=agent)
    seat = {"nickname_zh": "佳", "nickname_en": "Jia", "capacity": "2", "queues": "general", "skill_zh": "3"}
    refused = await boss.post(f"/admin/people/{agent}/seat", seat)
    assert refused.status_code == 422
    assert "This person holds 3 at present" in refused.text
    assert (await boss.post(f"/admin/people/{agent}/seat", seat | {"capacity": "4"})).status_code == 303
    assert await scalar(shop, "select capacity from agents where user_id = :id", id=agent) == 4
    assert await scalar(shop, "select count(*) from agent_skills where agent_id = :id", id=agent) == 1
    change_id, _ = await last_change(shop)
    assert (await boss.post(f"/admin/changes/{change_id}/undo")).status_code == 303
    assert await scalar(shop, "select count(*) from agent_skills where agent_id = :id", id=agent) == 6
    assert await scalar(shop, "select count(*) from queue_members where agent_id = :id", id=agent) == 3


async def test_people_come_change_roles_and_go(shop: Shop, boss: Person) -> None:
    form = {
        "login": "newcomer",
        "name": "Nina",
        "password": "brisk-otter-7",
        "roles": ["agent", "supervisor"],
    }
    assert (await boss.post("/admin/people", form | {"password": "short"})).status_code == 422
    added = await boss.post("/admin/people", form)
    assert added.status_code == 303
    path = added.headers["location"].split("?")[0]
    assert (await boss.post("/admin/people", form)).status_code == 422
    user_id = UUID(path.rsplit("/", 1)[1])
    assert await scalar(shop, "select count(*) from queue_members where agent_id = :id", id=user_id) == 3
    assert (await boss.post(path, {"name": "Nina", "disabled": "true"})).status_code == 422
    left = await boss.post(path, {"name": "Nina", "roles": "agent", "disabled": "true"})
    assert left.status_code == 303
    assert await scalar(shop, "select disabled_at from users where id = :id", id=user_id) is not None
    change_id, _ = await last_change(shop)
    await boss.post(f"/admin/changes/{change_id}/undo")
    assert await scalar(shop, "select disabled_at from users where id = :id", id=user_id) is None
    assert await scalar(shop, "select count(*) from user_roles where user_id = :id", id=user_id) == 2
    assert (await boss.post(f"{path}/password", {"password": "quiet-harbour-3"})).status_code == 303
    stored = await scalar(shop, "select password_hash from users where id = :id", id=user_id)
    assert (await verify_password("quiet-harbour-3", str(stored)))[0]
    assert "quiet-harbour-3" not in str(
        await scalar(shop, "select jsonb_agg(after) from configuration_changes")
    )


async def test_the_last_administrator_stays(shop: Shop, boss: Person) -> None:
    mine = f"/admin/people/{shop.people['gaoyuan']}"
    for form in (
        {"name": "高远", "roles": "agent"},
        {"name": "高远", "roles": "administrator", "disabled": "true"},
    ):
        refused = await boss.post(mine, form)
        assert refused.status_code == 409
        assert "Somebody must administer" in refused.text
    assert (await boss.get("/admin")).status_code == 200


async def test_plan_steps_move_without_being_saved_until_they_are(shop: Shop, boss: Person) -> None:
    form = {
        "name_zh": "中", "name_en": "Zh",
        "step_0": "1", "queues_0": "general", "first_0": "general", "relax_0": "0", "wait_0": "30", "skill_0_zh": "2",
        "step_1": "1", "queues_1": ["care", "aftersales"], "first_1": "aftersales", "relax_1": "1", "wait_1": "90", "drop_1": "true",
    }  # fmt: skip
    before = await scalar(shop, "select steps from routing_plans where key = 'zh'")
    moved = await boss.post("/admin/plans/zh", form | {"do": "up-1"})
    assert moved.status_code == 200
    assert await scalar(shop, "select steps from routing_plans where key = 'zh'") == before
    assert (await boss.post("/admin/plans/zh", form | {"wait_1": "0"})).status_code == 422
    assert (
        await boss.post("/admin/plans/zh", form | {"queues_0": "nowhere", "first_0": "nowhere"})
    ).status_code == 422
    assert (await boss.post("/admin/plans/zh", form)).status_code == 303
    async with shop.database.reading() as tx:
        steps = (await line_config(tx, "shop")).plans["zh"].steps
    assert steps[0].skills == {"zh": 2}
    assert steps[1].queues == ["aftersales", "care"]
    assert steps[1].drop_skills


HOURS = {
    "name_zh": "办公室",
    "name_en": "Office",
    "time_zone": "Asia/Shanghai",
    "public_days": "china",
    "monday": "9:00-12:00，13:30–18:00",
    "friday": "22:00-06:00",
}


async def test_hours_are_typed_as_people_type_them(shop: Shop, boss: Person) -> None:
    typed = HOURS | {
        "exception_date": "2026-12-24", "exception_hours": "", "exception_zh": "盘点", "exception_en": "Stocktaking",
    }  # fmt: skip
    assert (await boss.post("/admin/hours/office", typed)).status_code == 303
    async with shop.database.reading() as tx:
        calendar = (await line_config(tx, "shop")).calendars["office"]
    week = calendar.versions[-1].week
    assert [str(each) for each in week.monday] == ["09:00-12:00", "13:30-18:00"]
    assert week.tuesday == ()
    page = await boss.get("/admin/hours/office?month=2026-12")
    assert "Stocktaking" in page.text
    october = await boss.get("/admin/hours/office?month=2026-10&lang=zh")
    assert "国庆节" in october.text
    assert "day-make_up" in october.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("monday", "9-18", "This is not a time"),
        ("tuesday", "09:00-12:00, 11:00-13:00", "09:00-12:00 and 11:00-13:00 overlap"),
        ("wednesday", "10:00-10:00", "begin and end at the same time"),
        ("time_zone", "Mars/Olympus", "no time zone Mars/Olympus"),
        ("saturday", "05:00-06:00", "overlap"),  # Friday's night runs into it
    ],
)
async def test_wrong_hours_are_explained(shop: Shop, boss: Person, field: str, value: str, said: str) -> None:
    refused = await boss.post("/admin/hours/office", HOURS | {field: value})
    assert refused.status_code == 422
    assert said in refused.text
    assert value in refused.text.replace("&#34;", '"')


async def test_texts_refuse_unknown_variables(shop: Shop, boss: Person) -> None:
    refused = await boss.post("/admin/texts/greeting", {"zh": "您好{nmae}", "en": "Hello, {shop}"})
    assert refused.status_code == 422
    assert "There is no variable nmae here." in refused.text
    assert (
        await boss.post("/admin/texts/greeting", {"zh": "您好，{shop}", "en": "Hi, {shop}"})
    ).status_code == 303
    async with shop.database.reading() as tx:
        assert (await line_config(tx, "shop")).text("greeting", "en") == "Hi, Holdfast Select"


async def test_ready_replies_in_one_language_or_two(shop: Shop, boss: Person) -> None:
    form = {"shortcut": "eta", "title_zh": "时效", "body_zh": "{{customer_name}}，明天到。"}
    assert (await boss.post("/admin/canned/new", form | {"body_zh": "{{oops}}"})).status_code == 422
    assert (await boss.post("/admin/canned/new", form)).status_code == 303
    assert (await boss.post("/admin/canned/new", form)).status_code == 422
    assert (await boss.post("/admin/canned/eta/remove")).status_code == 303
    assert await scalar(shop, "select count(*) from canned_replies where shortcut = 'eta'") == 0
    change_id, _ = await last_change(shop)
    await boss.post(f"/admin/changes/{change_id}/undo")
    assert await scalar(shop, "select count(*) from canned_replies where shortcut = 'eta'") == 1


async def test_timing_and_priorities(shop: Shop, boss: Person) -> None:
    async with shop.database.reading() as tx:
        timing = (await line_config(tx, "shop")).timing.model_dump()
    form = {name: str(value) for name, value in timing.items()}
    assert (await boss.post("/admin/timing", form | {"wrap_up_seconds": "-1"})).status_code == 422
    assert (await boss.post("/admin/timing", form | {"wrap_up_seconds": "77"})).status_code == 303
    page = await boss.get("/admin/priorities")
    assert page.status_code == 200
    async with shop.database.reading() as tx:
        config = await line_config(tx, "shop")
    assert config.timing.wrap_up_seconds == 77
    tiers = {"ordinary": 0, "silver": 1, "gold": 2, "vip": 33}
    form = {f"tier_{key}": str(minutes) for key, minutes in tiers.items()}
    form |= {f"tier_{key}_{language}": key for key in tiers for language in ("zh", "en")}
    form |= {f"urgency_{key}": "1" for key in ("low", "normal", "high", "critical")}
    form |= {f"weight_{key}": "1" for key in config.priorities.channel_weights}
    assert (await boss.post("/admin/priorities", form)).status_code == 303
    async with shop.database.reading() as tx:
        assert (await line_config(tx, "shop")).priorities.tier_minutes["vip"] == 33


async def test_flows_are_checked_line_by_line(shop: Shop, boss: Person) -> None:
    page = await boss.get("/admin/bot/flow/order_status")
    assert page.status_code in (200, 404)
    key = await scalar(shop, "select min(key) from flows")
    broken = await boss.post(f"/admin/bot/flow/{key}", {"text": "title:\n  zh: 好\n  en: [unclosed\n"})
    assert broken.status_code == 422
    assert "Line 3" in broken.text or "Line 4" in broken.text
    wrong = await boss.post(f"/admin/bot/flow/{key}", {"text": "title: {zh: 好, en: Good}\nsurprise: 1\n"})
    assert wrong.status_code == 422
    assert "Line 2" in wrong.text
    assert "surprise" in wrong.text
    synonyms = "groups:\n  - id: parcel\n    zh: [包裹, 快递]\n    en: [parcel, package]\n"
    assert (await boss.post("/admin/bot/document/synonyms", {"text": synonyms})).status_code == 303
    change_id, subject = await last_change(shop)
    assert subject == "settings:synonyms"
    assert (await boss.post(f"/admin/changes/{change_id}/undo")).status_code == 303


async def test_origins_and_the_members_secret(shop: Shop, boss: Person) -> None:
    refused = await boss.post("/admin/widget", {"origins": "javascript:alert(1)"})
    assert refused.status_code == 422
    saved = await boss.post("/admin/widget", {"origins": "shop.example/some/page\nhttp://localhost:3000"})
    assert saved.status_code == 303
    origins = await scalar(shop, "select allowed_origins from business_lines")
    assert origins == ["https://shop.example", "http://localhost:3000"]
    rotated = await boss.post("/admin/widget/secret")
    secret = str(await scalar(shop, "select member_secret from business_lines"))
    assert secret in rotated.text
    assert secret not in (await boss.get("/admin/widget")).text
    assert secret not in (await boss.get("/admin/changes")).text
    assert secret not in str(await scalar(shop, "select jsonb_agg(attrs) from events"))


async def test_articles_come_in_from_a_spreadsheet(shop: Shop, boss: Person) -> None:
    sheet = "标题,问法,内容\n多久发货,几天到,付款后发货。\n空的,,\n包装,礼品袋,可以送礼品袋。\n".encode()
    shown = await boss.post("/admin/articles/import", files={"sheet": ("店.csv", BytesIO(sheet), "text/csv")})
    assert shown.status_code == 200
    assert "Row 3" in shown.text
    staged = shown.text.split('name="staged" value="')[1].split('"')[0]
    assert (
        await boss.post("/admin/articles/import/confirm", {"staged": "../../etc/passwd"})
    ).status_code == 404
    assert (await boss.post("/admin/articles/import/confirm", {"staged": staged})).status_code == 303
    assert (await boss.post("/admin/articles/import/confirm", {"staged": staged})).status_code == 404
    found = await scalar(
        shop, "select count(*) from articles where title = '包装' and tokens @@ cast('''礼品''' as tsquery)"
    )
    assert found == 1
    change_id, subject = await last_change(shop)
    assert subject.startswith("articles:sheet_")
    await boss.post(f"/admin/changes/{change_id}/undo")
    assert await scalar(shop, "select status from articles where title = '包装'") == "archived"
    export = await boss.get("/admin/articles/export.xlsx")
    assert export.content[:2] == b"PK"


async def test_a_skill_in_use_is_not_removed(shop: Shop, boss: Person) -> None:
    assert (await boss.post("/admin/skills/refunds/remove")).status_code == 409
    added = {"key": "gifts", "name_zh": "礼品", "name_en": "Gifts", "new": "true"}
    assert (await boss.post("/admin/skills", added)).status_code == 303
    assert (await boss.post("/admin/skills", added)).status_code == 422
    assert (await boss.post("/admin/skills/gifts/remove")).status_code == 303


async def test_only_administrators(shop: Shop) -> None:
    for route in iter_route_contexts(shop.app.routes):
        path = getattr(route, "path", "")
        if path.startswith("/admin"):
            checks = [
                each.call.rule
                for each in route.dependant.dependencies  # type: ignore[attr-defined] # FastAPI's own
                if isinstance(each.call, RuleCheck)
            ]
            nested = [
                deep.call.rule
                for each in route.dependant.dependencies  # type: ignore[attr-defined] # FastAPI's own
                for deep in each.dependencies
                if isinstance(deep.call, RuleCheck)
            ]
            assert Rule.ADMINISTRATOR in (*checks, *nested), path
    for login in ("chenjia", "zhangwei"):
        async with person(shop.app, shop.database, shop.people[login]) as somebody:
            for path in ("/admin", "/admin/people", "/admin/changes", "/admin/widget"):
                assert (await somebody.get(path)).status_code == 403
            assert (await somebody.post("/admin/queues/general", QUEUE)).status_code == 403


async def test_every_page_in_both_languages(shop: Shop) -> None:
    pages = (
        "", "/people", "/people/new", f"/people/{shop.people['chenjia']}", "/skills", "/queues", "/queues/new",
        "/queues/care", "/plans", "/plans/new", "/plans/zh_vip", "/hours", "/hours/new", "/hours/hours", "/timing",
        "/priorities", "/articles", "/canned", "/canned/new", "/canned/hi", "/texts", "/texts/queue_position", "/bot",
        "/bot/flow/new", "/bot/document/intents", "/line", "/widget", "/changes",
    )  # fmt: skip
    for language in ("zh", "en"):
        async with person(shop.app, shop.database, shop.people["gaoyuan"], language=language) as boss:
            for page in pages:
                assert (await boss.get(f"/admin{page}")).status_code == 200, page
