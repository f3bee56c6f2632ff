"""The arrays that some metrics need besides lists and truth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

from recsys.errors import DataError
from recsys.types import AnyFloats, BoolArray, DoubleArray, IntArray, Ragged


class Lists(Protocol):
    """One list of item rows a user; `Ragged`, or something that gathers a few on demand."""

    def __len__(self) -> int:
        """How many users."""
        ...

    def take(self, lists: IntArray) -> Ragged:
        """Return the lists of these users, in the order given."""
        ...


@dataclass(frozen=True, eq=False)
class MetricInputs:
    """What is known about items and users; leave out what you do not have.

    Attributes:
        eligible: [n_items], items that could be recommended (coverage, gini).
        item_counts: [n_items], training interactions of each item (novelty,
            popularity_percentile, serendipity).
        embeddings: [n_items, dim], text embeddings, zeros where there is no text
            (intra_list_diversity).
        categories: [n_items], category number of each item, -1 for none (calibration).
        histories: item rows of each user's training interactions, repeats included,
            aligned with the lists (calibration).
        excluded: item rows that must not be recommended to each user, aligned with the
            lists (serendipity: the popularity baseline keeps to them too).
    """

    eligible: BoolArray | None = None
    item_counts: IntArray | DoubleArray | None = None
    embeddings: AnyFloats | None = None
    categories: IntArray | None = None
    histories: Lists | None = None
    excluded: Lists | None = None

    def need(self, field: str, metric: str) -> Any:
        """Return a field.

        Raises:
            DataError: it was not given; the message names the metric and the field.
        """
        value = getattr(self, field)
        if value is None:
            raise DataError(
                f"{metric} needs {field}, which was not given; pass MetricInputs({field}=...) "
                "or leave the metric out"
            )
        return value

    @property
    def given(self) -> set[str]:
        """Names of the fields that are there."""
        return {f.name for f in fields(self) if getattr(self, f.name) is not None}
