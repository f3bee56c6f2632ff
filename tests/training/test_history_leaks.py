"""What must teach nothing: sorted files, planted items, labels in disorder, row numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsys.candidates.history import HistoryGenerator
from recsys.candidates.history_order import sorted_by_id
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.schema import DatasetInfo
from recsys.splits import last_item_window
from recsys.types import IntArray
from tests.training.circle import N_ITEMS, cycles, dataset
from training.history import HistoryConfig, fit_history, train_history

CONFIG = HistoryConfig.model_validate(
    {
        "model": {"dim": 32, "max_length": 12, "dropout": 0.1},
        "trainer": {"epochs": 20, "lr": 1e-2, "patience": 0, "evaluate_every": 10},
        "batch_tokens": 256,
        "n_negatives": 64,
    }
)


def walks(**order: bool) -> Dataset:
    """Draw histories at random, some items far more often; by id where that is asked."""
    rng = np.random.default_rng(0)
    chance = 1 / np.arange(1, N_ITEMS + 1)
    rows = []
    for user in range(120):
        items = rng.choice(N_ITEMS, 6, replace=False, p=chance / chance.sum())
        if order:
            items = np.sort(items)[:: -1 if order["descending"] else 1]
        rows += [(f"u{user:03d}", int(item), t) for t, item in enumerate(items)]
    return dataset(rows)


@pytest.mark.parametrize("descending", [False, True])
def test_histories_sorted_by_id_are_refused(descending: bool) -> None:
    data = walks(descending=descending)
    assert sorted_by_id(data)
    assert "sorted by item id" in str(HistoryGenerator.limits(data))
    with pytest.raises(DataError, match=r"time.*none"):
        fit_history(data, None, CONFIG, seed=0)


def test_numbers_are_compared_as_numbers() -> None:
    rows = [(f"u{u}", str(n)) for u in range(40) for n in (2, 9 + u, 100 + u)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row").with_columns(
        timestamp=pl.int_range(pl.len())
    )
    items = frame.select("item_id").unique(maintain_order=True)
    info = DatasetInfo(name="toy", time="per_user_order")
    assert sorted_by_id(Dataset.from_frames(frame, items, info=info))


def test_real_orders_pass() -> None:
    assert not sorted_by_id(walks())
    assert not sorted_by_id(cycles())
    assert not sorted_by_id(dataset([("u", 1, 0), ("u", 2, 1), ("u", 3, 2)]))  # by chance


def test_shuffled_labels_fall_to_popularity() -> None:
    """Where nothing but popularity is to be learned, it is what the model gives."""
    data = walks()
    window = last_item_window(data)
    model, result = train_history(window.past, None, CONFIG, seed=1, validation=window)
    counts = np.bincount(window.past.histories.items, minlength=N_ITEMS)
    labels = window.unseen_labels()
    places = []
    for user, label in zip(window.users[labels.owner], labels.rows, strict=True):
        scores = np.where(np.isin(np.arange(N_ITEMS), _bought(window.past, user)), -1, counts)
        places.append(int((scores > scores[label]).sum()) + 1)
    popular = float(np.mean([1 / np.log2(p + 1) if p <= 10 else 0.0 for p in places]))
    # A leak would lift it; noise among 120 shoppers may cost a fifth, chance gives 0.23.
    assert 0.8 * popular < result.best_value < popular + 0.05
    assert model.readable.sum() > 10


def test_a_planted_item_of_the_future_is_never_scored_up() -> None:
    """Everybody buys it last; before that, three bought it. It must stay at their level."""
    rows = [(f"u{u:03d}", (u + t) % 20, t) for u in range(100) for t in range(5)]
    early = [(f"w{u}", (23, u, u + 1, u + 2)[t], t) for u in range(3) for t in range(4)]
    planted = [(f"u{u:03d}", 23, 5) for u in range(100)]
    data = dataset(rows + early + planted)
    model, _ = train_history(data, None, CONFIG, seed=0)
    past = last_item_window(data).past
    found = model.candidates(past.queries(np.arange(100)), 3)
    assert (found.items == 23).mean() < 0.05


def test_the_order_of_the_catalogue_does_not_matter() -> None:
    """Rows are numbered by the catalogue; whatever they are, the same items come next."""
    data = cycles()
    h = data.histories
    ids = data.items.ids
    frame = pl.DataFrame(
        {
            "user_id": [f"u{owner:03d}" for owner in h.owner],
            "item_id": ids.gather(h.items),
            "timestamp": h.times,
        }
    )
    items = pl.DataFrame({"item_id": ids}).sample(fraction=1.0, shuffle=True, seed=4)
    info = DatasetInfo(name="toy", time="per_user_order")
    other = Dataset.from_frames(frame.sample(fraction=1.0, shuffle=True, seed=5), items, info=info)
    assert other.items.ids.to_list() != ids.to_list()
    values = [train_history(d, None, CONFIG, seed=1)[1].best_value for d in (data, other)]
    assert min(values) > 0.9
    assert values[0] == pytest.approx(values[1], abs=0.05)


def _bought(data: Dataset, user: int) -> IntArray:
    h = data.histories
    return h.items[h.indptr[user] : h.indptr[user + 1]]
