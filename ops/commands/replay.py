"""`holdfast replay`: play customers from a file into a running product and say what became of each."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.options import AsJson, TargetFolder
from ops.output import Output

DEFAULT_RATE = 5.0
_SKIPS_SHOWN = 5
_IDS_SHOWN = 10


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("replay")
    def replay(
        *,
        file: Annotated[
            Path, typer.Argument(help="JSON lines; each line's `text` is one customer's message.")
        ],
        url: Annotated[
            str | None,
            typer.Option(help="Address of the product; without it that of --data-dir or the environment."),
        ] = None,
        rate: Annotated[
            float, typer.Option(min=0.1, max=1000, help="Customers a second, on average.")
        ] = DEFAULT_RATE,
        limit: Annotated[int | None, typer.Option(min=1, help="Only so many messages.")] = None,
        lang: Annotated[
            str | None, typer.Option(help="Language of the customers' screens: zh or en.")
        ] = None,
        agents: Annotated[
            int, typer.Option(min=0, help="So many agents of the demonstration work along.")
        ] = 0,
        patience: Annotated[
            float, typer.Option(min=1, help="Seconds after which a silent customer counts as lost.")
        ] = 60.0,
        seed: Annotated[int, typer.Option(help="The same seed: the same arrivals.")] = 1,
        data_dir: TargetFolder = None,
        as_json: AsJson = False,
    ) -> None:
        """Play customers through the public interface; status 1 when one was lost, doubled or out of order."""
        from ops.replay.lines import read_lines  # noqa: PLC0415 - only this command pays for it
        from ops.replay.play import Plan  # noqa: PLC0415 - the same

        if lang not in (None, "zh", "en"):
            raise typer.BadParameter("zh | en", param_hint="--lang")
        output = Output(as_json=as_json)
        said, skipped = read_lines(file, limit)
        _tell_skipped(output, skipped)
        address = url or _address(data_dir)
        plan = Plan(
            url=address.rstrip("/"),
            rate=rate,
            language=lang,
            patience_seconds=patience,
            seed=seed,
            sign_ins=_sign_ins(data_dir, agents),
        )
        result = _play(plan, said, output) | {"lines": len(said) + len(skipped), "skipped": len(skipped)}
        output.result(result)
        if result["lost"] or result["doubled"] or result["out_of_order"]:
            raise typer.Exit(1)


def _tell_skipped(output: Output, skipped: Any) -> None:
    from ops.replay.words import Word, tell  # noqa: PLC0415 - only this command pays for it

    for each in skipped[:_SKIPS_SHOWN]:
        output.console.print(tell(Word.LINE_SKIPPED, number=each.number, reason=each.reason), style="yellow")
    if len(skipped) > _SKIPS_SHOWN:
        more = tell(Word.LINES_SKIPPED_MORE, count=len(skipped) - _SKIPS_SHOWN)
        output.console.print(more, style="yellow")


def _address(data_dir: Path | None) -> str:
    from ops.target import resolve  # noqa: PLC0415 - only where no address was given

    return resolve(data_dir).public_url


def _sign_ins(data_dir: Path | None, agents: int) -> Any:
    """The demonstration's first agents. Raises PlayError when there are not so many."""
    from ops.replay.agents import SignIn  # noqa: PLC0415 - only this command pays for it
    from ops.replay.words import PlayError, Word  # noqa: PLC0415 - the same
    from ops.target import DEFAULT_FOLDER  # noqa: PLC0415 - the same

    if not agents:
        return ()
    prepared = (data_dir or DEFAULT_FOLDER) / "prepared.json"
    if not prepared.is_file():
        raise PlayError(Word.SIGN_INS_MISSING)
    known = [
        SignIn(each["login"], each["password"])
        for each in json.loads(prepared.read_text())["sign_ins"]
        if each["password"] and "agent" in each["roles"]
    ]
    if len(known) < agents:
        raise PlayError(Word.SIGN_INS_FEW, known=len(known))
    return tuple(known[:agents])


def _play(plan: Any, said: Any, output: Output) -> dict[str, Any]:
    import httpx  # noqa: PLC0415 - only this command pays for it

    from ops.replay.judge import judge  # noqa: PLC0415 - the same
    from ops.replay.play import Replay  # noqa: PLC0415 - the same
    from ops.replay.screen import show_summary, summary, watching  # noqa: PLC0415 - the same
    from ops.replay.words import PlayError, Word  # noqa: PLC0415 - the same

    replay = Replay(plan, said)
    with watching(output.console, replay.progress) as look:
        try:
            played = asyncio.run(replay.run(look))
        except httpx.TransportError as error:
            raise PlayError(Word.PRODUCT_AWAY, url=plan.url) from error
    verdict = judge(played.visits, played.agents.replies)
    result = summary(verdict, played, plan)
    show_summary(output.console, result, verdict.lost[:_IDS_SHOWN])
    return result
