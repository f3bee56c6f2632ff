"""Finished chunks of an evaluation on disk, so that a killed one goes on where it was.

A chunk is a directory with a table of per-user values and one of exposures for every
system and kind of targets. It is written under a temporary name and renamed, so whatever
a kill leaves behind under its own name is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys.metrics import CatalogueMetric
from recsys.metrics.compute import AnyMetric
from recsys.types import IntArray

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class ChunkValues:
    """One system's values on one chunk of users.

    Attributes:
        table: as in the scorecard's per-user files.
        exposures: by name of the catalogue metric, how many lists show each item, [items].
        n_missing: users without a list.
    """

    table: pl.DataFrame
    exposures: dict[str, IntArray]
    n_missing: int


class Parts:
    """The chunks of one evaluation."""

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        """Open a directory; what another plan left there is thrown away."""
        self.folder = folder
        text = json.dumps(plan, sort_keys=True, indent=1)
        file = folder / PLAN_FILE
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")

    def has(self, number: int) -> bool:
        """Tell whether a chunk is finished."""
        return self._chunk(number).is_dir()

    def write(self, number: int, values: Mapping[tuple[str, str], ChunkValues]) -> None:
        """Keep a chunk: targets and system -> what was measured."""
        work = self.folder / f".{number:06d}.partial"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for (targets, system), one in values.items():
            meta = {"n_missing": str(one.n_missing)}
            one.table.write_parquet(work / f"{targets}.{system}.parquet", metadata=meta)
            _sparse(one.exposures).write_parquet(work / f"{targets}.{system}.exposure.parquet")
        work.rename(self._chunk(number))

    def files(self, targets: str, system: str) -> list[Path]:
        """Return the per-user tables of one system, in the order of the users."""
        chunks = sorted(p for p in self.folder.iterdir() if p.is_dir() and p.name[0] != ".")
        paths = [chunk / f"{targets}.{system}.parquet" for chunk in chunks]
        # A chunk where nobody has such a target has no table.
        return [p for p in paths if p.is_file()]

    def read(self, targets: str, system: str, metrics: list[AnyMetric]) -> Iterator[ChunkValues]:
        """Yield what was written for one system, chunk by chunk."""
        whole = {m.name: m.n_items for m in metrics if isinstance(m, CatalogueMetric)}
        for path in self.files(targets, system):
            shown = pl.read_parquet(path.with_suffix(".exposure.parquet"))
            missing = int(pl.read_parquet_metadata(path)["n_missing"])
            yield ChunkValues(pl.read_parquet(path), _dense(shown, whole), missing)

    def _chunk(self, number: int) -> Path:
        return self.folder / f"{number:06d}"


def _sparse(exposures: Mapping[str, IntArray]) -> pl.DataFrame:
    frames = [
        pl.DataFrame({"item": np.flatnonzero(shown), "lists": shown[shown > 0]}).select(
            pl.lit(name).alias("metric"), pl.all()
        )
        for name, shown in exposures.items()
    ]
    schema = {"metric": pl.String, "item": pl.Int64, "lists": pl.Int64}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def _dense(shown: pl.DataFrame, n_items: Mapping[str, int]) -> dict[str, IntArray]:
    exposures = {}
    for name, n in n_items.items():
        mine = shown.filter(metric=name)
        exposures[name] = np.zeros(n, dtype=np.int64)
        exposures[name][mine["item"].to_numpy()] = mine["lists"].to_numpy()
    return exposures
