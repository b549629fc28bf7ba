"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object last.")]

TargetFolder = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Data folder of the running Holdfast to work on; without it DATABASE_URL is used, then ./data.",
        show_default=False,
    ),
]
