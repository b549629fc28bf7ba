"""Every route declares who may reach it, and nobody else does."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.deps import Rule, RuleCheck, declares
from tests.web.conftest import Browser
from web.rules import routes_without_rule, rules_of


def test_every_route_declares_a_rule(app: FastAPI) -> None:
    assert routes_without_rule(app) == []


async def _nothing() -> None:
    return None


def test_a_route_without_a_rule_is_found() -> None:
    bare = FastAPI(openapi_url=None)
    bare.add_api_route("/open", _nothing)
    bare.add_api_route("/declared", _nothing, dependencies=[declares(Rule.PUBLIC)])
    assert routes_without_rule(bare) == ["/open"]


def test_the_rule_of_a_route_is_read_from_its_user(app: FastAPI) -> None:
    found = {each.path: rules_of(each) for each in iter_route_contexts(app.routes)}
    assert found["/live"] == {Rule.SIGNED_IN}
    assert found["/dev/look"] == {Rule.DEVELOPMENT}
    assert isinstance(declares(Rule.AGENT).dependency, RuleCheck)


STAFF_ROUTES = ("/live", "/api/v1/me")


@pytest.mark.parametrize("path", STAFF_ROUTES)
async def test_staff_routes_refuse_strangers(browser: Browser, path: str) -> None:
    answer: httpx.Response = await browser.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


async def test_pages_send_strangers_to_the_sign_in_and_back(browser: Browser) -> None:
    answer = await browser.get("/live?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=/live%3Fx%3D1"


async def test_fragments_tell_htmx_to_go_to_the_sign_in(browser: Browser) -> None:
    answer = await browser.get("/live", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/signin"
