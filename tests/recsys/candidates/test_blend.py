from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from recsys.candidates.blend import blend
from recsys.candidates.item_knn import ItemKnn
from recsys.candidates.popular import Popular
from recsys.candidates.repeat_purchase import RepeatPurchase
from recsys.candidates.text_knn import TextKnn
from recsys.protocols import CandidateGenerator
from recsys.types import Ragged
from tests.contracts.candidate_generator import (
    asked,
    checkerboard,
    embeddings,
    lists,
    queries,
)


@pytest.fixture(scope="module")
def generators() -> dict[str, CandidateGenerator]:
    rng = np.random.default_rng(0)
    models = [Popular(), RepeatPurchase(), ItemKnn(), TextKnn(embeddings=embeddings())]
    return {m.name: m.fit(checkerboard(), rng=rng) for m in models}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=asked)
def test_unites_proposals_and_asks_everybody_about_all(
    generators: dict[str, CandidateGenerator], asked: list[tuple[list[int], list[int]]]
) -> None:
    batch = queries([h for h, _ in asked], exclude=[e for _, e in asked])
    found = blend(generators, batch, 3)
    proposals = {name: lists(g.candidates(batch, 3)) for name, g in generators.items()}
    assert found.names == tuple(generators)
    assert len(found) == len(batch)
    for i in range(len(batch)):
        rows = found.items[found.indptr[i] : found.indptr[i + 1]].tolist()
        assert rows == sorted({item for own in proposals.values() for item in own[i]})
        for g, name in enumerate(generators):
            own = proposals[name][i]
            ranks = found.ranks[g, found.indptr[i] : found.indptr[i + 1]].tolist()
            assert ranks == [own.index(row) + 1 if row in own else 0 for row in rows]
    whole = Ragged(found.indptr, found.items)
    for g, generator in enumerate(generators.values()):
        np.testing.assert_allclose(found.scores[g], generator.score(batch, whole), atol=1e-5)


def test_a_generator_may_only_score(generators: dict[str, CandidateGenerator]) -> None:
    two = {name: generators[name] for name in ("popular", "item_knn")}
    found = blend(two, queries([[0, 2]]), {"popular": 0, "item_knn": 2})
    own = lists(two["item_knn"].candidates(queries([[0, 2]]), 2))[0]
    assert found.items.tolist() == sorted(own)
    assert not found.ranks[0].any()
    assert np.isfinite(found.scores[0]).all()


def test_nothing_is_proposed_where_everything_is_excluded(
    generators: dict[str, CandidateGenerator],
) -> None:
    found = blend(generators, queries([[0]], exclude=[range(14)]), 5)
    assert found.counts.tolist() == [0]
    assert found.scores.shape == (4, 0)


def test_no_queries(generators: dict[str, CandidateGenerator]) -> None:
    assert len(blend(generators, queries([]), 5)) == 0


@pytest.mark.parametrize("n", [0, -1])
def test_fewer_than_one_is_refused(generators: dict[str, CandidateGenerator], n: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        blend(generators, queries([[0]]), n)
