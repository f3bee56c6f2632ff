from __future__ import annotations

from pathlib import Path

import pytest

from experiments.cluster.commands import evaluate_command
from experiments.cluster.connection import Cluster
from experiments.evaluate import evaluate_bundle

pytestmark = pytest.mark.ray


def test_the_metrics_are_the_local_ones(
    cluster: Cluster,
    bundle: Path,
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Workers are told the size of a chunk; 600 shoppers make several.
    monkeypatch.setattr("experiments.evaluation.run.USERS_PER_CHUNK", 200)
    here = evaluate_bundle(bundle, shop, (5, 10))
    there = evaluate_command(str(bundle), shop, (5, 10), cluster, out=tmp_path / "card")
    assert there.values.equals(here.values)  # every metric, slice and system, to the last bit
    assert there.differences.equals(here.differences)
    assert there.users.equals(here.users)
    assert there.per_user.equals(here.per_user)
    assert there.value("ALL", "hybrid", "recall@10") > 0.05  # there is something to compare
    assert [p.name for p in tmp_path.iterdir()] == ["card"]
