from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from recsys.candidates.registry import GENERATORS, generator_class
from recsys.errors import RecipeError
from recsys.protocols import CandidateGenerator, Fittable, NeedsEmbeddings
from tests.contracts.candidate_generator import (
    CandidateGeneratorContract,
    checkerboard,
    embeddings,
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


class TestAls(Contract):
    name = "als"
    options: ClassVar = {"factors": 4}


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
