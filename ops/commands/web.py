"""`holdfast web`: serve the pages, the API and the live events."""

import typer

from ops.roles import role_settings

_GRACE_SECONDS = 3


def register(application: typer.Typer) -> None:
    """Add the command."""

    @application.command("web")
    def web() -> None:
        """Serve pages, API and live events, configured by the environment."""
        import uvicorn  # noqa: PLC0415 - only this role pays for it

        from web.app import create_app  # noqa: PLC0415 - the same

        settings = role_settings()
        uvicorn.run(
            create_app(settings),
            host=settings.web_host,
            port=settings.web_port,
            log_config=None,  # ours is set up already
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=_GRACE_SECONDS,  # live streams never end by themselves
        )
