"""Which methods an address knows."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Route


def methods_of(app: FastAPI, path: str) -> list[str]:
    """Return the methods that a path knows, for the header `Allow`.

    Args:
        app: its `state.routers` are what it answers with.
        path: of a request.
    """
    found: set[str] = set()
    for router in app.state.routers:
        for route in router.routes:
            if isinstance(route, Route) and route.path_regex.match(path):
                found |= route.methods or set()
    return sorted(found)
