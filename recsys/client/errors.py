"""What the service says when it does not answer, as exceptions.

A problem document (RFC 9457) becomes the exception that a caller of the in-process
recommender would meet: a bad value is a `ValueError`, a thing that is not there a
`LookupError`, no answer at all a `ConnectionError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys.errors import RecsysError


class ServiceError(RecsysError):
    """The service refused a call, or could not be reached.

    Attributes:
        status: of the last answer; 0 where there was none.
        problem: the problem document, empty where the answer had none.
        request_id: to look for in the service's log; empty where it is unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        problem: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})
        self.request_id = request_id


class RefusedError(ServiceError, ValueError):
    """A value of the request is wrong; the message names the field and the remedy."""


class AccessError(ServiceError, PermissionError):
    """The key is missing, unknown, revoked, or lacks the scope."""


class NotFoundError(ServiceError, LookupError):
    """There is no such thing for this key's tenant."""


class UnavailableError(ServiceError, ConnectionError):
    """No answer, or none but "later", until the client's patience ran out."""


def problem_error(status: int, problem: Mapping[str, Any], request_id: str) -> ServiceError:
    """Turn a refusal into the exception that fits it.

    >>> error = problem_error(422, {"detail": "k is 0; ask for 1 to 500"}, "r1")
    >>> isinstance(error, ValueError), str(error)
    (True, 'k is 0; ask for 1 to 500 (status 422, request r1)')
    """
    said = str(problem.get("detail") or problem.get("title") or "the service refused the call")
    where = f"status {status}" + (f", request {request_id}" if request_id else "")
    message = f"{said} ({where})"
    return _kind(status)(message, status=status, problem=problem, request_id=request_id)


def _kind(status: int) -> type[ServiceError]:
    if status in (401, 403):
        return AccessError
    if status in (404, 410):
        return NotFoundError
    if status in (429, 502, 503, 504):
        return UnavailableError
    return RefusedError if 400 <= status < 500 else ServiceError
