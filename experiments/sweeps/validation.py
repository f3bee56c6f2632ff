"""What decides in a sweep: a window cut from the training part, never the test."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.evaluation import TARGETS, cut, measure
from experiments.evaluation.leakage import moment
from experiments.sweeps.study import Direction
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.metrics import better, explain
from recsys.recommender import Recommender
from recsys.splits import Split, split
from training.recipe import Recipe


@dataclass(frozen=True)
class Objective:
    """The number that a sweep improves: `NEW/ndcg@10` on everybody in the validation window.

    Attributes:
        targets: `ALL` or `NEW`.
        metric: as printed, `ndcg@10`.
        direction: `maximize` or `minimize`.
    """

    targets: str
    metric: str
    direction: Direction

    def __str__(self) -> str:
        return f"{self.targets}/{self.metric}"

    @property
    def k(self) -> int:
        """The metric's cut-off."""
        return int(self.metric.rpartition("@")[2])

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read `NEW/ndcg@10`.

        Raises:
            DataError: the targets or the metric are unknown, or the metric has no better end.
        """
        targets, _, metric = text.partition("/")
        if targets not in TARGETS or "@" not in metric:
            raise DataError(
                f"--metric {text}: write targets, metric and cut-off, NEW/ndcg@10; targets are "
                f"{' and '.join(TARGETS)}"
            )
        try:
            explain(metric)  # knows slices of no metric
            which = better(metric)
        except ValueError as error:
            raise DataError(f"--metric {text}: {error}") from error
        if which == "neither":
            raise DataError(
                f"--metric {text}: neither more nor less of it is better; choose one that has a "
                "direction, such as NEW/ndcg@10"
            )
        return cls(targets, metric, "minimize" if which == "lower" else "maximize")


def validation_split(dataset: Dataset, recipe: Recipe) -> tuple[Split, Split]:
    """Cut the test off, then cut what remains in the same way.

    Returns:
        The test's split, of which trials see nothing, and the one that they learn from and
        are measured on.

    Raises:
        DataError: too little remains to learn from, or there is nothing to measure.
    """
    outer = cut(dataset, recipe)
    before = outer.train
    if outer.cut is None:
        inner = cut(before, recipe)
    else:
        # As long as the test window, and right before it.
        start = outer.cut - (dataset.end + 1 - outer.cut)
        if not (before.histories.times < start).any():
            raise DataError(
                f"the validation window would begin {moment(start)}, before which there are no "
                "interactions: a sweep needs data before it; make the test window shorter with "
                "--set split.days=N or a later split.cut"
            )
        inner = split(before, kind="temporal", cut=start)
    if not inner.truth.height:
        raise DataError(
            "the validation window holds no target; make it longer with --set split.days=N"
        )
    return outer, inner


def check(objective: Objective, inner: Split) -> None:
    """Refuse targets that nobody in the validation window has.

    Raises:
        DataError: nobody bought anything new there.
    """
    if objective.targets == "NEW" and not inner.truth["new"].any():
        raise DataError(f"--metric {objective}: nobody bought anything new; take an ALL metric")


def validated(recommender: Recommender, inner: Split, recipe: Recipe, k: int) -> dict[str, float]:
    """Measure the hybrid on the validation window; return `NEW/ndcg@10` -> value."""
    ks = tuple(dict.fromkeys((*recipe.evaluate.k, k)))
    changes = {"k": ks, "components": False, "resamples": 1}
    quick = recipe.model_copy(update={"evaluate": recipe.evaluate.model_copy(update=changes)})
    affordable = max(1, recipe.evaluate.max_pairs // max(1, recommender.dataset.n_items))
    return measure(recommender, inner, quick, max_users=affordable).summary()
