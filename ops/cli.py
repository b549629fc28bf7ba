"""The command `holdfast`.

Each command is one module of `ops.commands`, named like the command, with a function
`register(application)`. Only the module of the command that is called is imported: the children of a
supervisor start through here, and starting is paid for in seconds.
"""

import pkgutil
import sys
from importlib import import_module
from importlib.util import find_spec

import typer

from ops import commands
from ops.messages import OperatorError
from ops.output import report_error


def build(words: list[str]) -> typer.Typer:
    """The application with the command that `words` (without the program's name) call, or with all of them."""
    application = typer.Typer(
        name="holdfast",
        help="Holdfast 守诺: customer service that drops nobody.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # its tracebacks show the values of variables
    )

    @application.callback()
    def root() -> None:
        """So that a single command, too, is called by its name."""

    module = words[0].replace("-", "_") if words else ""
    if module.isidentifier() and find_spec(f"{commands.__name__}.{module}") is not None:
        names = [module]
    else:
        names = sorted(each.name for each in pkgutil.iter_modules(commands.__path__))
    for name in names:
        import_module(f"{commands.__name__}.{name}").register(application)
    return application


def main() -> None:
    """Run the command line; an error the operator can put right is one sentence and status 1."""
    words = sys.argv[1:]
    try:
        build(words)()
    except OperatorError as error:
        report_error(error, as_json="--json" in words)
        sys.exit(1)


if __name__ == "__main__":
    main()
