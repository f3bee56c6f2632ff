"""Errors as problem documents by RFC 9457: what is wrong, in which field, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from recsys.errors import DataError
from serving.methods import methods_of
from serving.store import QueueFull, Refused, StoreError, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
TOO_LARGE = "the body is larger than the service takes; send it in parts"
_SHOWN = 80

TITLES: Mapping[int, str] = {
    400: "The request can't be read",
    401: "A valid API key is needed",
    403: "The key may not do this",
    404: "There is no such thing",
    405: "This address knows other methods",
    409: "The request doesn't fit the present state",
    413: "The request is too large",
    415: "The body must be JSON",
    422: "The request breaks its contract",
    429: "Too many requests",
    500: "The service failed",
    503: "The service can't answer now",
    504: "The answer took too long",
}
_TYPES: Mapping[int, str] = {
    400: "unreadable", 401: "unauthorised", 403: "forbidden", 404: "not-found",
    405: "method-not-allowed", 409: "conflict", 413: "too-large", 415: "unsupported-media-type",
    422: "invalid", 429: "too-many-requests", 500: "internal", 503: "unavailable",
    504: "timeout",
}  # fmt: skip


class ProblemError(Exception):
    """An error that becomes a problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say what is wrong and what to do; `errors` are pairs of field and message."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def not_found(what: str, value: str, remedy: str) -> ProblemError:
    """Return a 404 that names the field, the value and the remedy.

    >>> not_found("item_id", "sku-9", "add it with PUT /v1/items").detail
    "item_id: 'sku-9' is unknown; add it with PUT /v1/items"
    """
    message = f"{shown(value)} is unknown; {remedy}"
    return ProblemError(404, f"{what}: {message}", errors=[(what, message)])


def shown(value: object) -> str:
    """Quote a value of a request for a message: escaped, and cut to a readable length."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + "...'"


def problem(
    request_id: str,
    status: int,
    detail: str,
    errors: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document."""
    body = {
        "type": f"/problems/{_TYPES.get(status, 'other')}",
        "title": TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        "request_id": request_id,
        "errors": [{"field": field, "message": message} for field, message in errors],
    }
    return Response(orjson.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that says when to try again, in whole seconds."""
    return {"Retry-After": str(max(1, round(seconds)))}


def install(app: FastAPI) -> None:
    """Answer all errors of an application with problem documents."""
    app.add_exception_handler(ProblemError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(DataError, _data)


def request_id_of(request: Request) -> str:
    """Return the id under which a request is logged."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem(request_id_of(request), error.status, error.detail, error.errors, error.headers)


async def _data(request: Request, error: Exception) -> Response:
    """What the library refuses: its messages name field, value and remedy."""
    text = str(error)
    field = text.split(":", 1)[0] if ":" in text else "request"
    return problem(request_id_of(request), 422, text, [(field, text)])


async def _store(request: Request, error: Exception) -> Response:
    identifier = request_id_of(request)
    if isinstance(error, QueueFull):
        return problem(identifier, 429, str(error), headers=retry_after(error.retry_after))
    if isinstance(error, StoreUnavailable):
        detail = "the store does not answer; send the request again after Retry-After seconds"
        return problem(identifier, 503, detail, headers=retry_after(error.retry_after))
    if isinstance(error, Refused):
        return problem(identifier, 409, str(error))
    return problem(identifier, 422, str(error))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: "no route has this address; GET /openapi.json lists all routes",
        405: "this route knows other methods; see the header Allow",
        413: TOO_LARGE,
        400: "the body can't be read; send JSON in UTF-8",
    }
    detail = details.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(methods_of(request.app, request.scope["path"]))
    return problem(request_id_of(request), error.status_code, detail, headers=headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    identifier = request_id_of(request)
    if any(e["type"] == "json_invalid" for e in found):
        detail = (
            "the body is no JSON, or is nested too deeply; send an object, with "
            "Content-Type: application/json"
        )
        return problem(identifier, 400, detail, [("body", detail)])
    errors = _distinct((_place(e, error.body), _message(e)) for e in found)
    field, message = errors[0] if errors else ("request", "it breaks its contract")
    return problem(identifier, 422, f"{field}: {message}", errors)


def _distinct(errors: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keep one message a field, and none where a part of it has one.

    A value that may be of several kinds fails as each of them; the innermost says most.
    """
    first: dict[str, str] = {}
    for field, message in errors:
        first.setdefault(field, message)
    inner = [f for f in first if not any(o.startswith((f"{f}.", f"{f}[")) for o in first)]
    return [(field, first[field]) for field in inner[:MAX_ERRORS]]


def _place(error: Mapping[str, Any], body: Any) -> str:
    """Write a place as `events[3].item_id`: the keys that are in the body, no kinds of ours."""
    loc = error["loc"]
    node: Any = body if loc and loc[0] == "body" else None
    text = ""
    for number, part in enumerate(loc[1:], start=2):
        if isinstance(part, int) and isinstance(node, list) and part < len(node):
            text, node = f"{text}[{part}]", node[part]
        elif isinstance(node, dict) and part in node:
            text, node = f"{text}.{part}" if text else str(part), node[part]
        elif number == len(loc) and (node is None or error["type"] == "missing"):
            text = f"{text}.{part}" if text else str(part)
    return text or str(loc[0] if loc else "request")


def _message(error: Mapping[str, Any]) -> str:
    text = str(error.get("msg", "")).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    if error["type"] == "extra_forbidden":
        return "no such field; leave it out, or see GET /openapi.json for its name"
    if error["type"] == "missing":
        return "it is missing; add it"
    given = error.get("input")
    if isinstance(given, str | int | float | bool) or given is None:
        return f"{text}, found {shown(given)}"
    return text
