from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from recsys.candidates.registry import GENERATORS, generator_class
from recsys.dataset import Dataset
from recsys.errors import RecipeError
from recsys.protocols import CandidateGenerator, Fittable, NeedsEmbeddings
from recsys.types import Ragged
from tests.contracts.candidate_generator import (
    DIM,
    CandidateGeneratorContract,
    checkerboard,
    embeddings,
    queries,
)

FITTED = [name for name in GENERATORS if name != "history"]


def fitted(name: str, **options: Any) -> CandidateGenerator:
    model, config = generator_class(name)
    generator = model(config(**options))
    if isinstance(generator, NeedsEmbeddings):
        generator.attach(embeddings())
    return generator.fit(checkerboard(), rng=np.random.default_rng(0))


class Contract(CandidateGeneratorContract):
    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> CandidateGenerator:
        if cls.name == "bpr":
            pytest.importorskip("implicit")
        if cls.name == "lightfm":
            pytest.importorskip("lightfm")
        return fitted(cls.name, **cls.options)

    def test_the_same_seed_fits_the_same(self, generator: CandidateGenerator) -> None:
        again = fitted(self.name, **self.options).state()
        state = generator.state()
        assert state.config == again.config
        for name, array in state.arrays.items():
            np.testing.assert_array_equal(array, again.arrays[name])


class TestPopular(Contract):
    name = "popular"
    learns_from_others = False
    needs_history = False


class TestRepeatPurchase(Contract):
    name = "repeat_purchase"
    learns_from_others = False


class TestItemKnn(Contract):
    name = "item_knn"


class TestItemKnnTfidf(Contract):
    name = "item_knn"
    options: ClassVar = {"weighting": "tfidf"}


class TestItemKnnBm25(Contract):
    name = "item_knn"
    options: ClassVar = {"weighting": "bm25"}


class TestEasePrimal(Contract):
    name = "ease"
    options: ClassVar = {"reg": 5.0}


class TestEaseDual(Contract):
    name = "ease"
    options: ClassVar = {"reg": 5.0, "solver": "dual"}


class TestEaseSparse(Contract):
    name = "ease"
    options: ClassVar = {"reg": 5.0, "solver": "sparse"}


class TestSpectral(Contract):
    name = "spectral"
    options: ClassVar = {"factors": 3}


class TestAls(Contract):
    name = "als"
    options: ClassVar = {"factors": 4}


class TestAlsLeaningToThePopular(Contract):
    name = "als"
    options: ClassVar = {"factors": 4, "reg_power": 0.5, "popularity": 0.1}


class TestBpr(Contract):
    name = "bpr"
    options: ClassVar = {"factors": 4, "iterations": 300}


class TestLightFm(Contract):
    name = "lightfm"
    options: ClassVar = {"factors": 4, "epochs": 60}


class TestTextKnn(Contract):
    name = "text_knn"
    # Nobody's popularity tells even items from even items here.
    learns_from_others = False


@pytest.mark.parametrize("name", FITTED)
def test_can_be_fitted_and_says_its_limits(name: str) -> None:
    model, config = generator_class(name)
    generator = model(config())
    assert isinstance(generator, Fittable)
    assert generator.name == name
    assert generator.limits(checkerboard()) is None or name == "lightfm"


@pytest.mark.parametrize("name", FITTED)
def test_configs_refuse_unknown_keys(name: str) -> None:
    _, config = generator_class(name)
    with pytest.raises(ValueError, match="no_such_key"):
        config(no_such_key=1)


def test_an_unknown_generator_is_named() -> None:
    with pytest.raises(RecipeError, match=r"'wide'.*popular"):
        generator_class("wide")


def tiny(rows: list[tuple[str, str, int]], weights: list[float] | None = None) -> Dataset:
    frame = pl.DataFrame(
        rows,
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64},
        orient="row",
    )
    if weights is not None:
        frame = frame.with_columns(pl.Series("weight", weights))
    return Dataset.from_frames(frame, pl.DataFrame({"item_id": ["a", "b"]}))


SMALL = {
    "no interactions": tiny([]),
    "one interaction": tiny([("u", "a", 1)]),
    "everybody bought everything": tiny([(u, i, 1) for u in "uv" for i in "ab"]),
    "all returned": tiny([("u", "a", 1), ("u", "b", 2)], weights=[-1.0, 0.0]),
}


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("shop", SMALL.values(), ids=list(SMALL))
def test_a_shop_with_next_to_nothing(name: str, shop: Dataset) -> None:
    model, config = generator_class(name)
    generator = model(config())
    if generator.limits(shop):
        pytest.skip(generator.limits(shop))
    if isinstance(generator, NeedsEmbeddings):
        generator.attach(np.eye(2, DIM, dtype=np.float32))
    if name == "bpr":
        pytest.importorskip("implicit")
    generator.fit(shop, rng=np.random.default_rng(0))
    batch = queries([[0], [], [1, 0]])
    found = generator.candidates(batch, 3)
    assert np.isfinite(found.scores).all()
    assert set(found.items.tolist()) <= {0, 1}
    assert not np.isinf(generator.score(batch, Ragged.from_lists([[0, 1]] * 3))).any()


@pytest.mark.parametrize("name", ["bpr", "lightfm", "popular", "repeat_purchase", "text_knn"])
def test_what_was_brought_back_is_as_if_never_bought(name: str) -> None:
    pytest.importorskip({"bpr": "implicit", "lightfm": "lightfm"}.get(name, "numpy"))
    shop = checkerboard()
    h, log = shop.histories, shop.interactions
    returned = h.items == 10
    weights = np.where(returned, 0, h.weights)  # what a purchase and its return add up to
    zeroed = replace(shop, interactions=replace(log, histories=replace(h, weights=weights)))
    model, config = generator_class(name)
    states = []
    for dataset in (zeroed, shop.keep(~returned)):
        generator = model(config())
        if isinstance(generator, NeedsEmbeddings):
            generator.attach(embeddings())
        states.append(generator.fit(dataset, rng=np.random.default_rng(0)).state().arrays)
    if name == "repeat_purchase":  # a shopper who keeps the item may buy it again
        assert states[0]["known"].sum() == states[1]["known"].sum() + 1
        assert states[0]["prior"][10] == 0
        states[0]["prior"] = np.delete(states[0]["prior"], 10)
        states[0]["known"] = states[1]["known"]
    for key, array in states[0].items():
        np.testing.assert_allclose(array, states[1][key], atol=1e-5, err_msg=key)
