"""The ranker's tables, windows and training, on lists whose order is known."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.ranking.config import RankerConfig
from recsys.splits import DAY
from tests.recsys.shop import small_shop
from training.ranker import ListBatches, _mine, fit_head, ndcg
from training.sharing import Share
from training.tables import Table, merge, rows_of
from training.windows import halves, label_windows, sample


def table(n: int, seed: int) -> Table:
    """Lists of ten; the one relevant candidate has the largest first feature."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(10 * n, 3)).astype(np.float32)
    best = features[:, 0].reshape(n, 10).argmax(axis=1) + 10 * np.arange(n)
    labels = np.zeros(10 * n, dtype=np.bool_)
    labels[best] = True
    return Table(np.arange(0, 10 * n + 1, 10), features, labels, np.ones(n, dtype=np.int64))


def test_ndcg_by_hand() -> None:
    """Hits at ranks 1 and 3 of two relevant ones; a list that misses; a list half missed."""
    lists = Table(
        np.array([0, 3, 5, 6]),
        np.zeros((6, 1), dtype=np.float32),
        np.array([True, False, True, False, False, True]),
        np.array([2, 1, 2]),
    )
    scores = np.array([3, 2, 1, 1, 2, 5], dtype=np.float32)
    ideal = 1 + 1 / np.log2(3)
    expected = ((1 + 1 / 2) / ideal + 0 + 1 / ideal) / 3
    assert ndcg(scores, lists, 10) == pytest.approx(expected)
    assert ndcg(scores, lists, 1) == pytest.approx(2 / 3)


def test_sampling_keeps_what_is_relevant() -> None:
    whole = table(5, 0)
    part = whole.sampled(np.array([3, 1]), 4, np.random.default_rng(0))
    assert np.diff(part.indptr).tolist() == [5, 5]
    assert np.bincount(part.owner, part.labels).tolist() == [1, 1]
    best = whole.features[30:40][whole.labels[30:40]]
    np.testing.assert_array_equal(part.features[:5][part.labels[:5]], best)


def test_merging_puts_lists_below_each_other() -> None:
    both = merge([table(2, 0), table(3, 1)], 3)
    assert len(both) == 5
    assert both.labels.sum() == 5
    assert len(merge([], 3)) == 0


@pytest.mark.parametrize("loss", ["contrastive", "listwise", "pairwise"])
def test_a_head_learns_the_feature_that_decides(loss: str) -> None:
    config = RankerConfig(hidden=16, epochs=8, loss=loss, lr=1e-2)  # type: ignore[arg-type]
    net, result = fit_head(
        [table(300, 1)], [table(100, 2)], config, seed=0, device="cpu", logger=None, label="t"
    )
    assert result.best_value > 0.95
    held_out = table(100, 3)
    import torch

    with torch.inference_mode():
        scores = net(torch.as_tensor(held_out.features)).numpy()
    assert ndcg(scores, held_out, 10) > 0.95


def test_lists_without_a_relevant_candidate_do_not_say_when_to_stop() -> None:
    config = RankerConfig(hidden=16, epochs=3)
    held = table(20, 1)
    empty = Table(held.indptr, held.features, np.zeros_like(held.labels), held.n_relevant)
    net, result = fit_head(
        [table(60, 0)], [empty], config, seed=0, device="cpu", logger=None, label="x"
    )
    last, _ = fit_head([table(60, 0)], [], config, seed=0, device="cpu", logger=None, label="x")
    assert result.best_epoch == 3
    for name, weights in net.state_dict().items():
        assert (weights == last.state_dict()[name]).all()


def test_shuffled_labels_teach_nothing() -> None:
    train, validation = table(300, 1), table(200, 2)
    rng = np.random.default_rng(0)
    shuffled = Table(train.indptr, train.features, rng.permutation(train.labels), train.n_relevant)
    config = RankerConfig(hidden=16, epochs=4)
    _, result = fit_head(
        [shuffled], [validation], config, seed=0, device="cpu", logger=None, label="t"
    )
    chance = np.mean(1 / np.log2(np.arange(2, 12)))
    assert result.best_value < chance + 0.15


def test_a_head_learns_the_same_from_parts() -> None:
    """From tables that are not below each other yet, and one of them empty."""
    parts = [table(5, 1), table(0, 0), table(60, 2)]
    config = RankerConfig(hidden=8, epochs=2)
    rows = np.array([0, 3, 49, 50, 649])
    np.testing.assert_array_equal(rows_of(parts, rows), merge(parts, 3).features[rows])
    nets = [
        fit_head(train, parts[:1], config, seed=3, device="cpu", logger=None, label="t")[0]
        for train in (parts, [merge(parts, 3)])
    ]
    for one, other in zip(
        nets[0].state_dict().values(), nets[1].state_dict().values(), strict=True
    ):
        assert one.equal(other)


@pytest.mark.parametrize("size", [2, 3, 20])
def test_processes_share_the_lists_and_read_as_many(size: int) -> None:
    parts = [table(4, 1), table(7, 2)]
    config = RankerConfig(queries_per_batch=4)
    taken, batches = [], []
    for rank in range(size):
        share = Share(rank, size)
        mine = merge(list(_mine(parts, 11, share)), 3)
        taken.append(mine.features[::10, 0])
        found = ListBatches(mine, config, 0, "cpu", share, -(-11 // size))
        batches.append([batch.n for batch in found.epoch(0)])
        assert len(found) == len(batches[-1])
    assert all(batch == batches[0] for batch in batches)
    everyone = merge(parts, 3).features[::10, 0]
    if size < 11:  # each list has one process; where there are fewer lists, some are shared
        assert sorted(np.concatenate(taken)) == sorted(everyone)
    assert set(np.concatenate(taken)) == set(everyone)


def test_windows_roll_back_from_the_end() -> None:
    shop = small_shop()
    config = RankerConfig(n_windows=3, window_days=20)
    windows = label_windows(shop, config, np.random.default_rng(0))
    starts = [int(w.at[0]) for w in windows]
    assert np.diff(starts).tolist() == [20 * DAY] * 2
    assert starts[-1] == shop.end + 1 - 20 * DAY
    assert all(w.past.end < start for w, start in zip(windows, starts, strict=True))


def test_windows_shrink_where_the_data_is_short() -> None:
    shop = small_shop()
    config = RankerConfig(n_windows=3, window_days=3650)
    windows = label_windows(shop, config, np.random.default_rng(0))
    assert len(windows) == 3
    assert len(windows[0].past.interactions) > 0


def test_halves_and_samples_divide_users() -> None:
    config = RankerConfig(n_windows=1)
    first, second = label_windows(small_shop(), config, np.random.default_rng(0))
    assert not set(first.users) & set(second.users)
    assert first.past is second.past
    assert len(sample(first, 5, np.random.default_rng(0)).users) == 5
    again = halves(first, np.random.default_rng(1))
    assert sum(len(w.users) for w in again) == len(first.users)
