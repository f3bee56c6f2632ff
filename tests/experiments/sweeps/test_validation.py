from __future__ import annotations

import pytest

from experiments.sweeps.validation import Objective, validation_split
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.splits import DAY
from tests.experiments.shop import tiny_shop
from training.recipe import Recipe


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.read(tiny_shop(tmp_path_factory.mktemp("shop") / "data"))


@pytest.mark.parametrize("cut", [[], ["split.kind=temporal", "split.cut=2024-03-04"]])
def test_validation_is_as_long_as_the_test_and_before_it(dataset: Dataset, cut: list[str]) -> None:
    recipe = Recipe.from_toml("", cut or ["split.days=7"])
    outer, inner = validation_split(dataset, recipe)
    assert outer.cut is not None
    assert inner.cut is not None
    assert outer.cut - inner.cut == dataset.end + 1 - outer.cut
    if not cut:
        assert outer.cut - inner.cut == 7 * DAY
    # What is learned ends before the validation window, and that before the test.
    assert inner.train.end < inner.cut <= outer.train.end < outer.cut
    bought = outer.train.histories.times >= inner.cut
    users = set(outer.train.users.ids.gather(outer.train.histories.owner[bought]))
    assert set(inner.truth["user_id"]) == users


def test_a_test_window_of_most_of_the_data_leaves_nothing(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="needs data before it"):
        validation_split(dataset, Recipe.from_toml("", ["split.days=60"]))


def test_without_time_the_same_kind_of_split_is_cut_twice(dataset: Dataset) -> None:
    recipe = Recipe.from_toml("", ["split.kind=holdout", "split.fraction=0.2"])
    outer, inner = validation_split(dataset, recipe)
    assert outer.kind == inner.kind == "holdout"
    n = len(dataset.interactions)
    assert n > len(outer.train.interactions) > len(inner.train.interactions)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ndcg@10", "targets are ALL and NEW"),
        ("WARM/ndcg@10", "targets are ALL and NEW"),
        ("NEW/ndcg", "cut-off"),
        ("NEW/ndgc@10", "ndcg"),
        ("NEW/novelty@10", "has a direction"),
    ],
)
def test_what_cannot_be_improved_is_refused(text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        Objective.parse(text)
    assert words in str(caught.value)


def test_an_objective_has_a_direction() -> None:
    assert Objective.parse("NEW/ndcg@10").direction == "maximize"
    assert Objective.parse("ALL/gini@20").direction == "minimize"
    assert Objective.parse("ALL/gini@20").k == 20
