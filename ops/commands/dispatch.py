"""`holdfast dispatch`: tell workflows of the facts that concern them."""

import typer

from ops.roles import role_settings, run_until_signalled


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("dispatch")
    def dispatch() -> None:
        """Dispatch facts to workflows, configured by the environment; several may run."""
        from workflows.dispatcher import run_dispatcher  # noqa: PLC0415 - only this role pays for it

        settings = role_settings()
        run_until_signalled(lambda: run_dispatcher(settings))
