"""The benchmark of one request times the very answers that shoppers get."""

from __future__ import annotations

import pytest

from experiments.benchmarks.request import Clock, first, measure, ranking_cpu, timed_engine
from recsys.recommender import Recommender
from recsys.requests import batches
from recsys.types import RecommendationRequest
from tests.recsys.shop import trained


@pytest.fixture(scope="module")
def recommender() -> Recommender:
    return trained()


def test_the_timed_engine_answers_as_the_engine(recommender: Recommender) -> None:
    timed = timed_engine(recommender.engine, Clock())
    for user in recommender.users.ids[:5]:
        batch = next(batches(recommender.dataset, [RecommendationRequest(user_id=user)]))
        plain = recommender.engine.rank(batch.queries, batch.k, batch.head)
        found = timed.rank(batch.queries, batch.k, batch.head)
        assert found.candidates.items.tolist() == plain.candidates.items.tolist()
        assert found.candidates.scores.tolist() == plain.candidates.scores.tolist()
        assert found.sources.tolist() == plain.sources.tolist()


def test_the_stages_add_up(recommender: Recommender) -> None:
    requests = [RecommendationRequest(user_id=u) for u in recommender.users.ids[:4]]
    rows, cpu = measure(recommender, requests)
    assert rows[-1]["stage"] == "all"
    assert rows[-1]["cpu_ms"] == cpu > 0
    named = {row["stage"] for row in rows}
    assert {"features", "network", "reasons", "requests to queries"} <= named
    for name in recommender.components:
        assert {f"{name}: candidates", f"{name}: scores"} <= named
    assert sum(row["cpu_ms"] for row in rows[:-1]) == pytest.approx(cpu, rel=0.1)


def test_the_ranking_is_timed_for_as_many_candidates_as_wanted(recommender: Recommender) -> None:
    users = recommender.users.ids[:3].to_list()
    size, spent = ranking_cpu(recommender, users, 12)
    assert size == 12
    assert spent > 0
    batch = next(batches(recommender.dataset, [RecommendationRequest(user_id=users[0])]))
    blended = recommender.engine.propose(batch.queries, 20)
    best = first(blended, 7)
    assert set(best.items) <= set(blended.items)
    assert best.scores.shape == (len(blended.names), 7)
