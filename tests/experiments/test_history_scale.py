"""The benchmark of a million items, on sixty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks.history_scale import (
    BANDWIDTH,
    KERNEL,
    PEAK,
    SHARE,
    chosen,
    measure,
    on_gpu,
    shop,
    shown,
    texts,
    unvisited,
)


@pytest.mark.parametrize("kind", ["ids", "texts"])
def test_the_first_steps_of_an_epoch_are_measured(kind: str) -> None:
    row = measure(kind, n_items=60, n_users=80, steps=6, tokens=64)
    assert row["steps"] == 6
    assert row["data_gib"] <= row["rss_gib"] <= row["gib"] < 8
    assert 0 <= row["padding"] < 1
    assert row["operations"] > 100
    assert row["host_ms"] > 0
    assert row["epoch_cpu_s"] == pytest.approx(
        row["prepare_cpu_s"] + row["events"] / row["tokens_per_cpu_s"]
    )
    assert any(f"peak {row['gib']:.2f} GiB" in line for line in shown(row))


def test_the_shop_is_ordered_by_shopper_and_time() -> None:
    data = shop(50, 200)
    h = data.histories
    assert 7 < h.counts.mean() < 13
    assert h.counts.min() >= 2
    inside = h.owner[1:] == h.owner[:-1]
    assert (np.diff(h.times)[inside] >= 0).all()
    assert len(np.unique(h.items)) == 50


def test_texts_are_mapped_and_differ(tmp_path: Path) -> None:
    found = texts(tmp_path / "texts.npy", 10, block=4)
    assert isinstance(found, np.memmap)
    assert len(np.unique(found, axis=0)) == 10


def test_a_gpu_waits_for_the_host_and_its_slowest_part() -> None:
    row = {
        "prepare_cpu_s": 3.0,
        "host_ms": 2.0,
        "events": PEAK * SHARE,
        "flop_per_token": 5.0,
        "operations": 1 / KERNEL,
    }
    found = on_gpu(row, 10, BANDWIDTH / 2)
    assert found == {
        "host_s": pytest.approx(3.02),
        "products_s": pytest.approx(5.0),
        "optimisers_s": pytest.approx(5.0),
        "kernels_s": pytest.approx(10.0),
        "epoch_s": pytest.approx(13.02),
    }


def test_pages_that_no_step_visits_are_counted() -> None:
    config = chosen("ids", 10**6, 1, 4096)
    gib = 2**30
    assert unvisited(gib, 128, 10**6, config, 0) == 2
    half = unvisited(gib, 128, 10**6, config, round(np.log(2) * 10**6 / 8 / 512))
    assert half == pytest.approx(1, rel=0.01)
