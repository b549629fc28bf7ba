"""How a supervisor learns that a child serves: it asks it."""

import asyncio
from pathlib import Path

_TIMEOUT_SECONDS = 2.0


async def http_ok(port: int, path: str, host: str = "127.0.0.1") -> bool:
    """Whether a GET is answered with 200."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
                )
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]


async def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def succeeds(command: list[str]) -> bool:
    """Whether a program that checks something ends with status 0."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()


def announced(ready_file: Path, pid: int) -> bool:
    """Whether the process itself has written that it serves (a worker listens on no port)."""
    try:
        return ready_file.read_text() == str(pid)
    except FileNotFoundError:
        return False
