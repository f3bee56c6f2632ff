"""Measure a recommender on the test window: the hybrid and each component, ALL and NEW."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from recsys.errors import DataError, LeakageError
from recsys.metrics import Evaluation, MetricInputs, Recall, evaluate, metrics_at
from recsys.types import IntArray, Ragged, Repeats, pointers
from recsys.vocabulary import MISSING_ROW

if TYPE_CHECKING:
    from recsys.recommender import Recommender
    from recsys.splits import Split

HYBRID = "hybrid"
USERS_PER_CHUNK = 2048
TARGETS: dict[str, Repeats] = {"ALL": "allow", "NEW": "exclude"}
"""Targets -> `repeats` of the requests. NEW: what the user had never bought."""
CURVE = (1, 2, 5, 10)
"""Recall is measured at these cut-offs too, for its curve."""
_FRAMES = ("values", "differences", "per_user", "users")

Progress = Callable[[str, int, int], None]
"""Called with what is measured, users done, users in all."""


@dataclass(frozen=True)
class Scorecard:
    """What was measured on one test window.

    Attributes:
        values: `targets`, `users` (`all`, `warm`, `cold`), `system`, `metric`, `value`,
            `n_users` (that entered the mean).
        differences: `targets`, `system`, `metric`, `difference` (hybrid minus system),
            `low`, `high` (95 % paired bootstrap interval over users), `p_value`, `n_users`,
            `best` (the system is the best single component by this metric).
        per_user: `targets`, `system`, `user_id`, `warm`, and a column a user metric; null
            where the user is not counted.
        users: `targets`, `n_users`, `n_warm`, `n_empty` (no target: left out),
            `n_missing` (no list: misses), `n_cold_items` (targets without a training
            interaction; they stay).
        ks: the cut-offs.
        resamples: of the bootstrap.
    """

    values: pl.DataFrame
    differences: pl.DataFrame
    per_user: pl.DataFrame
    users: pl.DataFrame
    ks: tuple[int, ...]
    resamples: int

    @property
    def systems(self) -> list[str]:
        """The hybrid and the components, in order."""
        return self.values["system"].unique(maintain_order=True).to_list()

    @property
    def targets(self) -> list[str]:
        """`ALL`, and `NEW` where somebody bought something new."""
        return self.users["targets"].to_list()

    @property
    def curve(self) -> list[int]:
        """Every cut-off at which recall was measured, ascending."""
        metrics = self.values["metric"].unique().to_list()
        return sorted(int(m.removeprefix("recall@")) for m in metrics if m.startswith("recall@"))

    def has(self, metric: str) -> bool:
        """Tell whether a metric was measured."""
        return metric in self.values["metric"]

    def value(self, targets: str, system: str, metric: str, users: str = "all") -> float:
        """Return one number.

        Raises:
            KeyError: it was not measured.
        """
        found = self.values.filter(targets=targets, system=system, metric=metric, users=users)[
            "value"
        ]
        if not len(found):
            raise KeyError(f"{targets} {system} {metric} on {users} users was not measured")
        return float(found[0])

    def difference(self, targets: str, system: str, metric: str) -> dict[str, Any]:
        """Return hybrid minus `system`: `difference`, `low`, `high`, `best`, ...

        Raises:
            KeyError: it was not measured.
        """
        found = self.differences.filter(targets=targets, system=system, metric=metric)
        if not found.height:
            raise KeyError(f"{targets} {system} {metric} was not compared")
        return found.row(0, named=True)

    def summary(self, system: str = HYBRID) -> dict[str, float]:
        """Return a system's values on all users, keys such as `ALL/recall@10`."""
        rows = self.values.filter(system=system, users="all").iter_rows(named=True)
        return {f"{row['targets']}/{row['metric']}": row["value"] for row in rows}

    def save(self, folder: str | Path) -> None:
        """Write the tables and a JSON file under a temporary name, then rename."""
        target = Path(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        work.chmod(0o755)
        for name in _FRAMES:
            getattr(self, name).write_parquet(work / f"{name}.parquet")
        facts = {"ks": self.ks, "resamples": self.resamples}
        (work / "scorecard.json").write_text(json.dumps(facts) + "\n")
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote."""
        source = Path(folder)
        facts = json.loads((source / "scorecard.json").read_text())
        frames = {name: pl.read_parquet(source / f"{name}.parquet") for name in _FRAMES}
        return cls(**frames, ks=tuple(facts["ks"]), resamples=facts["resamples"])


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


def evaluate_recommender(
    recommender: Recommender,
    truth: pl.DataFrame,
    ks: Sequence[int] = (10, 20),
    *,
    components: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Scorecard:
    """Measure the hybrid and its components over the full catalogue.

    Nobody is dropped: users whom the model does not know are scored on what it returns
    for them, items that it does not know stay in the truth and are missed.

    Args:
        recommender: fitted on what came before the truth.
        truth: `user_id`, `item_id`, `new` (not bought before).
        ks: cut-offs, each at least 1.
        components: generators measured beside the hybrid; None means all.
        resamples: of the paired bootstrap.
        seed: of the bootstrap.
        progress: called after every chunk of users.

    Raises:
        DataError: the truth is empty.
        ValueError: a cut-off is below 1, or a component unknown.
    """
    if not truth.height:
        raise DataError("the test window holds no target; move the cut back in time")
    names = recommender.components if components is None else tuple(components)
    court = _Court(recommender, truth, ks)
    values, differences, per_user, users = [], [], [], []
    for targets in TARGETS:
        relevant = court.relevant(targets)
        if not len(relevant.rows):
            continue
        found = {
            system: court.measure(system, targets, relevant, progress)
            for system in (HYBRID, *names)
        }
        label = pl.lit(targets).alias("targets")
        users.append(court.counts(relevant, found[HYBRID]).select(label, pl.all()))
        values += [court.values(system, e).select(label, pl.all()) for system, e in found.items()]
        per_user += [
            court.with_warmth(e.per_user).select(label, pl.lit(system).alias("system"), pl.all())
            for system, e in found.items()
        ]
        if names:
            table = _differences(found, resamples=resamples, seed=seed)
            differences.append(table.select(label, pl.all()))
    return Scorecard(
        pl.concat(values),
        pl.concat(differences) if differences else pl.DataFrame(),
        pl.concat(per_user, how="diagonal"),
        pl.concat(users),
        tuple(dict.fromkeys(ks)),
        resamples,
    )


class _Court:
    """The truth in row space and everything that the metrics read."""

    def __init__(self, recommender: Recommender, truth: pl.DataFrame, ks: Sequence[int]) -> None:
        self.recommender = recommender
        self.truth = truth.unique(["user_id", "item_id"]).sort("user_id", "item_id")
        self.user_ids = self.truth["user_id"].unique(maintain_order=True)
        # Items that the model never saw get rows behind its own, so that they are missed.
        known = recommender.items
        named = self.truth["item_id"]
        strange = named.filter(pl.Series(known.rows(named) == MISSING_ROW)).unique().sort()
        self.items = known.extended(strange) if len(strange) else known
        self.user_rows = recommender.users.rows(self.user_ids)
        self.item_counts = _padded(
            np.bincount(recommender.dataset.histories.items, minlength=len(known)),
            len(self.items),
            0,
        )
        self.k = max(ks)
        curve = [Recall(k) for k in CURVE if k < self.k and k not in ks]
        self.metrics = [*metrics_at(ks, self._inputs()), *curve]

    def relevant(self, targets: str) -> Ragged:
        """Return the relevant item rows of every user; empty where there is no such target."""
        pairs = self.truth if targets == "ALL" else self.truth.filter(pl.col("new"))
        position = pl.DataFrame({"user_id": self.user_ids}).with_row_index("position")
        owner = pairs.join(position, on="user_id", maintain_order="left")["position"].to_numpy()
        counts = np.bincount(owner, minlength=len(self.user_ids))
        return Ragged(pointers(counts), self.items.rows(pairs["item_id"]))

    def measure(
        self,
        system: str,
        targets: str,
        relevant: Ragged,
        progress: Progress | None,
    ) -> Evaluation:
        """Measure one system, chunk by chunk."""
        n = int((relevant.counts > 0).sum())

        def lists(chunk: IntArray) -> Ragged:
            return self._lists(chunk, system, TARGETS[targets])

        def done(users: int) -> None:
            if progress is not None:
                progress(f"{targets} {system}", users, n)

        return evaluate(
            lists,
            relevant,
            self.metrics,
            user_ids=self.user_ids,
            chunk=USERS_PER_CHUNK,
            progress=done,
        )

    def values(self, system: str, evaluation: Evaluation) -> pl.DataFrame:
        """Return the means on all users, and on the warm and the cold ones."""
        summary = evaluation.summary
        whole = pl.DataFrame(
            {
                "users": "all",
                "metric": list(summary.values),
                "value": list(summary.values.values()),
                "n_users": [summary.n_counted.get(m, summary.n_users) for m in summary.values],
            }
        )
        table = self.with_warmth(evaluation.per_user)
        parts = [whole]
        for name, mask in (("warm", pl.col("warm")), ("cold", ~pl.col("warm"))):
            some = table.filter(mask)
            columns = [m for m in evaluation.metrics if some[m].count()]
            parts.append(
                pl.DataFrame(
                    {
                        "users": [name] * len(columns),
                        "metric": columns,
                        "value": [some[m].mean() for m in columns],
                        "n_users": [some[m].count() for m in columns],
                    },
                    schema=whole.schema,
                )
            )
        return pl.concat(parts).select(pl.lit(system).alias("system"), pl.all())

    def counts(self, relevant: Ragged, evaluation: Evaluation) -> pl.DataFrame:
        """Return how many users and targets there are, and how many are strange."""
        summary = evaluation.summary
        asked = relevant.counts > 0
        cold = self.item_counts[relevant.rows] == 0
        return pl.DataFrame(
            {
                "n_users": [summary.n_users],
                "n_warm": [int((self.user_rows[asked] != MISSING_ROW).sum())],
                "n_empty": [summary.n_empty],
                "n_missing": [summary.n_missing],
                "n_targets": [len(relevant.rows)],
                "n_cold_items": [int(cold.sum())],
            }
        )

    def with_warmth(self, per_user: pl.DataFrame) -> pl.DataFrame:
        """Add whether the model knows the user."""
        warm = pl.DataFrame({"user_id": self.user_ids, "warm": self.user_rows != MISSING_ROW})
        joined = per_user.join(warm, on="user_id", maintain_order="left")
        return joined.select("user_id", "warm", pl.exclude("user_id", "warm"))

    def _lists(self, chunk: IntArray, system: str, repeats: Repeats) -> Ragged:
        """Return the system's lists in row space, one a user of the chunk."""
        asked = self.user_ids.gather(chunk)
        frame = self.recommender.recommend_frame(
            asked.to_list(),
            self.k,
            repeats=repeats,
            component=None if system == HYBRID else system,
        )
        position = pl.DataFrame({"user_id": asked}).with_row_index("position")
        frame = frame.join(position, on="user_id").sort("position", "rank")
        counts = np.bincount(frame["position"].to_numpy(), minlength=len(chunk))
        return Ragged(pointers(counts), self.items.rows(frame["item_id"]))

    def _inputs(self) -> MetricInputs:
        model, n = self.recommender, len(self.items)
        numbers, names = model.catalogue.categories()
        inputs = MetricInputs(
            eligible=_padded(np.ones(len(model.items), dtype=np.bool_), n, False),
            item_counts=self.item_counts if self.item_counts.any() else None,
            embeddings=_padded(model.embeddings, n, 0) if model.embeddings.any() else None,
        )
        if len(names) < 2:
            return inputs
        bought = model.dataset.histories.take(np.maximum(self.user_rows, 0))
        bought = bought.keep((self.user_rows != MISSING_ROW)[bought.owner])
        return replace(
            inputs,
            categories=_padded(numbers - 1, n, -1),
            histories=Ragged(bought.indptr, bought.items),
        )


def _differences(found: dict[str, Evaluation], *, resamples: int, seed: int) -> pl.DataFrame:
    """Compare the hybrid with every component, and mark the best component by metric."""
    hybrid = found[HYBRID]
    parts = []
    for system, other in found.items():
        if system != HYBRID:
            table = hybrid.compare(other, resamples=resamples, seed=seed)
            parts.append(table.select(pl.lit(system).alias("system"), pl.all()))
    table = pl.concat(parts)
    # Ties go to the earlier component.
    first = pl.col("other").arg_max().over("metric")
    table = table.with_columns(best=pl.int_range(pl.len()).over("metric") == first)
    return table.select(
        "system", "metric", "difference", "low", "high", "p_value", "n_users", "best"
    )


def _padded(values: Any, n: int, fill: Any) -> Any:
    """Append rows of `fill` up to `n`."""
    missing = n - len(values)
    if not missing:
        return values
    more = np.full((missing, *values.shape[1:]), fill, dtype=values.dtype)
    return np.concatenate([values, more])


def moment(time: int) -> str:
    """Print a time in microseconds since 1970."""
    stamp = pl.Series([time]).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")
    return str(stamp[0])
