"""Settle interactions whose item the catalogue lacks, and say why their ids do not match."""

from __future__ import annotations

from typing import Literal

import polars as pl

from recsys.datasets.guess import Guess
from recsys.errors import DataError
from recsys.faults import shorten

UnknownItems = Literal["add", "drop", "refuse"]

_ID = pl.col("item_id")
_CAUSES = {
    "an ending .0, which whole numbers get where a value is missing": _ID.str.strip_suffix(".0"),
    "spaces around the ids": _ID.str.strip_chars(),
    "capital and small letters": _ID.str.to_lowercase(),
    "leading zeros": _ID.str.strip_chars_start("0"),
}


def reconcile(
    log: pl.LazyFrame, catalogue: pl.LazyFrame, guess: Guess, unknown_items: UnknownItems | None
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Add items that occur in interactions only, or drop their rows, and note it.

    Args:
        log: interactions, with ids as text.
        catalogue: items, likewise.
        guess: takes the notes.
        unknown_items: see `import_files`.

    Returns:
        Interactions and items.

    Raises:
        DataError: nothing was said, and the catalogue lacks more than half of the items.
    """
    if unknown_items not in (None, "add", "drop", "refuse"):
        raise DataError(f"unknown_items is {unknown_items!r}; say add, drop or refuse")
    found = log.select("item_id").drop_nulls().unique()
    lost = (
        found.join(catalogue.select("item_id"), on="item_id", how="anti")
        .sort("item_id")
        .collect(engine="streaming")
    )
    if lost.is_empty() or unknown_items == "refuse":
        return log, catalogue
    cause = _cause(lost, catalogue)
    n_found = found.select(pl.len()).collect(engine="streaming").item()
    if unknown_items is None and len(lost) * 2 > n_found:
        raise DataError(
            f"item_id: the catalogue lacks {len(lost):,} of the {n_found:,} items of the "
            f"interactions, such as {_shown(lost)}; it has {_shown(catalogue.head(3).collect())}"
            f"{cause}. Write the ids alike in both, map another column "
            "(--map items.item_id=COLUMN), or go on with --unknown-items add (or drop)"
        )
    if unknown_items == "drop":
        guess.notes.append(
            f"interactions of {len(lost):,} unknown items dropped: {_shown(lost)}{cause}"
        )
        return log.join(lost.lazy(), on="item_id", how="anti"), catalogue
    guess.notes.append(
        f"{len(lost):,} items occur in interactions only ({_shown(lost)}): added without a text "
        f"(--unknown-items to change){cause}"
    )
    return log, pl.concat([catalogue, lost.lazy()], how="diagonal")


def _shown(items: pl.DataFrame) -> str:
    more = ", ..." if len(items) > 3 else ""
    return ", ".join(map(shorten, items["item_id"].head(3).to_list())) + more


def _cause(lost: pl.DataFrame, catalogue: pl.LazyFrame) -> str:
    """Name the difference in writing without which the most ids would match, if any would."""
    matches = {
        cause: lost.lazy()
        .select(alike)
        .join(catalogue.select(alike), on="item_id", how="semi")
        .select(pl.len())
        .collect(engine="streaming")
        .item()
        for cause, alike in _CAUSES.items()
    }
    best = max(matches, key=lambda cause: matches[cause])
    return f"; {matches[best]:,} would match but for {best}" if matches[best] else ""
