"""Icons: Tabler's outlines, inlined from one vendored file."""

import json
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

_FILE = Path(__file__).parent / "static" / "vendor" / "icons.json"


@cache
def _paths() -> dict[str, str]:
    paths: dict[str, str] = json.loads(_FILE.read_text())
    return paths


def icon(name: str, size: int = 18, label: str = "") -> Markup:
    """An inline SVG. Without `label` it is decoration that screen readers skip.

    Raises KeyError for an icon that is not vendored (`ops/vendor.py` names them).
    """
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup(  # noqa: S704 - the paths are our own vendored file, the rest is escaped
        f'<svg class="icon" width="{int(size)}" height="{int(size)}" viewBox="0 0 24 24" {said} '
        f'focusable="false" data-icon="{escape(name)}">{_paths()[name]}</svg>'
    )
