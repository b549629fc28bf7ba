"""What an operator sees of a replay: a moving bar, then a table; a script gets the same as an object."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from ops.replay.judge import Outcome, Verdict, percentile
from ops.replay.play import Plan, Played, Progress
from ops.replay.words import Word, tell


@contextmanager
def watching(console: Console, progress: Progress) -> Iterator[Callable[[Progress], None]]:
    """A bar for the customers, then one for the check of their histories; what to call at each step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}", markup=False),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        playing = bars.add_task(tell(Word.PLAYING), total=progress.total, told="")
        checking = bars.add_task(tell(Word.CHECKING), total=progress.total, told="", visible=False)

        def look(now: Progress) -> None:
            told = tell(
                Word.PROGRESS, answered=now.answered, handed_over=now.handed_over, retries=now.wire.retries
            )
            bars.update(playing, completed=now.finished, told=told)
            bars.update(checking, completed=now.checked, visible=now.checked > 0)

        yield look


def summary(verdict: Verdict, played: Played, plan: Plan) -> dict[str, Any]:
    """One object, with the keys that scripts rely on (DESIGN §11) and the details behind them."""
    outcomes = verdict.outcomes
    return {
        "sent": verdict.sent,
        "answered": outcomes[Outcome.ANSWERED],
        "offered_choices": outcomes[Outcome.OFFERED_CHOICES],
        "asked_to_rephrase": outcomes[Outcome.ASKED_TO_REPHRASE],
        "handed_over": outcomes[Outcome.HANDED_OVER],
        "answered_by_agent": verdict.answered_by_agent,
        "waiting": verdict.waiting,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "out_of_order": len(verdict.out_of_order),
        "first_reply_ms": {
            "p50": _rounded(percentile(verdict.first_reply_ms, 0.5)),
            "p95": _rounded(percentile(verdict.first_reply_ms, 0.95)),
        },
        "not_accepted": verdict.not_accepted,
        "refused": dict(verdict.refused),
        "retries": played.wire.retries,
        "throttled": played.wire.throttled,
        "failures": dict(played.wire.failures),
        "agents": {
            "count": len(plan.sign_ins),
            "accepted": played.agents.accepted,
            "replies": len(played.agents.replies),
            "ended": played.agents.ended,
            "refusals": dict(played.agents.refusals),
        },
        "rate": plan.rate,
        "seconds": round(played.seconds, 1),
        "lost_ids": verdict.lost,
        "doubled_ids": verdict.doubled,
        "out_of_order_ids": verdict.out_of_order,
    }


def show_summary(console: Console, result: dict[str, Any], lost_ids: list[str]) -> None:
    """The same for a person; what must be zero stands out when it is not."""
    table = Table(title=tell(Word.SUMMARY), title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    plain = (
        (Word.SENT, "sent"),
        (Word.ANSWERED, "answered"),
        (Word.OFFERED_CHOICES, "offered_choices"),
        (Word.ASKED_TO_REPHRASE, "asked_to_rephrase"),
        (Word.HANDED_OVER, "handed_over"),
        (Word.ANSWERED_BY_AGENT, "answered_by_agent"),
        (Word.WAITING, "waiting"),
    )
    for word, name in plain:
        table.add_row(tell(word), str(result[name]))
    if result["agents"]["count"]:
        table.add_row(tell(Word.CLOSED), str(result["agents"]["ended"]))
    for word, name in ((Word.LOST, "lost"), (Word.DOUBLED, "doubled"), (Word.OUT_OF_ORDER, "out_of_order")):
        table.add_row(tell(word), str(result[name]), style="bold red" if result[name] else "green")
    for word, count in (
        (Word.NOT_ACCEPTED, result["not_accepted"]),
        (Word.REFUSED, sum(result["refused"].values())),
        (Word.RETRIES, result["retries"]),
        (Word.THROTTLED, result["throttled"]),
    ):
        if count:
            table.add_row(tell(word), str(count), style="yellow")
    replied = result["first_reply_ms"]
    words = tell(Word.NO_REPLY) if replied["p50"] is None else tell(Word.MILLISECONDS, **replied)
    table.add_row(tell(Word.FIRST_REPLY), words)
    console.print(table)
    if lost_ids:
        console.print(tell(Word.LOST_ONES, ids=", ".join(lost_ids)), style="red")


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
