"""Refuse to measure a model on what it has learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from recsys.errors import LeakageError

if TYPE_CHECKING:
    from recsys.recommender import Recommender
    from recsys.splits import Split


def refuse_overlap(recommender: Recommender, split: Split) -> None:
    """Refuse a test window that the model has seen part of.

    Raises:
        LeakageError: the window begins before the training data ends, or, without global
            time, the model learned from more interactions than lie before the test items.
    """
    manifest = recommender.manifest
    if split.cut is not None:
        if manifest.trained_until >= split.cut:
            raise LeakageError(
                f"the test window begins {moment(split.cut)}, but the bundle was trained on "
                f"data until {moment(manifest.trained_until)}: evaluate on a later window, or "
                "train with this cut and without --refit"
            )
        return
    learned, allowed = len(recommender.dataset.interactions), len(split.train.interactions)
    if learned > allowed:
        raise LeakageError(
            f"the bundle was trained on {learned:,} interactions, more than the {allowed:,} "
            "outside the test items: it has seen them; train without --refit to measure"
        )


def moment(time: int) -> str:
    """Print a time in microseconds since 1970."""
    stamp = pl.Series([time]).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")
    return str(stamp[0])
