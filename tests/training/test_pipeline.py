"""What the pipeline trains, and in what order, on a small shop."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from experiments.recording import Curves, RecordingLogger
from recsys.dataset import Dataset
from recsys.ranking.config import HEADS
from recsys.recommender import Recommender
from recsys.schema import DatasetInfo
from tests.recsys.shop import SMOKE, small_shop
from training import Recipe, fit_recommender
from training.pipeline import Stages

RANKER_ONLY = ("history.enabled=false", "ranker.epochs=6", "ranker.patience=2")


def played(*overrides: str) -> tuple[Recommender, Curves]:
    logger = RecordingLogger()
    recipe = Recipe.from_toml(SMOKE, [*RANKER_ONLY, *overrides])
    return fit_recommender(small_shop(), recipe, logger), logger.curves


@pytest.fixture(scope="module")
def refitted() -> tuple[Recommender, Curves]:
    return played("ranker.refit=true")


def test_heads_are_trained_anew_for_as_long_as_was_best(
    refitted: tuple[Recommender, Curves],
) -> None:
    _, curves = refitted
    for head in HEADS:
        validation = [value for _, value in curves[f"ranker_{head}"]["validation"]]
        again = curves[f"ranker_{head}_refit"]
        assert len(again["loss"]) == 1 + int(np.argmax(validation))
        assert "validation" not in again


def test_the_newest_window_is_learned_from_in_the_end(
    refitted: tuple[Recommender, Curves],
) -> None:
    early, curves = played()
    assert not [name for name in curves if name.endswith("_refit")]
    late, _ = refitted
    for head in HEADS:
        assert early.engine.ranker is not None
        assert late.engine.ranker is not None
        before = early.engine.ranker.nets[head].scaler.mean
        after = late.engine.ranker.nets[head].scaler.mean
        assert not np.allclose(before.numpy(), after.numpy())


def test_a_shop_without_a_label_has_no_ranker() -> None:
    """One basket each: nothing comes after it, so ranks are fused."""
    items = pl.DataFrame({"item_id": list("abc"), "title": ["tea", "soap", "rice"]})
    log = pl.DataFrame({"user_id": ["u", "v", "w"], "item_id": list("abc"), "timestamp": [1] * 3})
    data = Dataset.from_frames(log, items, info=DatasetInfo(name="t", time="per_user_order"))
    stages = Stages()
    with pytest.warns(UserWarning, match="ranker is left out"):
        made = fit_recommender(data, Recipe.from_toml(SMOKE, [*RANKER_ONLY]), stages=stages)
    assert "ranker" in stages.aside
    assert len(made.recommend("u", k=2)) == 2
