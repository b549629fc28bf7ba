"""The widget's one script: served at an address that host pages keep for years."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Rule, declares
from web.assets import Assets

router = APIRouter()

_KEPT_SECONDS = 300


@router.get("/widget.js", dependencies=[declares(Rule.PUBLIC)], include_in_schema=False)
async def widget_script(request: Request) -> Response:
    """The launcher; it loads the chat into a frame when it is opened."""
    assets: Assets = request.app.state.assets
    path = assets.folder / "js" / "widget.js"
    return Response(
        path.read_bytes(),
        media_type="text/javascript",
        headers={
            "Cache-Control": f"public, max-age={_KEPT_SECONDS}",
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )
