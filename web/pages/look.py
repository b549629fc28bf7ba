"""`/dev/look`: every component at once, for developers."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import Response

from api.deps import Rule, declares
from web.render import Render

router = APIRouter(dependencies=[declares(Rule.DEVELOPMENT)], include_in_schema=False)


@router.get("/dev/look")
async def look(page: Render) -> Response:
    """What the components look like."""
    now = datetime.now(UTC)
    return page(
        "look.html",
        now=now,
        earlier=now - timedelta(minutes=3),
        last_year=now - timedelta(days=400),
        area="look",
    )
