"""What an evaluation leaves behind: tables in memory, per-user values on disk."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import polars as pl

from experiments.html_table import html_table
from recsys.bundle import put_in_place
from recsys.errors import DataError
from recsys.types import Repeats

HYBRID = "hybrid"
TARGETS: dict[str, Repeats] = {"ALL": "allow", "NEW": "exclude"}
"""Targets -> `repeats` of the requests. NEW: what the user had never bought."""
EVERYBODY = "all"
"""The slice that holds all users."""
SLICE_PREFIX = "slice:"
"""Columns of a per-user table that tell which slice the user is in."""
FACTS_FILE = "scorecard.json"
PER_USER = "per_user"
_FRAMES = ("values", "differences", "users", "titles")
_NO_METRIC = ("targets", "system", "user_id", "warm", "n_relevant", "list", "history")


@dataclass(frozen=True)
class Scorecard:
    """What was measured on one test window.

    Attributes:
        values: `targets`, `slice`, `system`, `metric`, `value`, `n_users` (that entered the
            mean). Slices of users are `all`, `warm users`, `history 5-19`, `segment=gold`;
            those of items, `items: tail` and `category: tea`, restrict the relevant items.
        differences: `targets`, `system`, `metric`, `difference` (hybrid minus system),
            `low`, `high` (95 % paired bootstrap interval over users), `p_value`, `n_users`,
            `best` (the system is the best single component by this metric).
        users: `targets`, `n_users`, `n_warm`, `n_empty` (no target: left out),
            `n_missing` (no list: misses), `n_targets`, `n_cold_items` (targets without a
            training interaction; they stay).
        titles: `item_id`, `title` of the items in the lists and histories that are kept.
        ks: the cut-offs.
        resamples: of the bootstrap.
        facts: `truth` (digest of users and targets), `dataset` (fingerprint), `bundle`
            (version), and what else tells where the numbers come from.
        folder: where the per-user values lie.
    """

    values: pl.DataFrame
    differences: pl.DataFrame
    users: pl.DataFrame
    titles: pl.DataFrame
    ks: tuple[int, ...]
    resamples: int
    facts: dict[str, str]
    folder: Path
    _keep: object = field(default=None, repr=False, compare=False)

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

    @property
    def slices(self) -> list[str]:
        """Names of the slices, everybody first."""
        return self.values["slice"].unique(maintain_order=True).to_list()

    @property
    def per_user(self) -> pl.DataFrame:
        """`targets`, `system`, `user_id`, `warm`, ..., a column a metric; null: not counted.

        Read from disk whole; `scan` reads what is needed.
        """
        names = [(t, s) for t in self.targets for s in self.systems]
        return pl.concat(
            [
                self.scan(t, s)
                .collect()
                .select(pl.lit(t).alias("targets"), pl.lit(s).alias("system"), pl.all())
                for t, s in names
            ],
            how="diagonal",
        )

    def scan(self, targets: str, system: str = HYBRID) -> pl.LazyFrame:
        """Return the per-user values of one system: users in order, a column a metric.

        Besides the metrics: `user_id`, `warm`, `n_relevant`, `slice:...` columns, and for
        the hybrid `list` (the first recommendations) and `history` (the last purchases).

        Raises:
            DataError: it was not measured.
        """
        path = per_user_file(self.folder, targets, system)
        if not path.is_file():
            raise DataError(
                f"{self.folder}: no per-user values of {system!r} on {targets} targets; there "
                f"are {', '.join(self.systems)} on {', '.join(self.targets)}"
            )
        return pl.scan_parquet(path)

    def user_metrics(self, targets: str, system: str = HYBRID) -> list[str]:
        """Names of the metrics with per-user values, those on item slices included."""
        return metric_columns(self.scan(targets, system))

    def has(self, metric: str, targets: str | None = None) -> bool:
        """Tell whether a metric was measured, on these targets or on any."""
        values = self.values if targets is None else self.values.filter(targets=targets)
        return metric in values["metric"]

    def value(self, targets: str, system: str, metric: str, slice: str = EVERYBODY) -> float:
        """Return one number.

        Raises:
            KeyError: it was not measured.
        """
        found = self.values.filter(targets=targets, system=system, metric=metric, slice=slice)
        if not found.height:
            raise KeyError(f"{targets} {system} {metric} on slice {slice!r} was not measured")
        return float(found["value"][0])

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
        rows = self.values.filter(system=system, slice=EVERYBODY).iter_rows(named=True)
        return {f"{row['targets']}/{row['metric']}": row["value"] for row in rows}

    def _repr_html_(self) -> str:
        k = 10 if 10 in self.ks else self.ks[0]
        shown = self.values.filter(pl.col("metric").str.ends_with(f"@{k}"), slice=EVERYBODY).pivot(
            "metric", index=["targets", "system"], values="value", maintain_order=True
        )
        return html_table(shown, f"Everybody, first {k} places") + html_table(self.users, "Users")

    def save(self, folder: str | Path) -> None:
        """Write everything under a temporary name, then rename; replaces a scorecard.

        Raises:
            DataError: something else is there.
        """
        target = Path(folder).resolve()
        if target == self.folder.resolve():
            return
        refuse_no_scorecard(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        work.chmod(0o755)
        shutil.copytree(self.folder / PER_USER, work / PER_USER)
        self.write_tables(work)
        put_in_place(work, target)

    def write_tables(self, folder: Path) -> None:
        """Write all but the per-user values."""
        for name in _FRAMES:
            getattr(self, name).write_parquet(folder / f"{name}.parquet")
        facts = {"ks": self.ks, "resamples": self.resamples, "facts": self.facts}
        (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path, keep: object = None) -> Self:
        """Read what `save` wrote; `keep` lives as long as the scorecard does.

        Raises:
            DataError: there is no scorecard.
        """
        source = Path(folder)
        file = source / FACTS_FILE
        if not file.is_file():
            raise DataError(
                f"{source} holds no scorecard; make one with `recsys evaluate BUNDLE --data DATA "
                f"--out {source}`"
            )
        facts = json.loads(file.read_text(encoding="utf-8"))
        try:
            frames = {name: pl.read_parquet(source / f"{name}.parquet") for name in _FRAMES}
            return cls(
                **frames,
                ks=tuple(facts["ks"]),
                resamples=facts["resamples"],
                facts=facts["facts"],
                folder=source,
                _keep=keep,
            )
        except (KeyError, FileNotFoundError) as error:
            raise DataError(
                f"{source}: the scorecard is of another version of recsys ({error}); "
                "evaluate the bundle again"
            ) from error


def refuse_no_scorecard(folder: Path) -> None:
    """Refuse to replace a directory that is not a scorecard.

    Raises:
        DataError: it holds something else.
    """
    if folder.exists() and not (folder / FACTS_FILE).is_file():
        if not folder.is_dir() or any(folder.iterdir()):
            raise DataError(
                f"{folder} is there already and is no scorecard; choose another directory"
            )


def per_user_file(folder: Path, targets: str, system: str) -> Path:
    """Return the file of one system's per-user values."""
    return folder / PER_USER / targets / f"{system}.parquet"


def metric_columns(frame: pl.LazyFrame) -> list[str]:
    """Return the columns of a per-user table that are metrics."""
    names = frame.collect_schema().names()
    return [n for n in names if n not in _NO_METRIC and not n.startswith(SLICE_PREFIX)]


def by_number(name: str) -> list[str | int]:
    """Return a key that sorts names of slices by the numbers in them.

    >>> sorted(["history 100+", "history 20-99", "history 5-19"], key=by_number)
    ['history 5-19', 'history 20-99', 'history 100+']
    """
    parts = re.split(r"(\d+)", name)  # text and digits by turns
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
