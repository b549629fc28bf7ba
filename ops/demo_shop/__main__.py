"""`python -m ops.demo_shop --port N --data FILE`: serve the shop on loopback until interrupted."""

import argparse
import asyncio
import os
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from ops.demo_shop.app import CALL_PATH_PREFIX, ShopSettings, create_app
from ops.demo_shop.faults import FaultSwitch, FaultyApp
from ops.demo_shop.identity import SECRET_LENGTH_MINIMUM
from ops.demo_shop.store import Store

TOKEN_VARIABLE = "DEMO_SHOP_TOKEN"  # noqa: S105 - the name of a variable
MEMBER_SECRET_VARIABLE = "DEMO_SHOP_MEMBER_SECRET"  # noqa: S105 - the name of a variable

_SERVER_TICK_S = 0.02


def main() -> None:
    """Parse, check what can be wrong before serving, and serve."""
    options = _parser().parse_args()
    settings = ShopSettings(
        token=_secret(TOKEN_VARIABLE),
        member_secret=_secret(MEMBER_SECRET_VARIABLE),
        holdfast_url=options.holdfast.rstrip("/"),
        line=options.line,
    )
    signal.signal(signal.SIGTERM, _leave)
    try:
        options.data.parent.mkdir(parents=True, exist_ok=True)
        store = Store(options.data, seed=options.seed, now=int(time.time()))
    except (OSError, sqlite3.Error) as error:
        _stop(
            f"The data file {options.data} cannot be used ({type(error).__name__}); name another with --data."
        )
    switch = FaultSwitch() if options.faults else None
    app: ASGIApp = create_app(settings, store, faults=switch)
    if switch is not None:
        app = FaultyApp(app, switch, CALL_PATH_PREFIX)
    try:
        asyncio.run(_serve(app, switch, options.port, verbose=options.verbose))
    except KeyboardInterrupt:
        sys.exit(0)


async def _serve(app: ASGIApp, switch: FaultSwitch | None, port: int, *, verbose: bool) -> None:
    """Serve until told to leave; the fault "down" is a pause in which nothing listens."""
    while True:
        listener = _listen(port)
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_level="info" if verbose else "warning",
            access_log=False,  # the paths would be harmless, the habit is not
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        server = uvicorn.Server(config)
        print(f"The demonstration shop is at http://127.0.0.1:{port}/", flush=True)
        watch = asyncio.create_task(_watch(server, switch))
        await server.serve(sockets=[listener])
        watch.cancel()
        if switch is None or switch.downtime_s is None:
            return
        await asyncio.sleep(switch.downtime_s)
        switch.downtime_s = None


async def _watch(server: uvicorn.Server, switch: FaultSwitch | None) -> None:
    """Stop the server when the fault "down" is chosen."""
    while switch is not None:
        if switch.downtime_s is not None:
            await asyncio.sleep(_SERVER_TICK_S)  # so that the choice itself is answered
            server.should_exit = True
            return
        await asyncio.sleep(_SERVER_TICK_S)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on: 40 ms a call
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # from here on callers wait instead of being refused
    except OSError:
        listener.close()
        _stop(f"Port {port} is taken; choose another with --port.")
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.demo_shop", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port; 0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="the shop's own SQLite file")
    parser.add_argument("--seed", type=int, default=1, help="which made-up company (first start only)")
    parser.add_argument("--holdfast", default="http://127.0.0.1:8080", help="where the widget comes from")
    parser.add_argument("--line", default="demo", help="the business line the widget belongs to")
    parser.add_argument("--faults", action="store_true", help="offer POST /_faults (tests only)")
    parser.add_argument("--verbose", action="store_true", help="say more about the server")
    return parser


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "")
    if len(value) < SECRET_LENGTH_MINIMUM:
        _stop(f"Set {variable} to a random text of at least {SECRET_LENGTH_MINIMUM} characters.")
    return value


def _stop(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(2)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
