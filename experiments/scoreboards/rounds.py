"""Cut a scoreboard's data as its protocol says: what is learned, what is known, what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from experiments.scoreboards.reading import Files
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.splits import (
    DAY,
    Split,
    Window,
    holdout_window,
    last_item_window,
    temporal_window,
)

Track = Literal["train-only", "refit"]
Stage = Literal["test", "validation"]
TRACKS: tuple[Track, ...] = ("train-only", "refit")


@dataclass(frozen=True)
class Round:
    """One cut.

    Attributes:
        train: what models are fitted on.
        known: what is known of the shoppers when they are asked for; rows as in `train`.
        truth: `user_id`, `item_id`, `new`.
    """

    train: Dataset
    known: Dataset
    truth: pl.DataFrame


def leave_last_out(files: Files, track: Track, stage: Stage) -> Round:
    """Ask for each user's last item, or, to validate, for the one before it.

    `train-only`: the validation item is known when the test item is asked for, and no
    model is fitted on it. `refit`: models are fitted on it, too.
    """
    inner = last_item_window(files.dataset, depth=1)
    if stage == "validation":
        return _plain(inner)
    outer = last_item_window(files.dataset)
    if track == "refit":
        return _plain(outer)
    # Every user keeps an item in both, so that the rows of both are the same.
    known = Split.from_window(outer, "leave_last_out", None)
    return Round(inner.past.compact(), known.train, known.truth)


def temporal(files: Files, track: Track, stage: Stage, *, start: int, days: int) -> Round:
    """Ask for what was bought in the window that begins at `start`, `days` long.

    Validation is the window of the same length before it. `train-only` leaves the
    validation window out of the fit (it is known at the test); `refit` learns from it.
    """
    length = days * DAY
    inner = temporal_window(files.dataset, start - length, start)
    if stage == "validation":
        return _plain(inner)
    outer = temporal_window(files.dataset, start, start + length)
    if track == "refit":
        return _plain(outer)
    raise DataError("a temporal scoreboard is measured after a final fit: take --track refit")


def given(files: Files, track: Track, stage: Stage, *, fraction: float = 0.1) -> Round:
    """Ask for the test set that the files keep apart; validation is a share of the rest."""
    rng = np.random.default_rng(0)
    if stage == "validation":
        return _plain(holdout_window(files.dataset, fraction, rng))
    if track != "refit":
        raise DataError("this scoreboard's test set is asked after a final fit: --track refit")
    if files.test is None:
        raise DataError("the interactions have no column 'split' that marks the test set")
    truth = files.test.unique().sort("user_id", "item_id")
    return Round(files.dataset, files.dataset, truth.with_columns(new=pl.lit(True)))


def _plain(window: Window) -> Round:
    split = Split.from_window(window, "", None)
    return Round(split.train, split.train, split.truth)
