"""Train and measure one seed of a scoreboard, or read what an earlier run measured."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from experiments.evaluation import HYBRID, evaluate_recommender
from experiments.evaluation import Progress as Measuring
from experiments.provenance import code_digest
from experiments.scoreboards.boards import Board
from experiments.scoreboards.reading import Files
from experiments.scoreboards.rounds import Stage, Track
from recsys.dataset import Dataset
from recsys.protocols import RunLogger, TextEncoder
from recsys.recommender import Recommender
from training.pipeline import Stages, fit_recommender
from training.recipe import Recipe

RESAMPLES = 2000
_VALUES, _FACTS = "per_user.parquet", "facts.json"


@dataclass(frozen=True)
class Played:
    """One seed's result.

    Attributes:
        per_user: `targets`, `system`, `user_id`, `warm`, and a column a metric.
        seed: of the recipe.
        seconds: wall time by stage.
        peak_gib: largest resident size of the process so far.
        aside: generator -> why it stepped aside.
        code: digest of the sources that made it; empty where it was not kept.
    """

    per_user: pl.DataFrame
    seed: int
    seconds: dict[str, float]
    peak_gib: float
    aside: dict[str, str]
    code: str = ""

    def means(self) -> pl.DataFrame:
        """Return `targets`, `users` (all, warm), `system`, `metric`, `value`."""
        metrics = [c for c in self.per_user.columns if "@" in c]
        parts = []
        for users, some in (("all", self.per_user), ("warm", self.per_user.filter("warm"))):
            table = some.group_by("targets", "system", maintain_order=True).agg(
                pl.col(metrics).mean()
            )
            long = table.unpivot(
                metrics, index=["targets", "system"], variable_name="metric", value_name="value"
            )
            parts.append(long.select(pl.lit(users).alias("users"), pl.all()))
        return pl.concat(parts)

    def without(self, system: str) -> Played:
        """Leave out one system."""
        return replace(self, per_user=self.per_user.filter(pl.col("system") != system))

    def beside(self, other: Played, system: str, name: str) -> Played:
        """Add a system of another play under a name; the rest of that play is left out."""
        rows = other.per_user.filter(system=system).with_columns(system=pl.lit(name))
        return replace(
            self,
            per_user=pl.concat([self.per_user, rows]),
            seconds={**self.seconds, name: sum(other.seconds.values())},
            peak_gib=max(self.peak_gib, other.peak_gib),
        )

    def save(self, folder: Path) -> None:
        """Write under temporary names, then rename; the facts come last."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "seed": self.seed,
            "seconds": self.seconds,
            "peak_gib": self.peak_gib,
            "aside": self.aside,
            "code": self.code,
        }
        self.per_user.write_parquet(folder / f".{_VALUES}")
        (folder / f".{_VALUES}").rename(folder / _VALUES)
        (folder / f".{_FACTS}").write_text(json.dumps(facts) + "\n")
        (folder / f".{_FACTS}").rename(folder / _FACTS)

    @classmethod
    def load(cls, folder: Path) -> Played | None:
        """Read what `save` wrote; None where there is nothing."""
        if not (folder / _FACTS).exists():
            return None
        return cls(pl.read_parquet(folder / _VALUES), **json.loads((folder / _FACTS).read_text()))


def play(
    board: Board,
    files: Files,
    recipe: Recipe,
    track: Track,
    stage: Stage,
    *,
    stages: Stages | None = None,
    logger: RunLogger | None = None,
    progress: Measuring | None = None,
    encoder: TextEncoder | None = None,
) -> Played:
    """Fit the recipe on the training part of the round and measure every system in it.

    `encoder` reads the texts instead of the one that the recipe asks for.
    """
    stages, code = stages or Stages(), code_digest()
    round_ = board.cut(files, track, stage)
    recommender = fit_recommender(round_.train, recipe, logger, encoder=encoder, stages=stages)
    began = time.monotonic()
    stages.began("evaluate")
    scorecard = evaluate_recommender(
        _knowing(recommender, round_.known),
        round_.truth,
        board.ks,
        resamples=1,
        progress=progress,
    )
    wanted = [c.partition("/")[2] for c in board.columns]
    table = scorecard.per_user.filter(pl.col("targets").is_in(board.targets))
    seconds = {**stages.seconds, "evaluate": time.monotonic() - began}
    return Played(
        table.select("targets", "system", "user_id", "warm", *dict.fromkeys(wanted)),
        recipe.seed,
        seconds,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        stages.aside,
        code,
    )


def _knowing(recommender: Recommender, known: Dataset) -> Recommender:
    """Return the recommender with what is known when it is asked; nothing is fitted."""
    return replace(recommender, dataset=known)


def best_component(board: Board, means: pl.DataFrame, column: str) -> str | None:
    """Return the component with the best mean over seeds, None where there is none."""
    targets, _, metric = column.partition("/")
    others = [HYBRID, *(v.name for v in board.variants)]
    table = (
        means.filter(~pl.col("system").is_in(others), targets=targets, metric=metric, users="all")
        .group_by("system", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    return str(table.sort("value", descending=True)["system"][0]) if table.height else None
