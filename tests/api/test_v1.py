"""The JSON API: what programs may do, once, and what they are told when they may not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from adapters.db.conversation import add_task
from adapters.db.engine import Database
from adapters.passwords import hash_password
from tests.support.line import Line, open_line
from tests.support.signed_in import HOST, app_of, give_role, person, program


@dataclass
class Shop:
    database: Database
    line: Line
    app: FastAPI
    anna: UUID
    bert: UUID
    boss: UUID


@pytest.fixture(scope="module")
async def shop(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    database = Database(module_database_url, pool_size=4)
    line = await open_line(database)
    await line.configure("reasons", {"wrap_up": [{"key": "other", "name": {"zh": "其他", "en": "Other"}}]})
    anna = await line.agent("anna", presence=None)
    bert = await line.agent("bert", presence=None)
    boss = await line.agent("boss", role="supervisor", queues=(), presence=None)
    yield Shop(database, line, app_of(database, tmp_path_factory.mktemp("data")), anna, bert, boss)
    await database.close()


async def waiting_contact(shop: Shop, text: str = "Hello, where is my order?") -> UUID:
    """A contact handed over and waiting, as the workflow would leave it."""
    customer = await shop.line.customer(language="en")
    contact_id = (await shop.line.say(customer, text)).contact_id
    async with shop.database.transaction() as tx:
        await tx.run(
            """update contacts set stage = 'queued', speaker = 'agent', enqueued_at = now(), handover_at = now(),
                      plan_key = 'en', required_skills = '{"en": 1}' where id = :id""",
            id=contact_id,
        )
        await tx.run(
            """insert into requirements (line_id, fingerprint, queues) values ('shop', 'x', '["general"]')
               on conflict do nothing"""
        )
        await tx.run(
            """insert into waiting_work (case_id, line_id, requirement_id, queue_id, order_key, since)
               select :id, 'shop', r.id, q.id, now(), now() from requirements r, queues q
               where q.key = 'general' limit 1""",
            id=contact_id,
        )
    return contact_id


async def test_a_program_signs_in_works_and_signs_out(shop: Shop) -> None:
    async with shop.database.transaction() as tx:
        await tx.run(
            "update users set password_hash = :hash where id = :id",
            hash=await hash_password("correct horse"),
            id=shop.anna,
        )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.app), base_url=HOST) as http:
        refused = await http.post(
            "/api/v1/sign-in",
            json={"login": "anna-shop", "password": "wrong"},
            headers={"Accept-Language": "zh"},
        )
        assert refused.status_code == 401
        assert refused.json()["error"] == {
            "code": "wrong_password",
            "message": "账号或密码不正确，请检查后重试。",
        }
        made = (
            await http.post("/api/v1/sign-in", json={"login": "Anna-shop ", "password": "correct horse"})
        ).json()
        assert made["line_id"] == "shop"
        http.headers["Authorization"] = f"Bearer {made['token']}"
        assert (await http.get("/api/v1/presence")).json()["presence"] == "offline"
        assert (await http.post("/api/v1/sign-out")).status_code == 204
        ended = await http.get("/api/v1/presence")
        assert (ended.status_code, ended.json()["error"]["code"]) == (401, "token")


async def test_an_agents_whole_day(shop: Shop) -> None:
    """Ready → offer → accept → read → reply once → note → end → wrap-up, through the API alone."""
    contact_id = await waiting_contact(shop)
    async with shop.database.transaction() as tx:
        await tx.run(
            """insert into qualifications (agent_id, requirement_id, line_id, queue_id)
               select :agent, w.requirement_id, 'shop', w.queue_id from waiting_work w where case_id = :id""",
            agent=shop.anna,
            id=contact_id,
        )
    async with program(shop.app, shop.database, shop.anna) as anna:
        ready = await anna.put("/api/v1/presence", json={"presence": "ready"})
        assert ready.json()["load"] == 1
        (offer,) = (await anna.get("/api/v1/offers")).json()["offers"]
        assert UUID(offer["contact_id"]) == contact_id
        async with program(shop.app, shop.database, shop.bert) as bert:
            stolen = await bert.post(f"/api/v1/offers/{offer['id']}/accept")
            assert (stolen.status_code, stolen.json()["error"]["code"]) == (409, "not_your_offer")
        for _ in range(2):
            accepted = await anna.post(
                f"/api/v1/offers/{offer['id']}/accept", headers={"Idempotency-Key": "accept-1"}
            )
            assert accepted.json() == {"contact_id": str(contact_id)}
        (mine,) = (await anna.get("/api/v1/contacts")).json()["contacts"]
        assert mine["stage"] == "talking"
        assert mine["unread"] == 1
        path = f"/api/v1/contacts/{contact_id}"
        page = (await anna.get(f"{path}/messages")).json()
        assert page["messages"][0]["body"] == "Hello, where is my order?"
        written = [
            (
                await anna.post(
                    f"{path}/replies", json={"body": "On its way."}, headers={"Idempotency-Key": "r1"}
                )
            ).json()
            for _ in range(3)
        ]
        assert len({each["seq"] for each in written}) == 1
        noted = await anna.post(
            f"{path}/notes", json={"body": "Check @bert", "mentions": [str(shop.bert), str(uuid4())]}
        )
        assert noted.status_code == 201
        early = await anna.post(f"{path}/end", json={"seen_seq": 0})
        assert (early.status_code, early.json()["error"]["code"]) == (409, "unread_messages")
        seen = (await anna.get(path)).json()["customer_seq"]
        assert (await anna.post(f"{path}/read", json={"seq": seen})).status_code == 204
        assert (await anna.post(f"{path}/end", json={"seen_seq": seen})).status_code == 204
        done = await anna.post(f"{path}/wrap-up", json={"category": "other", "solved": True})
        assert done.status_code == 204
        assert (await anna.get(path)).json()["stage"] == "survey"
        assert (await anna.get("/api/v1/presence")).json()["load"] == 0
        await anna.put("/api/v1/presence", json={"presence": "offline"})
    async with program(shop.app, shop.database, shop.bert) as bert:
        (task,) = (await bert.get("/api/v1/tasks")).json()["tasks"]
        assert task["kind"] == "mention"
        assert task["outcomes"][0] == "seen"
        wrong = await bert.post(f"/api/v1/tasks/{task['id']}/settle", json={"outcome": "called_back"})
        assert wrong.status_code == 409
        for expected in (204, 204):
            settled = await bert.post(
                f"/api/v1/tasks/{task['id']}/settle",
                json={"outcome": "seen"},
                headers={"Idempotency-Key": "s1"},
            )
            assert settled.status_code == expected
        again = await bert.post(f"/api/v1/tasks/{task['id']}/settle", json={"outcome": "seen"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "already_done")
        assert (await bert.get("/api/v1/tasks?settled=true")).json()["tasks"][0]["outcome"] == "seen"
        assert (await bert.post(f"/api/v1/tasks/{task['id']}/reopen")).status_code == 204


async def test_only_the_owner_writes_and_only_supervisors_assign(shop: Shop) -> None:
    contact_id = await waiting_contact(shop)
    path = f"/api/v1/contacts/{contact_id}"
    async with (
        program(shop.app, shop.database, shop.anna) as anna,
        program(shop.app, shop.database, shop.boss) as boss,
    ):
        assert (await anna.post(f"{path}/replies", json={"body": "x"})).status_code == 409
        assert (await anna.post(f"{path}/assign", json={})).status_code == 403
        assert (await boss.post(f"{path}/claim")).status_code == 409
        assert (await anna.post(f"{path}/claim")).status_code == 204
        assert (await boss.post(f"{path}/assign", json={"agent_id": str(shop.bert)})).status_code == 204
        assert (await boss.get(path)).json()["owner_id"] == str(shop.bert)
        assert (await boss.post(f"{path}/assign", json={})).status_code == 204
        assert (await boss.get(path)).json()["owner_id"] == str(shop.boss)
        both = await boss.post(f"{path}/transfer", json={"to_agent": str(shop.anna), "to_queue": "general"})
        assert both.status_code == 422
        gone = await boss.post(f"{path}/transfer", json={"to_queue": "nowhere"})
        assert (gone.status_code, gone.json()["error"]["code"]) == (422, "unknown_queue")
        assert (await boss.post(f"{path}/transfer", json={"to_queue": "general"})).status_code == 204
        assert (await boss.get(path)).json()["stage"] in ("queued", "offered")


async def test_a_contact_of_another_line_does_not_exist(shop: Shop) -> None:
    other = await open_line(shop.database, line_id="other")
    stranger = await other.agent("stranger", presence=None)
    contact_id = await waiting_contact(shop)
    async with program(shop.app, shop.database, stranger) as http:
        for method, path in (
            ("GET", f"/api/v1/contacts/{contact_id}"),
            ("GET", f"/api/v1/contacts/{contact_id}/messages"),
            ("POST", f"/api/v1/contacts/{contact_id}/claim"),
        ):
            assert (await http.request(method, path)).status_code == 404
        customer_id = (await shop.line.contact(contact_id)).customer_id
        assert (await http.get(f"/api/v1/customers/{customer_id}")).status_code == 404
        assert (await http.get("/api/v1/customers")).json()["customers"] == []


async def test_customers_change_once_and_with_history(shop: Shop) -> None:
    contact_id = await waiting_contact(shop)
    customer_id = (await shop.line.contact(contact_id)).customer_id
    async with program(shop.app, shop.database, shop.anna) as anna:
        path = f"/api/v1/customers/{customer_id}"
        changed = await anna.patch(path, json={"version": 1, "name": "Lena Zhou", "tags": ["vip", "late"]})
        assert changed.json()["customer"]["tags"] == ["vip", "late"]
        stale = await anna.patch(path, json={"version": 1, "city": "Berlin"})
        assert (stale.status_code, stale.json()["error"]["code"]) == (409, "stale")
        found = (await anna.get("/api/v1/customers/search", params={"q": "lena"})).json()["customers"]
        assert [each["id"] for each in found] == [str(customer_id)]


async def test_articles_are_written_by_editors_and_never_over_somebody_elses(shop: Shop) -> None:
    body = {"key": "parcel_news", "language": "en", "title": "Parcel news", "body": "It is on its way."}
    async with (
        program(shop.app, shop.database, shop.anna) as anna,
        program(shop.app, shop.database, shop.boss) as boss,
    ):
        assert (await anna.post("/api/v1/articles", json=body)).status_code == 403
        broken = await boss.post("/api/v1/articles", json=body | {"body": "Hi {{name}}"})
        assert broken.json()["error"]["fields"] == {
            "body": "The text must not hold variables in double braces."
        }
        article_id = (await boss.post("/api/v1/articles", json=body)).json()["id"]
        assert (await boss.post("/api/v1/articles", json=body)).status_code == 409
        path = f"/api/v1/articles/{article_id}"
        change = {"title": "News of parcels", "body": "It has arrived.", "version": 1}
        assert (await boss.put(path, json=change)).status_code == 200
        assert (await boss.put(path, json=change)).status_code == 409
        assert (await anna.get(path)).json()["title"] == "News of parcels"
        listed = (await anna.get("/api/v1/articles", params={"q": "arrived"})).json()["articles"]
        assert [each["key"] for each in listed] == ["parcel_news"]


async def test_a_browser_needs_its_token_and_a_forged_bearer_gets_nothing(shop: Shop) -> None:
    async with person(shop.app, shop.database, shop.anna) as anna:
        assert (await anna.get("/api/v1/queues")).json()["queues"][0]["key"] == "general"
        forged = await anna.http.put("/api/v1/presence", json={"presence": "ready"})
        assert (forged.status_code, forged.json()["error"]["code"]) == (403, "forged")
        away = await anna.http.put(
            "/api/v1/presence", json={"presence": "away"}, headers={"X-CSRF-Token": anna.csrf_token}
        )
        assert away.json()["presence"] == "away"
        # A wrong bearer token is refused even beside a good cookie.
        wrong = await anna.http.get("/api/v1/queues", headers={"Authorization": "Bearer nonsense"})
        assert wrong.status_code == 401


async def test_supervisors_see_everyones_tasks(shop: Shop) -> None:
    contact_id = await waiting_contact(shop)
    async with shop.database.transaction() as tx:
        await tx.lock_case(contact_id)
        await add_task(tx, "shop", contact_id, key="low_score", kind="low_score", role="supervisor")
    async with (
        program(shop.app, shop.database, shop.anna) as anna,
        program(shop.app, shop.database, shop.boss) as boss,
    ):
        assert (await anna.get("/api/v1/tasks?whose=everyone")).status_code == 403
        mine = (await boss.get("/api/v1/tasks?whose=role&kind=low_score")).json()["tasks"]
        assert [each["case_id"] for each in mine] == [str(contact_id)]
        settle = await anna.post(f"/api/v1/tasks/{mine[0]['id']}/settle", json={"outcome": "called_back"})
        assert settle.status_code == 404


async def test_the_description_names_every_act(shop: Shop) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.app), base_url=HOST) as http:
        described = (await http.get("/api/v1/openapi.json")).json()
    paths = described["paths"]
    assert {
        "/api/v1/sign-in",
        "/api/v1/offers/{offer_id}/accept",
        "/api/v1/contacts/{contact_id}/replies",
    } <= set(paths)
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path} says nothing of itself"


async def test_administrators_without_a_seat_do_not_read_conversations(shop: Shop) -> None:
    carl = await shop.line.agent("carl", role="administrator", presence=None)
    contact_id = await waiting_contact(shop)
    async with program(shop.app, shop.database, carl) as http:
        assert (await http.get(f"/api/v1/contacts/{contact_id}")).status_code == 403
        assert (await http.get("/api/v1/agents")).status_code == 200
    await give_role(shop.database, carl, "agent")
    async with program(shop.app, shop.database, carl) as http:
        assert (await http.get(f"/api/v1/contacts/{contact_id}")).status_code == 200
