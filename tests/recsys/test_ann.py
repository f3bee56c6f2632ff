"""Approximate search: gated by recall, exact scores, masks kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.recommender import Recommender
from recsys.topk import topk_factors
from recsys.topk.ann import AnnIndex, Graph
from recsys.types import FloatArray, Ragged
from tests.recsys.shop import PLAIN, small_shop, train, trained

pytest.importorskip("usearch", reason="the extra `ann` is not installed")

N, DIM = 1500, 8


@pytest.fixture(scope="module")
def items() -> FloatArray:
    return np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def users() -> FloatArray:
    return np.random.default_rng(1).standard_normal((20, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def graph(items: FloatArray, users: FloatArray) -> Graph:
    built, recall = Graph.build(items, users, k=20)
    assert built is not None
    assert built.recall == recall >= 0.95
    return built


def test_what_is_found_has_its_exact_score(
    items: FloatArray, users: FloatArray, graph: Graph
) -> None:
    ann = AnnIndex(items, graph)
    hits = 0
    for user in users:
        found = ann.search(user[None], 20)
        np.testing.assert_allclose(found.scores, items[found.items] @ user, rtol=1e-5)
        assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
        assert len(found.items) == len(set(found.items.tolist())) == 20
        hits += len(set(found.items) & set(topk_factors(user[None], items, 20).items))
    assert hits / (20 * len(users)) >= 0.95


def test_masks_are_kept_whatever_they_leave(
    items: FloatArray, users: FloatArray, graph: Graph
) -> None:
    ann = AnnIndex(items, graph)
    best = topk_factors(users[:1], items, 30)
    exclude = Ragged.from_lists([best.items])
    found = ann.search(users[:1], 20, exclude=exclude)
    assert len(found.items) == 20
    assert not set(found.items) & set(best.items)
    for left in (N // 2, 7, 0):
        eligible = np.zeros(N, dtype=np.bool_)
        eligible[np.random.default_rng(left).choice(N, left, replace=False)] = True
        found = ann.search(users[:1], 20, eligible=eligible)
        assert len(found.items) == min(20, left)
        assert eligible[found.items].all()


def test_many_shoppers_are_searched_exactly(
    items: FloatArray, users: FloatArray, graph: Graph
) -> None:
    found = AnnIndex(items, graph).search(users, 10)
    assert found.items.tolist() == topk_factors(users, items, 10).items.tolist()


def test_a_silent_shopper_gets_nothing_and_a_pair_keeps_its_order(
    items: FloatArray, users: FloatArray, graph: Graph
) -> None:
    pair = np.stack([np.full(DIM, np.nan, dtype=np.float32), users[0]])
    found = AnnIndex(items, graph).search(pair, 5)
    assert found.counts.tolist() == [0, 5]


def test_a_graph_below_the_bar_is_not_given_out(items: FloatArray, users: FloatArray) -> None:
    graph, found = Graph.build(items, users, k=20, recall=1.01)
    assert graph is None
    assert 0.5 < found <= 1


def test_a_saved_graph_proposes_the_same(users: FloatArray, graph: Graph) -> None:
    again = Graph(graph.data.copy(), **graph.config)
    assert again.propose(users[3], 15).tolist() == graph.propose(users[3], 15).tolist()


def test_a_recommender_searches_by_graphs_and_keeps_them(tmp_path: Path) -> None:
    exact = trained()
    exact.save(tmp_path / "exact")
    fast = Recommender.load(tmp_path / "exact")
    assert fast.accelerate() == {}
    found = fast.accelerate(min_items=1)
    assert set(found) == {"als", "bpr", "lightfm", "history"} & set(fast.components)
    assert all(share >= 0.95 for share in found.values())
    fast.save(tmp_path / "fast")
    again = Recommender.load(tmp_path / "fast")
    overlay = again.with_items(pl.DataFrame({"item_id": ["new"], "title": ["green tea"]}))
    overlay.save(tmp_path / "overlay")
    grown = Recommender.load(tmp_path / "overlay")
    for user in [*exact.users.ids[:10], "stranger"]:
        # Of 60 items a graph finds the best hundred, which are all.
        expected = exact.recommend(user, 20).item_ids
        assert fast.recommend(user, 20).item_ids == again.recommend(user, 20).item_ids == expected
        assert grown.recommend(user, 61, repeats="allow").item_ids.count("new") == 1


def test_a_graph_below_the_bar_is_told_and_left(tmp_path: Path) -> None:
    shop = train(small_shop(), *PLAIN)
    before = shop.recommend("x", 5)
    with pytest.warns(UserWarning, match=r"als: the graph finds [01]\.\d+ .*stays exact"):
        shop.accelerate(min_items=1, recall=1.5)
    assert shop.recommend("x", 5) == before
    assert "graph" not in shop.engine.generators["als"].state().config


def test_a_graph_of_the_same_items_is_the_same() -> None:
    rng = np.random.default_rng(0)
    items = rng.standard_normal((3000, 16)).astype(np.float32)
    users = rng.standard_normal((8, 16)).astype(np.float32)
    graphs = [Graph.build(items, users)[0] for _ in range(3)]
    assert all(graph is not None for graph in graphs)
    assert len({graph.data.tobytes() for graph in graphs if graph is not None}) == 1
