"""The state of the service: models, health, and errors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serving.schemas.fields import Answer


class LoadedModel(Answer):
    """A model in memory."""

    arm: Literal["champion", "challenger", "previous"]
    name: str
    version: str
    registry_version: str | None
    trained_until: int
    items: int
    users: int


class ModelsAnswer(Answer):
    """The models that answer this tenant.

    Attributes:
        pinned: version that a rollback holds; None follows the newest.
    """

    source: str
    models: list[LoadedModel]
    pinned: str | None
    experiment: str | None
    last_error: str | None = Field(description="Why the last new model was refused.")


class Liveness(Answer):
    """`GET /livez`: the process answers."""

    status: Literal["alive"]


class Readiness(Answer):
    """`GET /readyz`: each part, and whether requests should be sent here."""

    status: Literal["ready", "unready"]
    checks: dict[str, str]


class FieldError(Answer):
    """One thing that is wrong with a request."""

    field: str = Field(description="Where, as in requests[3].k.")
    message: str


class Problem(Answer):
    """An error by RFC 9457 (application/problem+json).

    Attributes:
        type: a URI reference that names the kind of problem.
        title: the kind of problem in words.
        status: the HTTP status.
        detail: what is wrong here, and what to do about it.
        request_id: quote it when you ask for help; the logs have it, too.
        errors: what is wrong with which field.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldError]
