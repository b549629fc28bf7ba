"""A small OpenAI-compatible embeddings endpoint on loopback whose vectors count characters.

Two texts of the same characters in another order are the same to it, as two wordings of one thing are to a model.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 64
SLOW_S = 4.0


class Mode(StrEnum):
    GOOD = "good"
    SLOW = "slow"
    DRIP = "drip"
    """One byte at a time, so that no single read is slow."""
    ERROR = "error"
    LIMITED = "limited"
    NOT_JSON = "not_json"
    DEEP = "deep"
    TOO_FEW = "too_few"
    MIXED_LENGTHS = "mixed_lengths"
    NOT_A_NUMBER = "not_a_number"
    ZERO = "zero"
    COMPRESSED = "compressed"
    MOVED = "moved"


GARBAGE = (
    Mode.NOT_JSON,
    Mode.DEEP,
    Mode.TOO_FEW,
    Mode.MIXED_LENGTHS,
    Mode.NOT_A_NUMBER,
    Mode.ZERO,
    Mode.COMPRESSED,
)


@dataclass
class FakeEndpoint:
    """The endpoint, what it was asked, and how it is to behave."""

    url: str = ""
    mode: Mode = Mode.GOOD
    batch_seconds: float = 0.0
    """How long each text takes: a slow model manages small batches only."""
    refused_word: str | None = None
    dimensions: int = DIMENSIONS
    asked: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        return [text for request in self.asked for text in request["input"]]


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    values = [0.0] * dimensions
    for character in text.lower():
        if character.isalpha():
            values[ord(character) % dimensions] += 1.0
    return values


def _answer(endpoint: FakeEndpoint, texts: list[str]) -> bytes:
    data = [
        {"object": "embedding", "index": n, "embedding": vector(t, endpoint.dimensions)}
        for n, t in enumerate(texts)
    ]
    match endpoint.mode:
        case Mode.NOT_JSON:
            return b"\xff<html>"
        case Mode.DEEP:
            return b"[" * 200_000
        case Mode.TOO_FEW:
            data = data[1:]
        case Mode.MIXED_LENGTHS:
            data = [*data, {"index": len(texts), "embedding": [1.0, 2.0, 3.0]}]
        case Mode.NOT_A_NUMBER:
            data[0]["embedding"] = [float("nan")] * endpoint.dimensions
        case Mode.ZERO:
            data[0]["embedding"] = [0.0] * endpoint.dimensions
    # Last first: the order is in the indexes, not in the list.
    return json.dumps({"object": "list", "model": "letters", "data": data[::-1]}).encode()


def _handler(endpoint: FakeEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.asked.append({"path": self.path} | request)
            endpoint.authorizations.append(self.headers["Authorization"])
            if endpoint.mode is Mode.SLOW:
                endpoint.released.wait(SLOW_S)
            time.sleep(endpoint.batch_seconds * len(request["input"]))
            body = _answer(endpoint, request["input"])
            with suppress(ConnectionError):
                self.respond(request, body)

        def respond(self, request: dict[str, Any], body: bytes) -> None:
            refused = endpoint.refused_word and any(
                endpoint.refused_word in text for text in request["input"]
            )
            status = (
                400
                if refused
                else {Mode.ERROR: 503, Mode.LIMITED: 429, Mode.MOVED: 307}.get(endpoint.mode, 200)
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if endpoint.mode is Mode.COMPRESSED:
                self.send_header("Content-Encoding", "gzip")
            if endpoint.mode is Mode.MOVED:
                self.send_header("Location", endpoint.url + "/embeddings")
            self.end_headers()
            if endpoint.mode is Mode.DRIP:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if endpoint.released.wait(0.05):
                        break
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def fake_endpoint() -> Iterator[FakeEndpoint]:
    """An endpoint on a free port."""
    endpoint = FakeEndpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint))
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
