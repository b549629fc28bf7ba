"""Which rules the routes declare: read from the application itself, for tests and for `make check`."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from api.deps import Rule, RuleCheck

_OPEN = frozenset({"/api/v1/openapi.json", "/static"})
"""Served by the framework itself: the description of the API and the files that everybody may read."""


def rules_of(route: Any) -> set[Rule]:
    """The rules among all dependencies of a route."""
    found: set[Rule] = set()
    waiting = [getattr(route, "dependant", None)]
    while waiting:
        dependant = waiting.pop()
        if dependant is None:
            continue
        if isinstance(dependant.call, RuleCheck):
            found.add(dependant.call.rule)
        waiting.extend(dependant.dependencies)
    return found


def routes_without_rule(app: FastAPI) -> list[str]:
    """Paths that nobody has declared a rule for."""
    found = []
    for route in iter_route_contexts(app.routes):
        path = route.path or (route.route.path if isinstance(route.route, Mount) else "?")
        if path not in _OPEN and not rules_of(route):
            found.append(path)
    return found
