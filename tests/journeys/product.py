"""The whole product as its users get it: `holdfast up` in a folder of its own, stopped at the end."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.business_system import BusinessSystem
from adapters.packs import load_pack
from domain.pack import CustomerSpec
from ops.embedded import ports

PACK = Path(__file__).parents[2] / "packs" / "ecommerce"
START_SECONDS = 120
STOP_SECONDS = 30
ALWAYS_A_PERSON = "vip"
"""Customers of this tier are given to an agent without an offer."""


@dataclass(frozen=True)
class Product:
    """A running Holdfast."""

    url: str
    folder: Path
    passwords: dict[str, str]

    async def member_with_trouble(self, language: str) -> tuple[CustomerSpec, str, str]:
        """A customer whom agents get by an offer, the number of an order of theirs and what went wrong with it."""
        runtime = json.loads((self.folder / "run" / "runtime.json").read_text())
        shop = BusinessSystem(runtime["business_system_url"], runtime["business_system_token"])
        try:
            for customer in load_pack(PACK).customers:
                if customer.language != language or customer.tier == ALWAYS_A_PERSON:
                    continue
                if (found := await _troubled_order(shop, customer.member_id)) is not None:
                    return customer, *found
        finally:
            await shop.close()
        raise AssertionError(f"nobody in the demonstration shop has trouble with a parcel ({language})")


async def _troubled_order(shop: BusinessSystem, member_id: str) -> tuple[str, str] | None:
    who = {"member_id": member_id, "phone": None, "idempotency_key": None}
    listed = await shop.call("orders.list", {}, **who)
    for line in listed.data["orders"]:
        if line["state"] != "shipped":
            continue
        order = await shop.call("orders.get", {"number": line["number"]}, **who)
        if (exception := order.data.get("exception")) is not None:
            return str(line["number"]), str(exception)
    return None


@asynccontextmanager
async def running(folder: Path, *options: str) -> AsyncIterator[Product]:
    """Start it, and stop it as Ctrl-C does; what it said is in the failure when it does not come up."""
    command = Path(sys.executable).with_name("holdfast")
    port = ports.choose(None)
    said = folder.with_suffix(".log")
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            command, "up", "--json", "--data-dir", folder, "--port", str(port), *options,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            told = await process.stdout.readline()
        assert told, said.read_text(errors="replace")
        result = json.loads(told)
        assert "addresses" in result, told
        passwords = {each["login"]: each["password"] for each in result["sign_ins"]}
        yield Product(f"http://127.0.0.1:{port}", folder, passwords)
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
