"""What a request knows: its history in order, and nothing from after it."""

from __future__ import annotations

from typing import Any, Literal

import polars as pl
import pytest

from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.requests import batches
from recsys.schema import DatasetInfo
from recsys.splits import DAY
from recsys.types import HistoryItem, RecommendationRequest

ITEMS = pl.DataFrame({"item_id": list("abcd")})


def shop(time: Literal["global", "per_user_order"]) -> Dataset:
    """One shopper: a then b, two days or one position apart; somebody else comes later."""
    log = pl.DataFrame(
        [("ann", "a", 1), ("ann", "b", 3), ("bob", "c", 9)],
        schema=["user_id", "item_id", "timestamp"],
        orient="row",
    )
    if time == "global":
        log = log.with_columns((pl.col("timestamp") * DAY).cast(pl.Datetime("us")))
    return Dataset.from_frames(log, ITEMS, info=DatasetInfo(name="t", time=time))


def asked(dataset: Dataset, *recent: HistoryItem | str) -> tuple[list[str], list[int], int]:
    request = RecommendationRequest(user_id="ann", recent=recent)
    (batch,) = batches(dataset, [request])
    history = batch.queries.histories
    items = dataset.items.external(history.items)
    return list(items), history.times.tolist(), int(batch.queries.at[0])


def test_what_came_after_a_history_follows_its_last_position() -> None:
    assert asked(shop("per_user_order"), "d", "c") == (["a", "b", "d", "c"], [1, 3, 4, 5], 6)


def test_what_came_after_a_history_has_days_where_there_is_room() -> None:
    """Now is just after day 9; the last two entries are one and two days before that."""
    items, times, at = asked(shop("global"), "d", "c")
    assert items == ["a", "b", "d", "c"]
    assert at == 9 * DAY + 1
    assert times == [DAY, 3 * DAY, 7 * DAY + 1, 8 * DAY + 1]
    # Ten entries do not fit into six days: none goes back before the last purchase.
    _, times, _ = asked(shop("global"), *["d"] * 10)
    assert times == sorted(times)
    assert times[2:6] == [3 * DAY] * 4


def test_entries_with_times_are_put_in_order() -> None:
    late, early = HistoryItem("d", 8 * DAY), HistoryItem("c", 2 * DAY)
    assert asked(shop("global"), late, early)[:2] == (
        ["a", "c", "b", "d"],
        [DAY, 2 * DAY, 3 * DAY, 8 * DAY],
    )


def test_seconds_instead_of_microseconds_are_refused_by_the_name_of_the_field() -> None:
    log = pl.DataFrame({"user_id": ["ann"], "item_id": ["a"], "timestamp": [1.7e9]})
    log = log.with_columns(pl.from_epoch("timestamp").cast(pl.Datetime("us")))
    dataset = Dataset.from_frames(log, ITEMS, info=DatasetInfo(name="t", time="global"))
    for request, field in (
        (RecommendationRequest(user_id="ann", at=1_700_000_001), "at"),
        (
            RecommendationRequest(user_id="ann", recent=(HistoryItem("b", 1_700_000_001),)),
            "the time of 'b' in the history",
        ),
    ):
        with pytest.raises(DataError, match=f"^{field} is 1700000001, which is in 1970"):
            list(batches(dataset, [request]))


@pytest.mark.parametrize("time", ["global", "per_user_order"])
def test_nothing_is_at_the_moment_of_the_request_or_later(
    time: Literal["global", "per_user_order"],
) -> None:
    _, times, at = asked(shop(time), "d", "c", "a")
    assert max(times) < at


def test_a_view_is_no_purchase_though_the_log_knows_purchases_alone() -> None:
    request = RecommendationRequest(
        user_id="ann", recent=(HistoryItem("d", event="view"), HistoryItem("c", event="purchase"))
    )
    dataset = shop("global")
    (batch,) = batches(dataset, [request])
    assert dataset.items.external(batch.queries.exclude.rows) == ["a", "b", "c"]


def test_what_a_request_cannot_mean_is_told() -> None:
    deep: dict[str, Any] = {"field": "title", "op": "is_null"}
    for _ in range(5_000):
        deep = {"not": deep}
    for request, said in (
        (RecommendationRequest(filters=deep), "nested too deeply"),
        (RecommendationRequest(at=10**30), "beyond 64 bits"),
        ("u1", r"write RecommendationRequest\(user_id='u1'\)"),
    ):
        with pytest.raises(DataError, match=said):
            list(batches(shop("global"), [request]))  # type: ignore[list-item]
    with pytest.raises(ValueError, match="diversity is 'a'"):
        RecommendationRequest(diversity="a")  # type: ignore[arg-type]
