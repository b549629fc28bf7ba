"""`holdfast bench`: tiny runs make well-formed figures. How long things take is for the benches, not the tests."""

import asyncio
import os
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.db.desk_search import search
from adapters.db.engine import Database
from ops.bench import inbox, routing
from ops.bench.figures import Figure, Report, percentiles
from ops.bench.histories import EngineCost
from ops.bench.inbox_setup import RARE
from ops.bench.load import Load, Shown
from ops.bench.machine import CpuSnapshot, MachineWatch, memory_megabytes
from ops.bench.routing_setup import CAPACITY, fill
from ops.bench.texts import answerable_questions
from ops.cli import build
from ops.replay.words import PlayError
from tests.ops.fake_product import FakeProduct


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch, fresh_database_url: str) -> None:
    """The run's throw-away server instead of one more."""

    @asynccontextmanager
    async def database_copy() -> Any:
        yield fresh_database_url

    for bench in (inbox, routing):
        monkeypatch.setattr(bench, "database_copy", database_copy)


def check_report(report: Report) -> dict[str, Any]:
    """The keys of DESIGN §11; the figures by name."""
    told = report.as_json()
    assert told["machine"].keys() >= {"cores", "load", "busy_cores", "stolen_percent"}
    for figure in told["figures"]:
        assert figure.keys() == {"name", "value", "unit", "goal", "met"}
        assert (figure["goal"] is None) == (figure["met"] is None)
    named = {figure["name"]: figure for figure in told["figures"]}
    assert len(named) == len(told["figures"])
    return named


@pytest.mark.usefixtures("_here")
async def test_routing_matches_and_breaks_nothing() -> None:
    wish = routing.Wish(agents=40, waiting=120, clients=2, offers_per_second=40, seconds=1, processes=1)
    report = await routing.measure_routing(wish)
    figures = check_report(report)
    assert figures["match_p95_ms"]["value"] > 0
    assert figures["match_p95_ms"]["goal"] == "≤ 25"
    assert report.setting["transactions"] > 10
    assert figures["matches_missed"]["met"] is True
    assert figures["invariants_broken"]["met"] is True, report.setting["faults"]


async def test_routing_sees_what_is_missed_and_what_is_broken(fresh_database_url: str) -> None:
    crowd = await fill(fresh_database_url, agents=40, waiting=20, arriving=2)
    assert len(crowd.held) == (40 - 2) * CAPACITY
    database = Database(fresh_database_url, pool_size=1)
    try:
        async with database.reading() as tx:
            assert not any((await routing.find_faults(tx)).values())
        one = {"agent": crowd.held[0].agent_id}
        async with database.transaction() as tx:
            await tx.run("update agents set load = load - 1 where user_id = :agent", **one)
            await tx.run(
                """update waiting_work set offered = true
                   where case_id = (select case_id from waiting_work order by case_id limit 1)"""
            )
        async with database.reading() as tx:
            faults = await routing.find_faults(tx)
        assert faults["load"] == [[str(one["agent"])]]
        assert {agent for _, agent in faults["missed"]} == {str(one["agent"])}
        assert len(faults["astray"]) == 1
    finally:
        await database.close()


@pytest.mark.usefixtures("_here")
async def test_inbox_reads_a_desk_that_was_written_in_bulk(fresh_database_url: str) -> None:
    report = await inbox.measure_inbox(inbox.Wish(contacts=60, messages=600, times=2))
    figures = check_report(report)
    assert {
        "open_p95_ms",
        "counts_p95_ms",
        "search_rare_p95_ms",
        "list_all_by_priority_p95_ms",
    } <= figures.keys()
    assert all(figure["goal"] == "≤ 60" for name, figure in figures.items() if name.endswith("p95_ms"))
    assert report.setting["contacts"] == 60
    assert 500 <= report.setting["messages"] <= 700
    database = Database(fresh_database_url, pool_size=1)
    try:
        async with database.reading() as tx:
            for query, least in (
                ("订单", 1),
                ("order", 1),
                (RARE[0], 5),
                (RARE[1], 5),
                ("zzqx", 0),
            ):
                found = await search(tx, "shop", query)
                assert len(found.messages) >= least, query
                assert least or not found.messages
    finally:
        await database.close()


def test_figures_are_judged_by_their_goals() -> None:
    assert Figure("a", 5.0, "ms", at_most=5).met is True
    assert Figure("a", 5.1, "ms", at_most=5).met is False
    assert Figure("a", 0.61, "", at_least=0.6).met is True
    assert Figure("a", 0.59, "", at_least=0.6).met is False
    assert Figure("a", None, "ms", at_most=5).met is False
    assert Figure("a", 1.0, "ms").as_json() == {
        "name": "a",
        "value": 1.0,
        "unit": "ms",
        "goal": None,
        "met": None,
    }
    p50, p95 = percentiles("x", [float(n) for n in range(1, 101)], p95_at_most=90)
    assert (p50.name, p50.value, p95.value, p95.met) == ("x_p50_ms", 50.0, 95.0, False)


def test_a_screen_that_misses_doubles_or_swaps_is_seen() -> None:
    assert Shown(seqs=[1, 2, 3]).is_in_order
    assert not any(Shown(seqs=seqs).is_in_order for seqs in ([1, 3], [1, 2, 2], [2, 1], [2]))
    shown = Shown(replies=[(2, 10.0), (5, 20.0)])
    assert (shown.reply_to(1), shown.reply_to(3), shown.reply_to(5)) == (10.0, 20.0, None)


def test_the_machine_is_watched() -> None:
    watch, before = MachineWatch(), CpuSnapshot.take({"us": os.getpid()})
    assert sum(number * number for number in range(300_000)) > 0
    assert CpuSnapshot.take({"us": os.getpid()}).milliseconds_since(before)["us"] >= 0
    assert memory_megabytes({"us": os.getpid()})["us"] > 10
    assert memory_megabytes({"gone": 2**22 - 1}) == {"gone": 0}
    assert watch.report()["cores"] >= 1


def test_the_bench_asks_what_the_pack_answers() -> None:
    questions = answerable_questions()
    assert len(questions) > 100
    assert sum(any("\u4e00" <= character <= "\u9fff" for character in each) for each in questions) > 50


def test_an_unknown_bench_is_one_sentence() -> None:
    words = ["bench", "nothing"]
    done = CliRunner().invoke(build(words), words)
    assert isinstance(done.exception, PlayError)
    assert "routing" in str(done.exception)


def test_figures_of_an_engine_are_counted_per_message() -> None:
    cost = EngineCost(
        contacts=2,
        messages=4,
        signals=4,
        workflow_tasks=5,
        local_activities=Counter({"contact_load": 2, "contact_step": 4}),
        activities=0,
        timers=1,
        events=20,
    )
    assert (cost.per_message(cost.signals), cost.per_message(cost.workflow_tasks)) == (1.0, 1.25)
    assert cost.per_message(cost.local_activities.total()) == 1.5


def show(load: Load, product: FakeProduct, shown: set[str]) -> None:
    """Let the screen see what is new."""
    for contact in product.contacts.values():
        for message in contact.messages:
            if message["id"] not in shown:
                shown.add(message["id"])
                attrs = {"message_id": message["id"], "seq": message["seq"]}
                event = {"kind": "message", "case_id": contact.id, "actor": message["author"], "attrs": attrs}
                load.take(event, time.monotonic())


@pytest.mark.parametrize("text", ["answer", "silent"])
async def test_a_load_sees_replies_and_what_stays_unanswered(text: str) -> None:
    product = FakeProduct()
    load = Load("http://product", {}, [text], transport=product.transport())
    shown: set[str] = set()
    playing = asyncio.create_task(load.phase(40.0, 0.3, drain_seconds=0.3))
    while not playing.done():
        await asyncio.sleep(0.02)
        show(load, product, shown)
    result = await playing
    answered = text == "answer"
    assert result.sent > 2
    assert not result.errors
    assert len(result.screen_ms) == result.sent
    assert len(result.reply_ms) == (result.sent if answered else 0)
    assert result.unanswered == (0 if answered else result.sent)
    assert result.out_of_order == 0
    assert sum(load.messages_in(contact) for contact in result.contacts) == result.sent
