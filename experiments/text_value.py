"""What product texts are worth to the history Transformer, on Beauty's validation items.

    python -m experiments.text_value --data DIR [--arms ids,frozen,shuffled,tuned] [--seed 0]

The scoreboard's recipe, fitted on the training part alone, once an arm: without texts, with
the sentence encoder as it is, with one that was tuned on what is bought together, and with
the vectors of the encoder as it is dealt out to the wrong items. An arm that was measured
before is read, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from experiments import shipped
from experiments.scoreboards.boards import BEAUTY
from experiments.scoreboards.command import only
from experiments.scoreboards.play import Played, play
from experiments.scoreboards.reading import Files, read
from experiments.terminal import duration, say, warnings_as_notes
from recsys.metrics.paired import difference_table
from recsys.protocols import TextEncoder
from recsys.types import FloatArray
from recsys.weights import home
from training.encoders import encoder_for
from training.pipeline import Stages
from training.recipe import HISTORY, Recipe

ARMS: Mapping[str, tuple[str, ...]] = {
    "ids": ("text.encoder=none",),
    "frozen": ("text.encoder=sentence",),
    "shuffled": ("text.encoder=sentence",),
    "tuned": ("text.encoder=sentence", "text.tuning.enabled=true"),
}
"""Arm -> what it changes in the recipe; `shuffled` deals the vectors out anew besides."""
REFERENCES = ("ids", "frozen")
METRIC = "ndcg@10"
SHORT = 4
"""A history is short up to so many training interactions."""
RESAMPLES = 2000


class Shuffled:
    """Deals the vectors of a catalogue's texts out to its items at random.

    What the texts say of each other stays, what they say of the items goes.
    """

    def __init__(self, encoder: TextEncoder, seed: int) -> None:
        """Take the encoder and the seed of the permutation."""
        self._encoder, self._seed = encoder, seed

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._encoder.dim

    @property
    def fingerprint(self) -> str:
        """That of the encoder, and the seed."""
        return f"{self._encoder.fingerprint}-shuffled-{self._seed}"

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode the texts of all items at once, [n, dim], each item with another's vector."""
        order = np.random.default_rng(self._seed).permutation(len(texts))
        dealt: FloatArray = self._encoder.encode(texts)[order]
        return dealt


def measure(files: Files, base: Recipe, arm: str) -> pl.DataFrame:
    """Fit and measure an arm, or read what an earlier run measured.

    Returns:
        `user_id` and NDCG@10 of its validation item.
    """
    recipe = Recipe.from_toml(only(base, (HISTORY,)).to_toml(), ARMS[arm])
    key = f"{arm}-{recipe.digest[:16]}-{files.dataset.info.fingerprint[:8]}"
    folder = home() / "text_value" / key
    played = Played.load(folder)
    if played is None:
        say(arm)
        encoder: TextEncoder | None = None
        if arm == "shuffled":
            inner, _ = encoder_for(recipe.text, files.dataset.catalogue.texts(), say=say)
            encoder = Shuffled(inner, recipe.seed)
        stages = Stages(began=lambda name: say(f"  {name}"))
        with warnings_as_notes():
            played = play(
                BEAUTY, files, recipe, "train-only", "validation", stages=stages, encoder=encoder
            )
        played.save(folder)
        say(f"  {duration(sum(played.seconds.values()))}")
    else:
        say(f"{arm}: measured before, {folder}")
    chosen = played.per_user.filter(targets="NEW", system=HISTORY)
    return chosen.select("user_id", METRIC).sort("user_id")


def slices(files: Files) -> pl.DataFrame:
    """Return `user_id` and a column of truth a slice: by the item asked for, and by history."""
    round_ = BEAUTY.cut(files, "train-only", "validation")
    train = round_.train
    bought = np.bincount(train.histories.items, minlength=train.n_items)
    items = pl.DataFrame({"item_id": train.items.ids, "bought": bought})
    users = pl.DataFrame({"user_id": train.users.ids, "length": train.histories.counts})
    table = round_.truth.join(items, on="item_id", how="left")
    table = table.join(users, on="user_id", how="left")
    return table.select(
        "user_id",
        pl.lit(True).alias("all"),
        (pl.col("bought").fill_null(0) > 0).alias("warm item"),
        (pl.col("bought").fill_null(0) == 0).alias("cold item"),
        (pl.col("length").fill_null(0) <= SHORT).alias(f"history <= {SHORT}"),
        (pl.col("length").fill_null(0) > SHORT).alias(f"history > {SHORT}"),
    ).sort("user_id")


def compare(values: Mapping[str, pl.DataFrame], slices: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a row an arm and slice: users, NDCG@10, and the difference from each reference.

    A difference comes with its 95 % interval, a paired bootstrap over users.
    """
    rows = []
    for name in [c for c in slices.columns if c != "user_id"]:
        users = slices.filter(pl.col(name)).select("user_id")
        for arm, table in values.items():
            mine = users.join(table, on="user_id")
            row: dict[str, Any] = {"slice": name, "arm": arm, "users": len(mine)}
            row[METRIC] = mine[METRIC].mean()
            for reference in REFERENCES:
                if reference == arm or reference not in values or not len(mine):
                    continue
                other = users.join(values[reference], on="user_id")
                found = difference_table(
                    other.lazy(), mine.lazy(), [METRIC], resamples=RESAMPLES
                ).row(0, named=True)
                row[f"over {reference}"] = [found[k] for k in ("difference", "low", "high")]
            rows.append(row)
    return rows


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as a table."""
    head = ["slice", "arm", "users", "N@10", *(f"over {r}" for r in REFERENCES)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        mean = "" if row[METRIC] is None else f"{row[METRIC]:.4f}"
        cells = [row["slice"], row["arm"], f"{row['users']:,}", mean]
        for reference in REFERENCES:
            found = row.get(f"over {reference}")
            cells.append("" if found is None else "{:+.4f} [{:+.4f}, {:+.4f}]".format(*found))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the arms one after another; print the table as it grows, then as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the Beauty files")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--recipe", default=BEAUTY.name)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args(arguments)
    arms = given.arms.split(",")
    strange = [arm for arm in arms if arm not in ARMS]
    if strange:
        parser.error(f"--arms: there is no arm {strange[0]!r}; there are {', '.join(ARMS)}")
    base = shipped.find(given.recipe, [*given.set, f"seed={given.seed}"])
    files = read(given.data, BEAUTY.name, BEAUTY.layout)
    where = slices(files)
    values: dict[str, pl.DataFrame] = {}
    for arm in arms:
        values[arm] = measure(files, base, arm)
        say(as_markdown(compare(values, where)))
    print(json.dumps({"seed": given.seed, "rows": compare(values, where)}, indent=1))


if __name__ == "__main__":
    main()
