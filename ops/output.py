"""How a command speaks: to a person in sentences, to a script in one JSON object that comes last."""

import json
import sys
from typing import Any

from rich.console import Console

from ops.messages import OperatorError, Text, say


class Output:
    """Where a command writes; with `as_json` people's words go to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(file=sys.stderr if as_json else sys.stdout, highlight=False)

    def say(self, text: Text, **values: object) -> None:
        """One sentence for a person."""
        self.console.print(say(text, **values), markup=False, soft_wrap=True)

    def result(self, content: dict[str, Any]) -> None:
        """The command's outcome as one JSON object on one line, if that was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
            sys.stdout.flush()


def report_error(error: OperatorError, *, as_json: bool) -> None:
    """The sentence on standard error; for a script also as an object with `error`."""
    Output(as_json=as_json).result({"error": {"code": error.text.name.lower(), "message": str(error)}})
    sys.stderr.write(f"{error}\n")
