from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from experiments.evaluation import HYBRID, evaluate_recommender
from experiments.evaluation.scorecard import by_number
from experiments.evaluation.slices import item_slices, user_slices
from recsys.dataset import Dataset
from recsys.schema import ColumnRoles, DatasetInfo
from tests.experiments.test_evaluation import ITEMS, LOG, TRUTH, Fixed

USERS = pl.DataFrame(
    {
        "user_id": ["ann", "bob", "cold"],
        "segment": ["gold", "tin", None],
        "email": ["a@x", "b@x", "c@x"],
        "nothing": pl.Series([None, None, None], dtype=pl.String),
    }
)


@pytest.fixture(scope="module")
def scorecard():  # type: ignore[no-untyped-def]
    info = DatasetInfo(name="four", time="per_user_order", roles=ColumnRoles(category="kind"))
    shop = Dataset.from_frames(LOG, ITEMS, USERS, info=info)
    return evaluate_recommender(Fixed(shop), TRUTH, (1, 2), resamples=100)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "n_users"),
    [
        # ann bought twice, bob once, both in the bin 1-4; ann has 2 of 3, bob 1 of 1.
        ("history 1-4", (2 / 3 + 1) / 2, 2),
        ("history 0", 0.0, 1),
        ("warm users", (2 / 3 + 1) / 2, 2),
        ("segment=gold", 2 / 3, 1),
        ("segment=(none)", 0.0, 1),
        # x has 2 of 3 purchases: it is the head. ann wants it and gets it.
        ("items: head", 1.0, 1),
        # z, w and q were never bought. ann wants z, q and gets z; cold wants w, gets x, y.
        ("items: cold", (1 / 2 + 0) / 2, 2),
        # x and w are wet: ann gets x, cold does not get w. y and z are dry.
        ("category: wet", (1 + 0) / 2, 2),
        ("category: dry", 1.0, 2),
        ("category: (none)", 0.0, 1),  # q
    ],
)
def test_slices_by_hand(scorecard, name: str, value: float, n_users: int) -> None:  # type: ignore[no-untyped-def]
    assert scorecard.value("ALL", HYBRID, "recall@2", name) == pytest.approx(value)
    row = scorecard.values.filter(targets="ALL", system=HYBRID, metric="recall@2", slice=name)
    assert row["n_users"].to_list() == [n_users]


def test_strangers_have_the_attributes_that_are_given() -> None:
    """The model was trained without cold, who is gold all the same."""
    info = DatasetInfo(name="four", time="per_user_order", roles=ColumnRoles(category="kind"))
    shop = Dataset.from_frames(LOG, ITEMS, USERS.head(2), info=info)
    everybody = USERS.with_columns(segment=pl.Series(["gold", "tin", "gold"]))
    found = evaluate_recommender(
        Fixed(shop),  # type: ignore[arg-type]
        TRUTH,
        (2, 1, 2),
        attributes=everybody,
        resamples=10,
    )
    assert found.ks == (1, 2)
    assert found.value("ALL", HYBRID, "recall@2", "segment=gold") == pytest.approx(1 / 3)


def test_slices_are_columns_of_the_per_user_values(scorecard) -> None:  # type: ignore[no-untyped-def]
    table = scorecard.scan("ALL").collect()
    assert table["slice:segment"].to_list() == ["segment=gold", "segment=tin", "segment=(none)"]
    assert table["n_relevant"].to_list() == [3, 1, 1]
    assert table["list"].to_list() == [["x", "z"], ["y", "x"], ["x", "y"]]
    assert table["history"].to_list() == [["x", "x"], ["y"], []]
    assert table["recall@2/items: head"].to_list() == [1.0, None, None]
    assert "recall@2/items: head" in scorecard.user_metrics("ALL")
    assert dict(scorecard.titles.iter_rows()) == {"x": "X", "y": "Y", "z": "Z"}


def test_what_describes_nobody_is_no_slice() -> None:
    many = pl.DataFrame(
        {"user_id": [f"u{i}" for i in range(60)], "email": [f"{i}@x" for i in range(60)]}
    ).with_columns(plan=pl.lit("basic"), none=pl.lit(None, dtype=pl.String))
    found = user_slices(many["user_id"], np.ones(60, dtype=np.int64), many)
    assert found.columns == ["slice:history", "slice:warmth", "slice:plan"]


def test_the_categories_with_most_targets_have_a_slice() -> None:
    categories = np.arange(1, 16)  # one item each
    names = ["", *(f"c{i}" for i in range(15))]
    targets = np.repeat(np.arange(15), np.arange(15, 0, -1))
    found = item_slices(np.ones(15, dtype=np.int64), categories, names, targets)
    assert [n for n in found if n.startswith("category")] == [
        *(f"category: c{i}" for i in range(10)),
        "category: (other)",
    ]
    assert found["category: (other)"].sum() == 5


def test_slices_are_in_the_order_of_their_numbers() -> None:
    names = ["segment=b", "history 100+", "history 20-99", "history 1-4", "history 5-19"]
    assert sorted(names, key=by_number) == [
        "history 1-4",
        "history 5-19",
        "history 20-99",
        "history 100+",
        "segment=b",
    ]
