"""`holdfast prepare`: what `up` does once its database serves; not for people."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from adapters.settings import Settings
from ops.commands.migrate import upgrade_database
from ops.embedded.folder import write_private
from ops.embedded.product import MEMBER_SECRET_VARIABLE
from ops.messages import OperatorError, Text
from ops.roles import role_settings


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("prepare", hidden=True)
    def prepare(
        *,
        pack: Annotated[str, typer.Option()],
        report: Annotated[Path, typer.Option()],
        fingerprint: Annotated[str, typer.Option()],
        demo: Annotated[bool, typer.Option("--demo/--no-demo")],
    ) -> None:
        """Bring tables up to date and load the demonstration company once; report it with `fingerprint`."""
        settings = role_settings()
        upgrade_database(settings)
        sign_ins = asyncio.run(_load(settings, pack)) if demo else []
        write_private(report, {"fingerprint": fingerprint, "sign_ins": sign_ins})


async def _load(settings: Settings, pack: str) -> list[dict[str, str]]:
    from domain.pack_base import PackError  # noqa: PLC0415 - only a demonstration pays for it
    from ops.demo import load_demo  # noqa: PLC0415 - the same

    try:
        loaded = await load_demo(settings, pack, member_secret=os.environ[MEMBER_SECRET_VARIABLE])
    except PackError as error:
        problems = error.problems
        raise OperatorError(Text.PACK_WRONG, pack=pack, problem=problems[0], count=len(problems)) from error
    return [
        {"login": each.login, "name": each.name, "roles": ", ".join(each.roles), "password": each.password}
        for each in loaded
    ]
