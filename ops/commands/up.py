"""`holdfast up`: everything on one machine, by one command."""

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from adapters.settings import Environment
from ops.embedded.folder import DataFolder
from ops.embedded.lines import LogFile
from ops.embedded.product import Product, Wish
from ops.embedded.progress import TerminalReporter
from ops.embedded.supervisor import Supervisor
from ops.messages import OperatorError, Text, say
from ops.options import AsJson
from ops.output import Output

DEFAULT_PORT = 8080
DEFAULT_PACK = "ecommerce"


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("up")
    def up(
        *,
        data_dir: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("data"),
        port: Annotated[
            int, typer.Option(min=1, max=65535, help="Port of the pages, on loopback.")
        ] = DEFAULT_PORT,
        pack: Annotated[str, typer.Option(help="Industry pack of the demonstration.")] = DEFAULT_PACK,
        demo: Annotated[
            bool, typer.Option("--demo/--no-demo", help="With the demonstration company and shop, or empty.")
        ] = True,
        verbose: Annotated[bool, typer.Option(help="Show all that the parts say.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Start the database, Temporal, worker and web, and a demonstration company; Ctrl-C stops all."""
        environment = _environment(os.environ.get("HOLDFAST_ENVIRONMENT"), demo=demo)
        wish = Wish(web_port=port, pack=pack, demo=demo, environment=environment)
        output = Output(as_json=as_json)
        folder = DataFolder(data_dir)
        with folder.opened():
            asyncio.run(_run(Product(folder, wish, os.environ), output, verbose=verbose))
        output.say(Text.EVENT_STOPPED, folder=folder.path)


def _environment(named: str | None, *, demo: bool) -> Environment:
    """Codes meant for a phone are shown on a page in a demonstration only, or by the operator's own word."""
    if not named:
        return Environment.DEVELOPMENT if demo else Environment.PRODUCTION
    try:
        return Environment(named)
    except ValueError as error:
        known = ", ".join(Environment)
        raise OperatorError(Text.SETTINGS_WRONG, name="HOLDFAST_ENVIRONMENT", reason=known) from error


async def _run(product: Product, output: Output, *, verbose: bool) -> None:
    """Start, tell where everything is, and stop when asked or when a part is lost for good."""
    began = time.monotonic()
    folder = product.folder
    log = LogFile(folder.log)
    reporter = TerminalReporter(output.console, log, verbose=verbose)
    parts = product.parts()
    supervisor = Supervisor(parts, reporter, folder.log)
    with _stopping_when_asked(supervisor, output):
        try:
            with reporter.starting([part.title for part in parts]):
                await supervisor.start()
            folder.publish(product.runtime(os.getpid()))
            _welcome(product, output, time.monotonic() - began)
            await supervisor.wait()
        except asyncio.CancelledError:  # asked to stop
            pass
        finally:
            await supervisor.stop()
            log.close()


@contextlib.contextmanager
def _stopping_when_asked(supervisor: Supervisor, output: Output) -> Any:
    """The first Ctrl-C (or SIGTERM) stops in order, the second at once."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            output.say(Text.EVENT_STOPPING)
            task.cancel()
        else:
            supervisor.force()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, ask)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _welcome(product: Product, output: Output, seconds: float) -> None:
    addresses = product.addresses()
    sign_ins = product.prepared()["sign_ins"]
    table = Table.grid(padding=(0, 2))
    for text, address in addresses.items():
        table.add_row(say(text), address)
    output.console.print()
    output.say(Text.UP_TITLE)
    output.console.print(table)
    if sign_ins:
        people = Table(title=say(Text.SIGN_INS), title_justify="left", box=None, pad_edge=False)
        for column in (Text.COLUMN_LOGIN, Text.PASSWORD_PROMPT, Text.COLUMN_NAME, Text.COLUMN_ROLES):
            people.add_column(say(column))
        for person in sign_ins:
            people.add_row(person["login"], person["password"], person["name"], person["roles"])
        output.console.print()
        output.console.print(people)
    output.console.print()
    output.say(Text.UP_READY, seconds=seconds)
    output.say(Text.UP_HINT, folder=product.folder.path)
    output.result(
        {
            "addresses": {
                text.name.partition("_")[2].lower(): address for text, address in addresses.items()
            },
            "sign_ins": sign_ins,
            "ready_seconds": round(seconds, 2),
            "wish": asdict(product.wish),
            "data_dir": product.folder.path,
        }
    )
