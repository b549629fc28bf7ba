"""Ports on loopback: taken or free, and the same ones again at the next start."""

import socket
from collections.abc import Collection

from ops.messages import OperatorError, Text

_HIGHEST_PORT = 65535


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # ports of connections just closed count as free
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(port: int, host: str = "127.0.0.1") -> int:
    """The port itself. Raises OperatorError when somebody listens there, or it is no port."""
    if not 0 < port <= _HIGHEST_PORT or not is_free(port, host):
        raise OperatorError(Text.PORT_TAKEN, port=port)
    return port


def choose(remembered: int | None, *, avoiding: Collection[int] = ()) -> int:
    """The remembered port if it is free, else any free one that is not among `avoiding`."""
    if remembered is not None and remembered not in avoiding and is_free(remembered):
        return remembered
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in avoiding:
            return port
