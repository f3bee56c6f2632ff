"""The comparison of the ranker's losses, on lists whose order one feature decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import ranker_losses as losses
from recsys.errors import DataError
from recsys.ranking.config import HEADS
from tests.recsys.shop import SMOKE, small_shop
from training.recipe import Recipe
from training.tables import Table

NAMES = ("own_baskets", "price_log", "user_items")
RECIPE = Recipe.from_toml(SMOKE, ["ranker.hidden=8", "ranker.epochs=6", "ranker.lr=0.02"])


def table(n: int, seed: int) -> Table:
    """Lists of ten; the one relevant candidate has the largest first feature."""
    features = np.random.default_rng(seed).normal(size=(10 * n, 3)).astype(np.float32)
    best = features[:, 0].reshape(n, 10).argmax(axis=1) + 10 * np.arange(n)
    labels = np.zeros(10 * n, dtype=np.bool_)
    labels[best] = True
    return Table(np.arange(0, 10 * n + 1, 10), features, labels, np.ones(n, dtype=np.int64))


def test_arms_are_compared_shopper_by_shopper(tmp_path: Path) -> None:
    found = {"all": losses.Tables(table(300, 0), table(60, 1), table(150, 2))}
    arms = losses.arms(NAMES, RECIPE, ablate=True)
    assert list(arms)[:4] == ["contrastive", "listwise", "pairwise", "lambdarank"]
    chosen = {
        name: arms[name]
        for name in ("contrastive", "pairwise", "without own purchases", "without price")
    }
    rows = losses.compare(found, chosen, tmp_path)  # type: ignore[arg-type]
    by_name = {row["arm"]: row for row in rows}
    assert by_name["contrastive"]["ndcg"] > 0.9
    assert by_name["contrastive"]["difference"] == 0
    assert by_name["pairwise"]["ndcg"] > 0.9
    assert by_name["without own purchases"]["high"] < -0.2
    assert by_name["without price"]["ndcg"] > 0.9
    # What is there is not trained again.
    again = losses.compare(found, dict.fromkeys(chosen, _fails), tmp_path)  # type: ignore[arg-type]
    assert again == rows


def _fails(tables: losses.Tables) -> None:
    raise AssertionError("trained again")


def test_trees_learn_the_same_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightgbm", reason="comes with the extra `benchmark`")
    monkeypatch.setattr(losses, "TREES", 20)
    monkeypatch.setattr(losses, "cores", lambda: 1)
    found = losses.Tables(table(300, 0), table(60, 1), table(100, 2))
    scores = losses.trees(found, seed=0)
    assert losses.ndcg_by_list(scores, found.held_out, 10).mean() > 0.9


def test_windows_are_tabulated_once_and_the_newest_is_measured(tmp_path: Path) -> None:
    recipe = Recipe.from_toml(SMOKE, ["ranker.n_windows=3", "history.enabled=false"])
    names, tables = losses.tabulate(small_shop(), recipe)
    losses.keep(tmp_path, names, tables)
    read, heads = losses.kept(tmp_path, recipe)
    assert read == names
    for head in HEADS:
        oldest, stop, newest = tables[head]
        np.testing.assert_array_equal(heads[head].train.features, oldest.features)
        np.testing.assert_array_equal(heads[head].stop.labels, stop.labels)
        np.testing.assert_array_equal(heads[head].held_out.n_relevant, newest.n_relevant)
    family = tuple(p for prefixes in losses.FAMILIES.values() for p in prefixes)
    assert all(name.startswith(family) for name in names)


def test_too_few_windows_are_refused() -> None:
    recipe = Recipe.from_toml(SMOKE, ["ranker.n_windows=2"])
    with pytest.raises(DataError, match="n_windows=3"):
        losses.tabulate(small_shop(), recipe)
