"""The OpenAPI document: the routes' models, and the schemas that pydantic can't state."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from recsys import __version__
from serving.problems import MEDIA_TYPE, TITLES
from serving.schemas.admin import Problem
from serving.schemas.fields import FILTER_SCHEMA

Responses = dict[int | str, dict[str, Any]]

DESCRIPTION = (
    "Personalised recommendations behind a shop. Send `Authorization: Bearer KEY`; the key "
    "says whose data are meant. Ids are any text of up to 256 characters. Errors are problem "
    "documents by RFC 9457."
)


def problems(*statuses: int) -> Responses:
    """Return the documented errors of a route."""
    schema = {"$ref": "#/components/schemas/Problem"}
    found: Responses = {}
    for status in statuses:
        one: dict[str, Any] = {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        if status in (429, 503):
            one["headers"] = {
                "Retry-After": {
                    "description": "Seconds after which to try again.",
                    "schema": {"type": "integer", "minimum": 1},
                }
            }
        found[status] = one
    return found


LOADED = (429, 500, 503, 504)
ASKING = problems(400, 401, 403, 413, 415, 422, *LOADED)
"""Errors of a route with a body."""
LOOKING = problems(400, 401, 403, 404, 413, 415, 422, *LOADED)
"""The same for one that looks something up."""


def install(app: FastAPI) -> None:
    """Have an application describe itself."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title="recsys", version=__version__, description=DESCRIPTION, routes=app.routes
            )
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            schemas["Filter"] = FILTER_SCHEMA
            schemas["Problem"] = Problem.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            schemas.update(schemas["Problem"].pop("$defs", {}))
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            app.openapi_schema = _resolved(made)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _resolved(node: Any) -> Any:
    """Replace `x-ref` markers by references to the schemas they name."""
    if isinstance(node, list):
        return [_resolved(part) for part in node]
    if not isinstance(node, dict):
        return node
    if "x-ref" in node:
        return {"$ref": f"#/components/schemas/{node['x-ref']}"}
    return {key: _resolved(value) for key, value in node.items()}
