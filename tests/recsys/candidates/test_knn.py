from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from recsys.candidates import co_purchases, item_knn
from recsys.candidates.item_knn import ItemKnn, ItemKnnConfig, _neighbours
from recsys.candidates.text_knn import TextKnn, TextKnnConfig
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.types import Ragged
from tests.contracts.candidate_generator import checkerboard, embeddings, queries

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("products", [1, 20, 70, 10**9])
def test_neighbours_are_the_largest_shrunk_cosines(
    products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(co_purchases, "PRODUCTS_PER_BLOCK", products)
    rng = np.random.default_rng(1)
    x = rng.random((15, 9)) * (rng.random((15, 9)) < 0.5)
    x[:, 4] = 0
    norms = np.linalg.norm(x, axis=0)
    similarity = (x.T @ x) / (norms[:, None] * norms + 2.0)
    np.fill_diagonal(similarity, 0)
    found = _neighbours(sp.csr_matrix(x.astype(np.float32)), 3, 2.0).toarray()
    for j in range(9):
        best = [i for i in np.argsort(-similarity[:, j])[:3] if similarity[i, j] > 0]
        assert sorted(np.flatnonzero(found[:, j])) == sorted(best)
        np.testing.assert_allclose(found[best, j], similarity[best, j], rtol=1e-5)


def test_a_score_is_the_history_times_the_similarities() -> None:
    config = ItemKnnConfig(weighting="cosine", shrink=0, half_life_days=None)
    model = ItemKnn(config).fit(checkerboard(), rng=RNG)
    said = model.score(queries([[0, 2]]), Ragged.from_lists([[4, 1]]))
    # Twelve even shoppers; two left out each even item: 10 x 10 bought it, 8 both.
    np.testing.assert_allclose(said, [2 * 8 / 10, 0], rtol=1e-6)


def test_some_items_score_as_among_all(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ItemKnnConfig(weighting="cosine", shrink=0, half_life_days=None, neighbours=3)
    model = ItemKnn(config).fit(checkerboard(), rng=RNG)
    asked, listed = queries([[0, 2], [1], [0]]), Ragged.from_lists([[4, 1], [3], [4, 0]])
    few = model.score(asked, listed)
    monkeypatch.setattr(item_knn, "FEW", 0)
    some = model.score(asked, listed)
    monkeypatch.setattr(item_knn, "FEW", 10**9)
    assert some.tolist() == few.tolist() == model.score(asked, listed).tolist()
    assert some[0] == 2 * some[3]
    assert some[1] == some[4] == 0


def text_knn(**options: float) -> TextKnn:
    return TextKnn(TextKnnConfig(**options), embeddings()).fit(checkerboard(), rng=RNG)


def test_items_that_read_alike_come_first() -> None:
    found = text_knn().candidates(queries([[0, 2], [1]]), 5)
    assert (found.items[:5] % 2 == 0).all()
    assert (found.items[5:] % 2 == 1).all()


def test_popularity_decides_between_equal_texts() -> None:
    vectors = embeddings()
    vectors[12] = vectors[4]  # nobody bought 12
    model = TextKnn(TextKnnConfig(popularity=0.3), vectors).fit(checkerboard(), rng=RNG)
    said = model.score(queries([[0]]), Ragged.from_lists([[4, 12]]))
    assert said[0] - said[1] == pytest.approx(0.3, abs=1e-3)


def test_an_item_without_text_is_passed_over() -> None:
    vectors = embeddings()
    vectors[4] = 0
    model = TextKnn(TextKnnConfig(), vectors).fit(checkerboard(), rng=RNG)
    assert 4 not in model.candidates(queries([[0]]), 99).items
    assert np.isnan(model.score(queries([[0]]), Ragged.from_lists([[4]]))).all()
    assert not len(model.candidates(queries([[4]]), 3).items)


def test_embeddings_that_went_through_half_precision_change_nothing() -> None:
    raw = embeddings() / np.linalg.norm(embeddings(), axis=1, keepdims=True)
    fitted = TextKnn(TextKnnConfig(), raw).fit(checkerboard(), rng=RNG)
    loaded = TextKnn.from_state(fitted.state()).attach(raw.astype(np.float16).astype(np.float32))
    asked = queries([[0, 2], [1, 5]])
    np.testing.assert_array_equal(
        fitted.candidates(asked, 9).scores, loaded.candidates(asked, 9).scores
    )


def test_embeddings_must_be_there_and_fit() -> None:
    with pytest.raises(DataError, match="no fresh embeddings for 14 items"):
        TextKnn().fit(checkerboard(), rng=RNG)
    with pytest.raises(DataError, match="13 embeddings for 14 items"):
        TextKnn(embeddings=embeddings()[:13]).fit(checkerboard(), rng=RNG)
    loaded = TextKnn.from_state(text_knn().state())
    with pytest.raises(DataError, match="attach"):
        loaded.candidates(queries([[0]]), 1)
    with pytest.raises(DataError, match="attach"):
        loaded.score(queries([[0]]), Ragged.from_lists([[0]]))


def test_the_newest_items_of_a_long_history_are_read() -> None:
    model = ItemKnn(ItemKnnConfig(max_history=2)).fit(checkerboard(), rng=RNG)
    long, short = queries([[1, 3, 0, 2]]), queries([[0, 2]])
    whole = Ragged.from_lists([range(12)])
    np.testing.assert_array_equal(model.score(long, whole), model.score(short, whole))


def test_a_shop_without_interactions() -> None:
    none = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64})
    shop = Dataset.from_frames(none, pl.DataFrame({"item_id": ["a", "b"]}))
    model = ItemKnn().fit(shop, rng=RNG)
    assert not len(model.candidates(queries([[0]]), 2).items)


def test_the_only_text_that_was_bought_is_still_one_after_a_load() -> None:
    """It is the centre of all purchases, so nothing is left of it but its popularity."""
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["b"], "timestamp": [0]})
    shop = Dataset.from_frames(log, pl.DataFrame({"item_id": ["a", "b"]}))
    vectors = np.eye(2, dtype=np.float32)
    fitted = TextKnn(TextKnnConfig(popularity=0.3), vectors).fit(shop, rng=RNG)
    loaded = TextKnn.from_state(fitted.state()).attach(vectors)
    for model in (fitted, loaded):
        said = model.score(queries([[1]]), Ragged.from_lists([[0, 1]]))
        np.testing.assert_allclose(said, [0, 0.3], rtol=1e-6)
    loaded.add_items(vectors[[1]])
    assert loaded.score(queries([[1]]), Ragged.from_lists([[2]])).tolist() == [0]
