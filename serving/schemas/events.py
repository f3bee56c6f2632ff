"""Events in, and what became of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from serving.schemas.fields import (
    Amount,
    Answer,
    Body,
    EventName,
    Name,
    Place,
    SentMoment,
    StoredId,
    Weight,
)

MAX_EVENTS = 1_000


class EventBody(Body):
    """Something a shopper did, or, as the event `impression`, was shown."""

    event_id: StoredId = Field(description="Chosen by the sender; sent twice, it counts once.")
    event: EventName = Field(description="view, cart, purchase, ..., or impression.")
    item_id: StoredId
    user_id: StoredId | None = None
    session_id: StoredId | None = Field(None, description="Used where there is no user_id.")
    timestamp: SentMoment | None = Field(None, description="When it happened; none means now.")
    weight: Weight = 1.0
    quantity: Amount | None = None
    price: Amount | None = None
    recommendation_id: StoredId | None = Field(None, description="The answer it followed from.")
    rank: Place | None = Field(None, description="Of an impression: the item's place in the list.")
    surface: Name | None = None


class EventsBody(Body):
    """`POST /v1/events`."""

    events: Annotated[list[EventBody], Field(min_length=1, max_length=MAX_EVENTS)]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "event_id": "0e5f-1",
                            "event": "purchase",
                            "user_id": "anna",
                            "item_id": "sku-1",
                        },
                        {
                            "event_id": "0e5f-2",
                            "event": "impression",
                            "session_id": "s-81",
                            "item_id": "sku-7",
                            "rank": 1,
                            "recommendation_id": "01936f3e-5d2a-7c11-8c57-0242ac120002",
                        },
                    ]
                }
            ]
        }
    )


class EventResult(Answer):
    """What became of one event."""

    event_id: str
    status: Literal["accepted", "duplicate", "refused"]
    detail: str | None = Field(description="Why it was refused, and what to do.")


class EventsAnswer(Answer):
    """One result for each event, in their order; what is accepted is on disk."""

    results: list[EventResult]
