"""The route class of requests with a JSON body: the key first, then the bytes, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, get_args, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from serving.problems import ProblemError

_AHEAD_OF_TIME = b'"precomputed"'
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyRoute(APIRoute):
    """A route whose endpoint is `(request, principal, body)`.

    FastAPI describes it; we call it. That costs a third of what its general way does, and
    nothing is read of a request whose key is not good. pydantic parses the bytes.
    """

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        hints = get_type_hints(self.endpoint, include_extras=True)
        model = get_args(hints["body"])[0]
        admit = next(m.dependency for m in get_args(hints["principal"]) if isinstance(m, Depends))
        assert issubclass(model, BaseModel)
        assert admit is not None

        async def handle(request: Request) -> Response:
            headers = request.headers
            principal = await admit(request, headers.get("authorization"))
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json" and not _is_json(kind):
                detail = "send the body as JSON, with Content-Type: application/json"
                raise ProblemError(415, detail, errors=[("body", detail)])
            content = await request.body()
            self.before_reading(request, content)
            try:
                body = model.model_validate_json(content)
            except ValidationError as error:
                raise _invalid(error, content) from error
            response: Response = await self.endpoint(request, principal, body)
            return response

        return handle

    def before_reading(self, request: Request, content: bytes) -> None:
        """Refuse a request that nothing should be done for; its key is good."""


class ModelRoute(BodyRoute):
    """A route that asks a model, and turns away at once what would wait too long for one.

    Beyond the capacity most requests are refused, so a refusal must cost little: nothing is
    parsed, read from the store or handed to a thread for it. A request that asks for a list
    computed ahead of time may need no model and goes on.
    """

    def before_reading(self, request: Request, content: bytes) -> None:
        """Ask the pool.

        Raises:
            ProblemError: 429, too many wait for a model.
        """
        if _AHEAD_OF_TIME not in content:
            request.app.state.service.pool.check()


def _is_json(kind: str) -> bool:
    return kind.startswith("application/") and kind.endswith("+json")


def _invalid(error: ValidationError, content: bytes) -> RequestValidationError:
    found = error.errors(include_url=False)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        body = None
    return RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in found], body=body)
