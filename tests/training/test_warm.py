"""Going on from an earlier bundle's weights, where they may be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.candidates.history import HistoryGenerator
from recsys.candidates.history_model import HistoryModelConfig
from recsys.dataset import Dataset
from recsys.errors import RecipeError
from recsys.vocabulary import Vocabulary
from training.history import HistoryConfig
from training.pipeline import fit_recommender
from training.recipe import HistoryOptions, Recipe
from training.warm import WarmStart

MODEL = HistoryModelConfig(dim=8, blocks=1, heads=2, max_length=8)


def shop(items: list[str], days: int, time: str = "global") -> Dataset:
    """A shop of 12 shoppers who buy the items in turn, one a day."""
    rows = [
        (f"u{u}", items[(u + day) % len(items)], day * 86_400_000_000)
        for u in range(12)
        for day in range(days)
    ]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    if time == "global":
        log = log.with_columns(pl.col("timestamp").cast(pl.Datetime("us")))
    catalogue = pl.DataFrame({"item_id": items, "title": [f"item {i}" for i in items]})
    return Dataset.from_frames(log, catalogue)


def generator(dataset: Dataset) -> HistoryGenerator:
    popularity = np.arange(1, dataset.n_items + 1, dtype=np.float32)
    return HistoryGenerator.start(dataset, None, MODEL, popularity)


def start_of(dataset: Dataset) -> WarmStart:
    return WarmStart(generator(dataset), dataset.items, dataset.end, "v1", "enc")


def test_weights_follow_their_items_into_other_rows() -> None:
    first = shop(["a", "b", "c"], days=6)
    second = shop(["new", "c", "b", "a"], days=8)
    earlier = start_of(first)
    found = earlier.generators(second, second.end + 1, "enc")["history"]
    assert isinstance(found, HistoryGenerator)
    later = HistoryGenerator.start(
        second, None, MODEL, np.zeros(4, dtype=np.float32), warm_start=found
    )
    assert earlier.history is not None
    old = earlier.history.network.ids.weight.detach().numpy()
    new = later.network.ids.weight.detach().numpy()
    for item in ("a", "b", "c"):
        before = old[earlier.history._id_of_item[first.items.rows([item])[0]]]
        assert np.array_equal(new[later._id_of_item[second.items.rows([item])[0]]], before)


def test_weights_that_have_seen_too_much_are_not_used() -> None:
    dataset = shop(["a", "b", "c"], days=6)
    earlier = start_of(dataset)
    assert earlier.generators(dataset, dataset.end + 1, "enc")
    assert not earlier.generators(dataset, dataset.end, "enc")
    assert not earlier.generators(dataset, None, "enc")
    assert not earlier.generators(dataset, dataset.end + 1, "another encoder")
    assert not replace(earlier, history=None).generators(dataset, dataset.end + 1, "enc")


def test_another_shape_is_named() -> None:
    earlier = start_of(shop(["a", "b", "c"], days=6))
    recipe = Recipe(history=HistoryOptions(model=MODEL.model_copy(update={"dim": 16})))
    with pytest.raises(RecipeError, match=r"history\.model\.dim is 16 in the recipe and 8"):
        earlier.checked(recipe)
    assert earlier.checked(Recipe(history=HistoryOptions(model=MODEL))) is earlier


@pytest.mark.parametrize("time", ["global", "per_user_order"])
def test_a_warm_fit_takes_fewer_steps(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    """Without label windows, a cold fit trains twice (to know when to stop), a warm one once.

    Places in the orders of different shoppers say nothing of what a bundle has seen, so there
    every fit is a cold one.
    """
    from training import networks

    calls: list[bool] = []
    fit = networks.Here.history

    def counted(*arguments: object, **options: object) -> HistoryGenerator:
        calls.append(options.get("warm_start") is not None)
        return fit(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(networks.Here, "history", staticmethod(counted))
    config = HistoryConfig(model=MODEL, warm_epochs=1, n_negatives=3)
    values = {
        "text": {"encoder": "hashing", "dim": 16},
        "ranker": {"enabled": False},
        "candidates": {n: {"enabled": False} for n in ("als", "bpr", "lightfm", "ease")},
        "history": {**config.model_dump(), "enabled": True},
    }
    values["history"]["trainer"]["epochs"] = 2
    recipe = Recipe.model_validate(values)
    items = ["a", "b", "c", "d"]
    first = fit_recommender(shop(items, 40, time), recipe)
    assert calls == [False, True]
    # Positions, small as they are, say nothing beside the moments of other data.
    assert (WarmStart.of(first).history is not None) == (time == "global")
    calls.clear()
    second = fit_recommender(shop([*items, "e"], 45, time), recipe, warm=WarmStart.of(first))
    assert calls == ([True] if time == "global" else [False, True])
    assert len(second.items) == 5
    assert isinstance(second.items, Vocabulary)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("expansion", 3.0, r"expansion is 3\.0 in the recipe and 2\.0"),
        ("temperature", None, r"temperature is None in the recipe and 0\.2"),
        ("use_gaps", False, r"use_gaps is False in the recipe and True"),
    ],
)
def test_weights_that_the_recipe_has_no_place_for_are_named(
    name: str, value: float | None, message: str
) -> None:
    earlier = start_of(shop(["a", "b", "c"], days=6))
    recipe = Recipe(history=HistoryOptions(model=MODEL.model_copy(update={name: value})))
    with pytest.raises(RecipeError, match=rf"history\.model\.{message}"):
        earlier.checked(recipe)


def test_gaps_that_the_weights_do_not_know_are_named() -> None:
    bundle = shop(["a", "b", "c"], days=6)
    found = HistoryGenerator.start(
        bundle, None, MODEL.model_copy(update={"use_gaps": False}), np.zeros(3, dtype=np.float32)
    )
    earlier = WarmStart(found, bundle.items, bundle.end, "v1", "enc")
    with pytest.raises(RecipeError, match=r"use_gaps is True in the recipe and False"):
        earlier.checked(Recipe(history=HistoryOptions(model=MODEL)))


def test_another_temperature_to_begin_with_is_no_other_shape() -> None:
    earlier = start_of(shop(["a", "b", "c"], days=6))
    recipe = Recipe(history=HistoryOptions(model=MODEL.model_copy(update={"temperature": 0.1})))
    assert earlier.checked(recipe) is earlier
