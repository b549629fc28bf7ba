"""The composition root of the web role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from sqlalchemy.exc import ProgrammingError
from starlette.middleware.gzip import GZipMiddleware

from adapters.db.engine import Database
from adapters.db.migrate import newest_revision
from adapters.settings import Settings
from api.deps import Reading, Rule, declares
from api.errors import Unavailable
from web import areas, faults
from web.assets import Assets
from web.edge import Gate, SecurityHeaders
from web.live import LiveHub

__all__ = ["create_app"]


def create_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The web application: pages, API, webhooks, live events, static files.

    A given `database` is used and left open; without one a pool is made and closed with the application.
    """
    app = FastAPI(
        title="Holdfast",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.database = database or Database(
        settings.database_url, pool_size=settings.web_pool_size, application="holdfast-web"
    )
    app.state.owns_database = database is None
    app.state.live = LiveHub(app.state.database)
    app.state.assets = Assets(development=settings.is_development)
    app.state.newest_revision = newest_revision()
    faults.install(app)
    app.mount("/static", GZipMiddleware(app.state.assets, minimum_size=500))
    for router in (*areas.API, *areas.PAGES):
        app.include_router(router)
    _add_probes(app)
    app.add_middleware(Gate, root=app)
    app.add_middleware(SecurityHeaders, https=urlsplit(settings.public_url).scheme == "https")
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.live.running():
        yield
    shop = getattr(app.state, "business_system", None)  # made at the first look at a customer's orders
    if shop is not None:
        await shop.close()
    if app.state.owns_database:
        await app.state.database.close()


def _add_probes(app: FastAPI) -> None:
    public = [declares(Rule.PUBLIC)]

    @app.get("/healthz", dependencies=public, include_in_schema=False)
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz", dependencies=public, include_in_schema=False)
    async def readyz(request: Request, reading: Reading) -> dict[str, str]:
        """The database answers and has the schema of this release; else 503."""
        try:
            revision = await reading.scalar("select version_num from alembic_version")
        except ProgrammingError:
            revision = None
        if revision != request.app.state.newest_revision:
            raise Unavailable("schema_outdated", retry_seconds=2)
        return {"status": "ok", "revision": revision}
