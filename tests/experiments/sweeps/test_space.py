from __future__ import annotations

import pytest

from experiments import shipped
from experiments.sweeps.space import (
    DEFAULTS,
    Choices,
    Range,
    applied,
    own_values,
    read_space,
)
from recsys.errors import RecipeError
from training.recipe import Recipe

BASE = Recipe()


def fault(*given: str, recipe: Recipe = BASE) -> str:
    with pytest.raises(RecipeError) as caught:
        read_space(recipe, given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("history.trainer.lr=log:1e-4..1e-2", Range(1e-4, 1e-2, log=True)),
        ("candidates.als.reg=0.01..1", Range(0.01, 1.0)),
        # 0..1 of a real-valued key is not 0 or 1; 20..40 of a whole-numbered one is whole.
        ("ranker.dropout=0..0.5", Range(0.0, 0.5)),
        ("candidates.item_knn.neighbours=log:20..40", Range(20, 40, log=True, whole=True)),
        ("history.model.dim=64, 128,256", Choices(("64", "128", "256"))),
        ("candidates.ease.reg=none,30,1e2", Choices(('"none"', "30.0", "100.0"))),
        ("ranker.loss=listwise,pairwise", Choices(('"listwise"', '"pairwise"'))),
        ("candidates.bpr.enabled=true,false", Choices(("true", "false"))),
        ("history.trainer.betas=[0.9, 0.98],[0.8, 0.9]", Choices(("[0.9, 0.98]", "[0.8, 0.9]"))),
    ],
)
def test_a_dimension_is_read(given: str, expected: object) -> None:
    assert list(read_space(BASE, [given]).values()) == [expected]


def test_the_table_of_the_recipe_is_read_and_the_command_line_wins() -> None:
    text = """
    [search]
    history.trainer.lr = "log:1e-4..1e-2"
    ranker.hidden = [32, 64]
    """
    recipe = Recipe.from_toml(text)
    space = read_space(recipe, ["ranker.hidden=16..32", "ranker.lr=log:1e-3..1e-2"])
    assert {key: str(d) for key, d in space.items()} == {
        "history.trainer.lr": "log:0.0001..0.01",
        "ranker.hidden": "16..32",
        "ranker.lr": "log:0.001..0.01",
    }
    # Training does not read the table, so it is no part of what a recipe is.
    assert recipe.digest == Recipe().digest
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ranker.lrr=1..2", "nearest valid key: ranker.lr"),
        ("ranker.hidden=1.5..2.5", "ranker.hidden = 1.5"),
        ("ranker.hidden=0..64", "greater than or equal to 2"),
        ("ranker.dropout=0.5..0.1", "0.5 is not below 0.1"),
        ("ranker.dropout=log:0..0.5", "begins above 0"),
        ("ranker.dropout=log:0.1", "LOW..HIGH"),
        ("ranker.dropout=a..b", "LOW..HIGH"),
        ("ranker.dropout=0..inf", "LOW..HIGH"),
        ("ranker.lr=log:1e-4..1e400", "LOW..HIGH"),
        ("candidates.als.enabled=0..1", "write true,false"),
        ("ranker.loss=listwise,best", "best"),
        ("ranker.loss=listwise", "one value is no search"),
        ("ranker=1,2", "ranker"),
        ("seed=0,1,2", "seed stays as it is"),
        ("split.days=7,14", "split stays as it is"),
        ("ranker.lr", "KEY=SPEC"),
        ("ranker.lr=", "KEY=SPEC"),
    ],
)
def test_what_cannot_be_searched_is_refused(given: str, words: str) -> None:
    assert words in fault(given)


def test_a_component_that_is_off_is_not_searched() -> None:
    off = Recipe.from_toml("", ["history.enabled=false", "candidates.ease.enabled=false"])
    assert "history.enabled = false" in fault("history.trainer.lr=log:1e-4..1e-2", recipe=off)
    both = ["candidates.ease.enabled=true,false", "candidates.ease.reg=10..100"]
    assert len(read_space(off, both)) == 2
    assert set(read_space(off)) == {
        key for key in DEFAULTS if not key.startswith(("history.", "candidates.ease."))
    }


@pytest.mark.parametrize("name", shipped.names())
def test_the_defaults_fit_every_shipped_recipe(name: str) -> None:
    recipe = shipped.find(name)
    space = read_space(recipe)
    assert set(space) == set(DEFAULTS)
    ends = {
        key: d.values[-1] if isinstance(d, Choices) else d.written(d.high)
        for key, d in space.items()
    }
    assert applied(recipe, ends).digest != recipe.digest


def test_the_recipe_has_a_place_in_the_space_or_not() -> None:
    space = read_space(BASE, ["ranker.dropout=0..0.5", "ranker.hidden=64,96"])
    assert own_values(BASE, space) == {"ranker.dropout": 0.1, "ranker.hidden": "96"}
    assert own_values(BASE, read_space(BASE, ["ranker.dropout=0.2..0.5"])) is None
    assert own_values(BASE, read_space(BASE)) is not None
