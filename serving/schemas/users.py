"""Shoppers: what is known of one, merging, exporting, deleting."""

from __future__ import annotations

from pydantic import ConfigDict, Field, model_validator

from serving.schemas.fields import Answer, AskedId, Body, StoredId


class UserBody(Body):
    """`POST /v1/users:get`, `:delete` and `:export`, for ids that are awkward in a path."""

    user_id: AskedId

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "anna"}]})


class MergeBody(Body):
    """`POST /v1/users:merge`: what a session, or another user, did becomes this user's."""

    user_id: StoredId = Field(description="Who remains.")
    session_id: StoredId | None = Field(None, description="The session that logged in.")
    from_user_id: StoredId | None = Field(None, description="Another id of the same person.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"user_id": "anna", "session_id": "s-81"}],
            "oneOf": [
                {"required": ["session_id"], "properties": {"session_id": {"type": "string"}}},
                {"required": ["from_user_id"], "properties": {"from_user_id": {"type": "string"}}},
            ],
        }
    )

    @model_validator(mode="after")
    def _one_source(self) -> MergeBody:
        if (self.session_id is None) == (self.from_user_id is None):
            raise ValueError("give either session_id or from_user_id, and not both")
        return self


class PastEvent(Answer):
    """One event of a history, newest first."""

    item_id: str
    title: str | None
    event: str | None
    timestamp: int


class UserAnswer(Answer):
    """What is known of one shopper.

    Attributes:
        known_to_model: the bundle knows a history of theirs.
    """

    user_id: str
    known_to_model: bool
    merged: list[str] = Field(description="User ids merged into it.")
    sessions: list[str] = Field(description="Sessions merged into it.")
    events: int
    impressions: int
    history: list[PastEvent] = Field(description="The newest 100, newest first.")


class MergeAnswer(Answer):
    """Done."""

    user_id: str


class DeletedAnswer(Answer):
    """What the deletion took away from the store; the bundle is told apart in the docs."""

    user_id: str
    events: int
    impressions: int
    lists: int


class ExportedEvent(Answer):
    """An event as it was sent."""

    event_id: str
    event: str
    item_id: str
    user_id: str | None
    session_id: str | None
    timestamp: int
    weight: float
    quantity: float | None
    price: float | None
    recommendation_id: str | None
    rank: int | None
    surface: str | None


class ModelEvent(PastEvent):
    """An event that a model learned from."""

    model_version: str


class ExportAnswer(Answer):
    """Everything that is kept of one shopper, and their history in every model that answers."""

    user_id: str
    merged: list[str]
    sessions: list[str]
    events: list[ExportedEvent]
    impressions: list[ExportedEvent]
    lists: list[dict[str, object]]
    model_history: list[ModelEvent] = Field(
        description="By model (champion, previous, challenger), newest first."
    )
