"""Requests for lists, and the one shape in which all lists come back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from recsys.types import Repeats
from serving.schemas.fields import (
    Answer,
    AskedId,
    Body,
    Count,
    EventName,
    Filters,
    Integer,
    Key,
    Moment,
    Name,
    Place,
    Share,
    Value,
    Weight,
)

Arm = Literal["champion", "challenger"]
Context = Annotated[dict[Key, Value], Field(max_length=32)]
Excluded = Annotated[list[AskedId], Field(max_length=10_000)]


class HistoryEntry(Body):
    """Something the shopper did, as `recsys.HistoryItem`."""

    item_id: AskedId
    timestamp: Moment | None = None
    weight: Weight = 1.0
    event: EventName | None = Field(
        None, description="None counts as a purchase; else as the dataset weighs that event."
    )


History = Annotated[list[AskedId | HistoryEntry], Field(max_length=1_000)]


class CapBody(Body):
    """At most so many items with one value in a column."""

    column: Name
    at_most: Place


class BoostBody(Body):
    """Lifts the items that a filter matches by a share of the list, or lowers them."""

    filter: Filters
    strength: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class PinBody(Body):
    """Puts an item at a rank, where it may be recommended at all."""

    item_id: AskedId
    rank: Place


class RulesBody(Body):
    """What a shop wants of a list beyond relevance, as `recsys.rerank.Rules`."""

    caps: Annotated[list[CapBody], Field(max_length=20)] = Field(default=[])
    boosts: Annotated[list[BoostBody], Field(max_length=20)] = Field(default=[])
    pins: Annotated[list[PinBody], Field(max_length=100)] = Field(
        default=[], description="Each item and each rank once."
    )
    calibration: Share = Field(
        0.0, description="How closely categories follow those of the history."
    )


class Selected(Body):
    """What every request for a list may narrow."""

    filters: Filters | None = None
    exclude: Excluded = Field(default=[], description="Items that must not come back.")
    at: Moment | None = Field(None, description="The moment of the request; none means now.")
    context: Context | None = Field(None, description="Free attributes of the situation.")
    surface: Name | None = Field(None, description="Where the list is shown: home, basket, ...")
    blurbs: bool = Field(False, description="A verified sentence or two under each item.")


class Asked(Selected):
    """Who asks: the fields of `recsys.RecommendationRequest`."""

    user_id: AskedId | None = Field(None, description="One that nobody knows is no error.")
    session_id: AskedId | None = Field(None, description="Of a shopper who has not logged in.")
    history: History | None = Field(
        None, description="What the shopper did, oldest first; replaces what is stored."
    )
    explain: bool = Field(False, description="Measure which history items moved each score.")
    arm: Arm | None = Field(None, description="Ask for one arm, whatever the experiment says.")
    seed: Integer | None = Field(
        None, description="Settles what is left to chance: the arm of a request without ids."
    )


class RecommendationsBody(Asked):
    """`POST /v1/recommendations`."""

    k: Count = 10
    repeats: Repeats = Field("exclude", description="exclude leaves out what was bought already.")
    diversity: Share = Field(0.0, description="0 ranks by score alone, 1 by difference alone.")
    rules: RulesBody | None = None
    precomputed: bool = Field(
        False, description="Answer with the list computed ahead of time, where there is one."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "anna", "k": 5},
                {"session_id": "s-81", "history": ["sku-1"], "k": 5, "surface": "basket"},
            ]
        }
    )


class BatchBody(Body):
    """`POST /v1/recommendations:batch`."""

    requests: Annotated[list[RecommendationsBody], Field(min_length=1, max_length=100)]


class RankBody(Asked):
    """`POST /v1/rank`: a given list in this shopper's order; unknown items come last."""

    items: Annotated[list[AskedId], Field(min_length=1, max_length=1_000)] = Field(
        description="Item ids; one that is there twice counts once."
    )

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "anna", "items": ["sku-1", "sku-7"]}]}
    )


class LikeBody(Selected):
    """`POST /v1/similar` and `POST /v1/also-bought`."""

    item_id: AskedId
    k: Count = 10

    model_config = ConfigDict(json_schema_extra={"examples": [{"item_id": "sku-1", "k": 5}]})


class PopularBody(Selected):
    """`POST /v1/popular`."""

    k: Count = 10

    model_config = ConfigDict(json_schema_extra={"examples": [{"k": 5}]})


class Model(Answer):
    """Which model answered."""

    name: str
    version: str


class Experiment(Answer):
    """Which arm of which experiment the shopper is in."""

    id: str
    arm: Arm


class ShownBlurb(Answer):
    """As `recsys.Blurb`."""

    text: str
    tier: str
    writer: str
    evidence: list[str]


class Item(Answer):
    """As `recsys.Recommendation`."""

    item_id: str
    rank: int
    score: float
    source: str
    reason: str | None
    blurb: ShownBlurb | None
    evidence: list[str] = Field(description="Items of the history that speak for it.")


class ListAnswer(Answer):
    """A list: the fields of `recsys.Recommendations`, and where it came from."""

    recommendation_id: str = Field(description="A UUID (version 7): put it into events.")
    user_id: str | None
    model: Model
    model_version: str
    experiment: Experiment | None
    items: list[Item]
    warnings: list[str]
    fallback: str | None = Field(
        description="None, or why the full model did not speak: unknown_user, empty_history, "
        "precomputed, budget_exceeded, store_unavailable."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "recommendation_id": "01936f3e-5d2a-7c11-8c57-0242ac120002",
                    "user_id": "anna",
                    "model": {"name": "shop", "version": "5f32962a01bc"},
                    "model_version": "5f32962a01bc",
                    "experiment": None,
                    "items": [
                        {
                            "item_id": "sku-7",
                            "rank": 1,
                            "score": 3.2,
                            "source": "history",
                            "reason": "Because you bought Green tea",
                            "blurb": None,
                            "evidence": ["sku-1"],
                        }
                    ],
                    "warnings": [],
                    "fallback": None,
                }
            ]
        }
    )


class BatchAnswer(Answer):
    """The answers to a batch, in its order."""

    answers: list[ListAnswer]
