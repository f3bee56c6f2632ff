"""The output contract, through the client and the service, with the same answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from recsys import RecommendationRequest, Recommendations, Recommender
from recsys.client import Client
from tests.contracts.recommender import RecommenderContract
from tests.serving.outside.conftest import Running


class ThroughTheClient:
    """A recommender whose lists come over HTTP; what it knows is read in process.

    Every list is compared with the one that the recommender in this process makes.
    """

    def __init__(self, client: Client, twin: Recommender) -> None:
        self._client = client
        self._twin = twin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)

    def recommend(self, user_id: str | None = None, k: int = 10, **options: Any) -> Recommendations:
        found = self._client.recommend(user_id, k, **options)
        same(found, self._twin.recommend(user_id, k, **options))
        return found

    def recommend_many(
        self, requests: Sequence[RecommendationRequest], **options: Any
    ) -> Sequence[Recommendations]:
        found = self._client.recommend_many(requests, **options)
        for one, mine in zip(found, self._twin.recommend_many(requests, **options), strict=True):
            same(one, mine)
        return found

    def similar_items(self, item_id: str, k: int = 10) -> list[tuple[str, float]]:
        return self._client.similar_items(item_id, k)


def same(theirs: Recommendations, mine: Recommendations) -> None:
    """Assert that two answers are one; a batch may round its scores otherwise."""
    assert [replace(i, score=0) for i in theirs] == [replace(i, score=0) for i in mine]
    assert [i.score for i in theirs] == pytest.approx([i.score for i in mine], rel=1e-4, abs=1e-6)
    assert theirs.fallback == mine.fallback
    assert theirs.warnings == mine.warnings
    assert theirs.user_id == mine.user_id
    assert theirs.model_version == mine.model_version


@pytest.fixture(scope="module")
def recommender(service: Running, in_process: Recommender) -> Iterator[ThroughTheClient]:
    # A tenant of its own: nothing that other tests did to their shop is seen here.
    with Client(service.url, service.key("read", tenant="contract")) as client:
        yield ThroughTheClient(client, in_process)


class TestThroughTheClient(RecommenderContract):
    """Inherits every test."""
