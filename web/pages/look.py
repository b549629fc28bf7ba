"""`/dev/look`: every component at once, for developers."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Rule, declares, signed_in_user
from web.render import Render

router = APIRouter(dependencies=[declares(Rule.DEVELOPMENT)], include_in_schema=False)


@router.get("/dev/look")
async def look(request: Request, page: Render) -> Response:
    """What the components look like."""
    await signed_in_user(request)  # shows the rail as the reader has it
    now = datetime.now(UTC)
    return page(
        "look.html",
        now=now,
        earlier=now - timedelta(minutes=3),
        last_year=now - timedelta(days=400),
        area="look",
    )
