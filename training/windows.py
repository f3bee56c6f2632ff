"""Label windows for the ranker: what was known, and what came next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recsys.dataset import Dataset
from recsys.ranking.config import RankerConfig
from recsys.splits import DAY, Window, holdout_window, last_item_window, rolling_cuts
from recsys.types import Ragged

MIN_HISTORY = 2
"""Window lengths that must lie before the first window."""
HOLDOUT = 0.2


def label_windows(dataset: Dataset, config: RankerConfig, rng: np.random.Generator) -> list[Window]:
    """Return the windows the ranker learns from, oldest first; the newest validates.

    Rolling windows where time is global (shorter or fewer when the data does not reach
    back far enough); each user's last target where it is an order; a random holdout
    where there is none. The last two give one window, whose users are divided.
    """
    if dataset.info.time == "none":
        windows = [holdout_window(dataset, HOLDOUT, rng)]
    else:
        windows = [cut(dataset) for cut in cuts(dataset, config)]
    return chosen(windows, config, rng)


def cuts(dataset: Dataset, config: RankerConfig) -> list[Callable[[Dataset], Window]]:
    """Return what cuts each window, oldest first, off some or all shoppers of a dataset.

    Its time must be `global` or an order: a holdout is drawn over all shoppers at once.
    """
    if dataset.info.time != "global":
        return [last_item_window]
    length = int(config.window_days * DAY)
    span = dataset.end - dataset.begin if len(dataset.interactions) else 0
    n = config.n_windows
    length = min(length, max(span // (MIN_HISTORY + n), 1))
    return rolling_cuts(dataset.end, n, length)


def chosen(
    windows: Sequence[Window], config: RankerConfig, rng: np.random.Generator
) -> list[Window]:
    """Take the windows that have labels, of some shoppers each; divide a single one."""
    found = [sample(w, config.max_users, rng) for w in windows if len(w.users)]
    return halves(found[0], rng) if len(found) == 1 else found


def sample(window: Window, n: int, rng: np.random.Generator) -> Window:
    """Keep the labels of at most `n` users, drawn at random."""
    if len(window.users) <= n:
        return window
    return take(window, np.sort(rng.choice(len(window.users), n, replace=False)))


def halves(window: Window, rng: np.random.Generator, share: float = 0.8) -> list[Window]:
    """Divide the users of one window: most to learn from, the rest to validate on."""
    order = rng.permutation(len(window.users))
    cut = max(1, int(len(order) * share))
    return [take(window, np.sort(part)) for part in (order[:cut], order[cut:]) if len(part)]


def take(window: Window, users: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Window:
    """Keep some users of a window, by their position in it."""
    labels: Ragged = window.labels.take(users)
    return Window(window.past, window.users[users], window.at[users], labels)


def unlabelled(dataset: Dataset) -> Window:
    """Return a window without labels: all of `dataset` is past."""
    none = np.empty(0, dtype=np.int64)
    return Window(dataset, none, none, Ragged.empty(0))
