"""How often the gate refuses a model that is no worse, and how soon it sees one that is.

Two systems of a scorecard make the candidates. Where every shopper gets either one's values
by the toss of a coin, on both sides, neither side is better: whatever the gate then refuses,
it refuses by chance. Where a share of the shoppers gets the worse system's values, the
candidate is known to be worse.

    python -m experiments.benchmarks.gate SCORECARD --pairs 300
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from experiments.evaluation.scorecard import HYBRID, Scorecard, metric_columns, per_user_file
from experiments.gate import Rule, compare_accuracy
from recsys.types import BoolArray

TARGET = 0.07
"""Share of equal pairs that may be refused: 5 %, and what 300 pairs may add by chance."""
SHARES = (0.02, 0.05, 0.1, 0.2)


def measure(scorecard: Scorecard, other: str, pairs: int, seed: int = 0) -> dict[str, object]:
    """Return the share of refusals among equal pairs, and for each share of worse shoppers."""
    rng = np.random.default_rng(seed)
    frames = {
        targets: tuple(scorecard.scan(targets, s).collect() for s in (HYBRID, other))
        for targets in scorecard.targets
    }
    rule = Rule(tolerance=0.0)
    with tempfile.TemporaryDirectory() as folder:

        def refused(mine: float, theirs: float, *, coupled: bool) -> bool:
            n = {t: a.height for t, (a, _) in frames.items()}
            toss = {t: rng.random(n[t]) for t in n}
            left = _mixed(scorecard, frames, {t: toss[t] < mine for t in n}, Path(folder, "a"))
            # Coupled: who has one system on the left has the other on the right.
            swap = {t: toss[t] >= theirs if coupled else toss[t] < theirs for t in n}
            right = _mixed(scorecard, frames, swap, Path(folder, "b"))
            return bool(compare_accuracy(left, right, rule)["worse"].any())

        equal = [refused(0.5, 0.5, coupled=True) for _ in range(pairs)]
        worse = {
            share: float(np.mean([refused(share, 0.0, coupled=False) for _ in range(pairs // 10)]))
            for share in SHARES
        }
    return {"pairs": pairs, "equal": float(np.mean(equal)), "worse": worse}


def _mixed(
    scorecard: Scorecard,
    frames: dict[str, tuple[pl.DataFrame, ...]],
    other: dict[str, BoolArray],
    folder: Path,
) -> Scorecard:
    """Write a scorecard whose shoppers have the other system's values where `other`."""
    for targets, (mine, theirs) in frames.items():
        names = [m for m in metric_columns(mine.lazy()) if m in theirs.columns]
        mask = pl.Series(other[targets])
        values = [
            pl.select(pl.when(mask).then(theirs[m]).otherwise(mine[m])).to_series().alias(m)
            for m in names
        ]
        file = per_user_file(folder, targets, HYBRID)
        file.parent.mkdir(parents=True, exist_ok=True)
        mine.with_columns(values).write_parquet(file)
    return replace(scorecard, folder=folder)


def main() -> None:
    """Run and print figure, target and verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scorecard", type=Path)
    parser.add_argument("--other", default="repeat_purchase")
    parser.add_argument("--pairs", type=int, default=300)
    arguments = parser.parse_args()
    found = measure(Scorecard.load(arguments.scorecard), arguments.other, arguments.pairs)
    found["target"] = TARGET
    found["met"] = float(str(found["equal"])) <= TARGET
    print(json.dumps(found))


if __name__ == "__main__":
    main()
