"""Blurbs and texts: what the workers make is what this process would have made."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from experiments.blurbing import attach_store, pairs_of, write_blurbs
from experiments.cluster import blurbs, texts
from experiments.cluster.connection import Cluster
from experiments.cluster.storage import Place
from recsys.blurbs.generation import BATCH, Budget
from recsys.errors import DataError
from recsys.recommender import Recommender
from recsys.text import CachedEncoder, SentenceEncoder
from tests.experiments.cluster.copyist import Copyist

pytestmark = pytest.mark.ray


def test_blurbs_are_the_local_ones(
    cluster: Cluster, bundle: Path, recommender: Recommender, tmp_path: Path
) -> None:
    users = [*recommender.users.ids[:300].to_list(), "nobody"]
    here, there = Copyist(), Copyist()
    local = attach_store(recommender, tmp_path / "local.sqlite", here)
    want = write_blurbs(recommender, users, local, k=3)
    service = attach_store(recommender, tmp_path / "ray.sqlite", there)
    version = recommender.manifest.version
    elsewhere = blurbs.OnCluster(Place.of(bundle), version, cluster, there, Copyist)
    # A budget that one batch uses up: the run stops, and the next one goes on.
    some = write_blurbs(
        recommender, users, service, k=3, elsewhere=elsewhere, budget=Budget(tokens=1)
    )
    assert some.run is not None
    assert (some.run.written, some.run.stopped) == (BATCH, "tokens")
    got = write_blurbs(recommender, users, service, k=3, elsewhere=elsewhere)
    assert got.run is not None
    assert got.run.cached == BATCH
    assert got.n_pairs == want.n_pairs > 100
    assert got.tiers == want.tiers == {"llm": want.n_pairs}
    assert there.usage.prompt_tokens >= here.usage.prompt_tokens == 10 * want.n_pairs
    pairs = list(pairs_of(recommender, users, 3, "exclude", "en").values())
    assert service.each(pairs) == local.each(pairs)


def test_another_writer_on_a_node_is_refused(
    cluster: Cluster, bundle: Path, recommender: Recommender, tmp_path: Path
) -> None:
    own = Copyist()
    service = attach_store(recommender, tmp_path / "ray.sqlite", own)
    elsewhere = blurbs.OnCluster(
        Place.of(bundle), recommender.manifest.version, cluster, own, partial(Copyist, "2")
    )
    with pytest.raises(DataError, match="the blurb writer is copyist@2 on one node and copyist@1"):
        write_blurbs(recommender, ["u1"], service, k=3, elsewhere=elsewhere)


def test_texts_are_encoded_to_the_same_vectors(
    cluster: Cluster, tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.text.cache.CHUNK", 8)  # three chunks for two workers
    words = ["tea", "soap", "bread", "pasta", "paint"]
    catalogue = [f"{a} and {b}" for a in words for b in words if a != b] + ["", "tea and soap"]
    encoder = SentenceEncoder(tiny_model_path, device="cpu")
    encoder.source = str(tiny_model_path)
    want = CachedEncoder(encoder, tmp_path / "local").encode(catalogue)
    calls: list[tuple[int, int]] = []
    cached = CachedEncoder(
        encoder, tmp_path / "ray", progress=lambda done, total: calls.append((done, total))
    )
    got = texts.on_cluster(cached, cluster)
    assert np.array_equal(got.encode(catalogue), want)
    assert [total for _, total in calls] == [21] * 3  # 20 pairs and the empty text
    assert calls[-1] == (21, 21)
    assert cached.missing(catalogue) == 0
