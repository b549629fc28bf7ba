"""`holdfast replay` tells truly what became of each customer, however the product misbehaves."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import build
from ops.embedded import ports
from ops.replay import play
from ops.replay.agents import SignIn
from ops.replay.judge import AgentReply, judge, percentile
from ops.replay.lines import Said, read_lines
from ops.replay.play import Plan, Played, Replay
from ops.replay.screen import summary
from ops.replay.words import PlayError, Word
from tests.ops.fake_product import FakeProduct

KEYS_OF_DESIGN = {"sent", "answered", "handed_over", "waiting", "lost", "doubled", "out_of_order"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "_SHORTEST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr("ops.replay.agents._LOOK_SECONDS", 0.02)
    monkeypatch.setattr("ops.replay.chat_client._FIRST_PAUSE_SECONDS", 0.01)


async def played(product: FakeProduct, *texts: str, **plan: Any) -> tuple[dict[str, Any], Played]:
    said = [Said(number, text) for number, text in enumerate(texts, 1)]
    values: dict[str, Any] = {"url": "http://product", "rate": 1000.0, "patience_seconds": 0.6} | plan
    wish = Plan(**values)
    result = await Replay(wish, said, product.transport()).run()
    return summary(judge(result.visits, result.agents.replies), result, wish), result


async def test_outcomes_are_told_apart() -> None:
    result, _ = await played(FakeProduct(), "answer", "choices", "rephrase", "queue", "answer")
    assert result.keys() >= KEYS_OF_DESIGN
    assert result["first_reply_ms"].keys() == {"p50", "p95"}
    counts = {
        name: result[name] for name in ("answered", "offered_choices", "asked_to_rephrase", "handed_over")
    }
    assert counts == {"answered": 2, "offered_choices": 1, "asked_to_rephrase": 1, "handed_over": 1}
    assert (result["sent"], result["waiting"]) == (5, 1)
    assert (result["lost"], result["doubled"], result["out_of_order"]) == (0, 0, 0)


@pytest.mark.parametrize("trouble", ["lose answer", "away", "busy"])
async def test_a_lost_answer_is_retried_with_the_same_id_and_loses_nothing(trouble: str) -> None:
    product = FakeProduct()
    result, _ = await played(product, trouble)
    assert len(product.posts) == 2
    assert len({client_id for client_id, _ in product.posts}) == 1
    assert (result["sent"], result["answered"], result["retries"]) == (1, 1, 1)
    assert (result["lost"], result["doubled"]) == (0, 0)
    assert result["throttled"] == (trouble == "busy")


@pytest.mark.parametrize(
    ("text", "lost", "doubled", "out_of_order"),
    [
        ("forget", 1, 0, 0),
        ("silent", 1, 0, 0),
        ("double", 0, 1, 0),
        ("same answer twice", 0, 1, 0),
        ("answer first", 0, 0, 1),
        ("clock runs back", 0, 0, 1),
    ],
)
async def test_what_goes_wrong_is_told(text: str, lost: int, doubled: int, out_of_order: int) -> None:
    result, seen = await played(FakeProduct(), "answer", text, "answer")
    assert (result["lost"], result["doubled"], result["out_of_order"]) == (lost, doubled, out_of_order)
    wrong = result["lost_ids"] + result["doubled_ids"] + result["out_of_order_ids"]
    assert wrong == [seen.visits[1].client_id]
    assert result["sent"] == 3


async def test_a_refused_message_is_no_lost_one() -> None:
    result, _ = await played(FakeProduct(), "refuse", "answer")
    assert (result["sent"], result["lost"], result["refused"]) == (1, 0, {"message_empty": 1})


async def test_the_first_reply_is_timed_when_the_customer_sees_it() -> None:
    _, quick = await played(FakeProduct(), "answer")
    _, slow = await played(FakeProduct(), "slow")
    first, second = quick.visits[0].first_reply_ms, slow.visits[0].first_reply_ms
    assert first is not None
    assert second is not None
    assert second - first > 10  # one look later


async def test_agents_accept_answer_end_and_wrap_up() -> None:
    product = FakeProduct()
    result, seen = await played(
        product,
        "agent",
        "answer",
        sign_ins=(SignIn("chen", "secret"),),
        think_seconds=0.0,
        patience_seconds=3.0,
    )
    assert result["agents"] | {"count": 1} == {
        "count": 1,
        "accepted": 1,
        "replies": 2,
        "ended": 1,
        "refusals": {},
    }
    assert (result["handed_over"], result["answered_by_agent"], result["waiting"]) == (1, 1, 0)
    assert len(set(product.idempotency_keys)) == 2
    assert not product.owned
    # An answer that an agent was told is kept, and that no customer sees, is lost.
    contact_id = next(visit.accepted.contact_id for visit in seen.visits if visit.accepted)
    missing = [*seen.agents.replies, AgentReply(contact_id, 9, "vanished")]
    assert len(judge(seen.visits, missing).lost) == 1


def test_lines_without_words_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    rows = ['{"text": " Hello "}', "", "no json", '{"intent": "x"}', '{"subject": "标题", "text": ""}', "[1]"]
    file.write_text("\n".join(rows))
    said, skipped = read_lines(file)
    assert [(each.number, each.text) for each in said] == [(1, "Hello"), (5, "标题")]
    reasons = [(3, Word.REASON_NO_JSON), (4, Word.REASON_NO_TEXT), (6, Word.REASON_NO_JSON)]
    assert [(each.number, each.reason) for each in skipped] == reasons
    assert len(read_lines(file, 1)[0]) == 1


def test_a_text_is_cut_to_what_the_chat_takes(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps({"text": "长" * 20_000}))
    text = read_lines(file)[0][0].text
    assert len(text.encode()) <= 16_000
    assert set(text) == {"长"}


def test_files_that_cannot_be_played_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("{}\n")
    for path in (empty, tmp_path / "missing.jsonl"):
        with pytest.raises(PlayError):
            read_lines(path)


def test_nobody_at_the_address_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"text": "Hello"}')
    url = f"http://127.0.0.1:{ports.choose(None)}"
    words = ["replay", str(file), "--url", url, "--json"]
    done = CliRunner().invoke(build(words), words)
    assert isinstance(done.exception, PlayError)
    assert url in str(done.exception)


def test_percentiles_are_values_that_were_there() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
