"""Search across messages and customers, in the command bar and on a page of its own."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from adapters.db import desk_search
from api.deps import CurrentAgent, Reading
from api.ratelimit import rate_limit
from web.pages.desk_deps import view_of
from web.render import ReaderTexts, Render, wants_fragment

router = APIRouter()

Words = Annotated[str, Query(max_length=desk_search.LONGEST_QUERY)]


@router.get("/desk/search", dependencies=[rate_limit("desk-search", "90/minute")])
async def search(
    request: Request, user: CurrentAgent, tx: Reading, texts: ReaderTexts, page: Render, q: Words = ""
) -> Response:
    """The newest first, without totals."""
    found = await desk_search.search(tx, user.line_id, q) if q.strip() else None
    template = "desk/search_results.html" if wants_fragment(request) else "desk/search.html"
    return page(
        template,
        view=await view_of(tx, texts, user),
        found=found,
        query=q.strip(),
        marks=desk_search.marks(q),
    )
