"""Trains a shipped recipe on a large made-up shop: wall time and peak memory by stage.

    python -m experiments.benchmarks.large_shop --items 1000000 --users 200000

Nothing is said about quality: the shop is synthetic. The peak is that of the process
(`ru_maxrss`), so a stage shows a number only where it raised it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from experiments.shipped import find
from recsys.dataset import Dataset
from recsys.datasets.synthetic import synthetic_shop
from recsys.recommender import Recommender
from training.encoders import encoder_for
from training.pipeline import Stages, fit_recommender

LIMIT_GIB = 16.0
ASKED = 20


class Ledger:
    """Prints each stage with its time and the peak so far."""

    def __init__(self) -> None:
        self.start = self.last = time.monotonic()
        self.name = ""

    def begin(self, name: str) -> None:
        """Close the stage before and open the next one."""
        now = time.monotonic()
        if self.name:
            print(
                f"{self.name:24s} {now - self.last:9.1f} s   peak {peak_gib():6.2f} GiB", flush=True
            )
        self.name, self.last = name, now


def peak_gib() -> float:
    """Return the largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Make the shop, train, save, load, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--interactions", type=int, default=5_000_000)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--set", action="append", default=[], help="as in recsys train")
    args = parser.parse_args()
    ledger = Ledger()
    ledger.begin("make the shop")
    shop = synthetic_shop(args.users, args.items, args.interactions, seed=1)
    ledger.begin("read")
    dataset = Dataset.from_frames(shop.interactions, shop.items, shop.users, shop.info)
    del shop
    recipe = find(args.recipe, args.set)
    encoder, spec = encoder_for(recipe.text, dataset.catalogue.texts())
    stages = Stages(began=ledger.begin)
    recommender = fit_recommender(
        dataset, recipe, encoder=encoder, encoder_spec=spec, stages=stages
    )
    with tempfile.TemporaryDirectory() as folder:
        ledger.begin("save")
        recommender.save(Path(folder) / "bundle")
        del recommender
        ledger.begin("load")
        loaded = Recommender.load(Path(folder) / "bundle")
        ledger.begin(f"recommend, {ASKED} users")
        spent = []
        for user in loaded.users.ids.head(ASKED):
            began = time.monotonic()
            loaded.recommend(user, 10)
            spent.append(time.monotonic() - began)
        ledger.begin("done")
    print(f"recommend: median {sorted(spent)[len(spent) // 2] * 1000:.0f} ms a request")
    for name, reason in stages.aside.items():
        print(f"stepped aside: {name}: {reason}")
    verdict = "within" if peak_gib() <= LIMIT_GIB else "OVER"
    spent_all = time.monotonic() - ledger.start
    print(f"all {spent_all:.0f} s, peak {peak_gib():.2f} GiB, {verdict} {LIMIT_GIB} GiB")


if __name__ == "__main__":
    main()
