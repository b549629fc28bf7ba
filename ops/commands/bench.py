"""`holdfast bench`: measure against the budgets, beside the machine's noise."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.options import AsJson
from ops.output import Output

Measure = Callable[["Options", Callable[[str], None]], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Options:
    """What the operator asked for; None: the bench's own."""

    seconds: float | None
    sandbox: bool
    data: Path | None


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("bench")
    def bench(
        *,
        name: Annotated[str, typer.Argument(help="contact, routing, inbox or knowledge.")] = "contact",
        seconds: Annotated[
            float | None, typer.Option(min=1, max=600, help="Length of a stretch; shorter is less exact.")
        ] = None,
        sandbox: Annotated[
            bool, typer.Option("--sandbox/--no-sandbox", help="Workflows in the SDK's sandbox, or without.")
        ] = True,
        data: Annotated[
            Path | None,
            typer.Option(help="Folder with public data sets, for `knowledge`.", show_default=False),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Measure a copy of the product that is started for it and removed afterwards."""
        from ops.replay.words import PlayError, Word, tell  # noqa: PLC0415 - only this command pays for it

        output = Output(as_json=as_json)
        measure = _BENCHES.get(name)
        if measure is None:
            raise PlayError(Word.BENCH_UNKNOWN, name=name, known=", ".join(_BENCHES))
        with output.console.status("") as status:

            def say(what: str) -> None:
                told = tell(Word.MEASURING, what=what)
                status.update(told)
                if not output.console.is_terminal:
                    output.console.print(told)

            try:
                report = asyncio.run(_until_signalled(measure(Options(seconds, sandbox, data), say)))
            except asyncio.CancelledError:  # asked to stop; nothing is left behind
                raise typer.Exit(1) from None
        report.show(output.console)
        output.result(report.as_json())


async def _until_signalled(measuring: Coroutine[Any, Any, Any]) -> Any:
    """Whoever ends us by a signal gets the copies ended and removed, too."""
    task = asyncio.ensure_future(measuring)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _contact(options: Options, say: Callable[[str], None]) -> Any:
    from ops.bench.contact import DEFAULT_SECONDS, Wish, measure_contact  # noqa: PLC0415 - one bench a call

    wish = Wish(seconds=options.seconds or DEFAULT_SECONDS, sandbox=options.sandbox)
    return await measure_contact(wish, say)


async def _routing(options: Options, say: Callable[[str], None]) -> Any:
    from ops.bench.routing import Wish, measure_routing  # noqa: PLC0415 - one bench a call

    wish = Wish() if options.seconds is None else Wish(seconds=options.seconds)
    return await measure_routing(wish, say)


async def _inbox(_: Options, say: Callable[[str], None]) -> Any:
    from ops.bench.inbox import Wish, measure_inbox  # noqa: PLC0415 - one bench a call

    return await measure_inbox(Wish(), say)


async def _knowledge(options: Options, say: Callable[[str], None]) -> Any:
    from ops.bench.knowledge_report import report_knowledge  # noqa: PLC0415 - one bench a call

    say("knowledge")
    return await asyncio.to_thread(report_knowledge, options.data)


_BENCHES: dict[str, Measure] = {
    "contact": _contact,
    "routing": _routing,
    "inbox": _inbox,
    "knowledge": _knowledge,
}
