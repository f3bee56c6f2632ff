"""The ranker's losses beside LightGBM's LambdaRank, and what each feature family adds.

    pip install 'recsys[benchmark]'
    python -m experiments.benchmarks.ranker_losses --data DIR --out FOLDER
    python -m experiments.benchmarks.ranker_losses --data DIR --out FOLDER --ablate --set KEY=VALUE

The label windows of a scoreboard's recipe are tabulated once, all from before its test window,
and kept in FOLDER. The newest, the validation window, is measured and nothing else; the one
before it says when to stop; the older ones are learned from, the same candidates for every
arm: the recipe's loss, the other ones on the same network, `lambdarank` (LightGBM's trees). With
`--ablate` the recipe's ranker is also trained without each family of features.

NDCG@10 is over each shopper's candidates, relevant items that are no candidates count, ALL
and NEW; differences to the recipe's loss have a 95 % paired bootstrap interval. What an arm gave is
kept in FOLDER, so a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments import shipped
from experiments.scoreboards.boards import BOARDS
from experiments.scoreboards.reading import read
from recsys.dataset import Dataset
from recsys.errors import DataError
from recsys.metrics.bootstrap import bootstrap_difference
from recsys.parallel import cores
from recsys.ranking.config import HEADS, Head, RankerConfig
from recsys.ranking.features import FeatureBuilder
from recsys.types import BoolArray, DoubleArray, FloatArray
from training.encoders import encoder_for
from training.generators import fit_generators
from training.ranker import DEPTH, LOSSES, fit_head, ndcg_by_list
from training.recipe import Recipe
from training.tables import Table, build_table, merge
from training.windows import label_windows

FAMILIES = {
    "generators": ("gen_",),
    "own purchases": ("own_",),
    "category and brand": ("cat_", "brand_"),
    "item": ("item_",),
    "price": ("price_",),
    "shopper": ("user_",),
}
ROWS_PER_PASS = 65536
TREES = 500
PATIENCE = 30
"""Trees without a better NDCG before LightGBM stops."""
META = "tables.json"


@dataclass(frozen=True)
class Tables:
    """One head's tables: what is learned from, what says when to stop, what is measured."""

    train: Table
    stop: Table
    held_out: Table

    def with_columns(self, kept: BoolArray) -> Tables:
        """Keep some of the features."""
        return Tables(*(replace(t, features=t.features[:, kept]) for t in self._all()))

    def _all(self) -> tuple[Table, Table, Table]:
        return self.train, self.stop, self.held_out


Arm = Callable[[Tables], FloatArray]
"""Trains on tables and returns the scores of what is measured."""


def main() -> None:
    """Read the arguments, tabulate, train every arm and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the scoreboard's folder")
    parser.add_argument("--board", default="online-retail", help="with a global time")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--ablate", action="store_true", help="also without each family")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    args = parser.parse_args()
    recipe = shipped.find(args.board, args.set)
    args.out.mkdir(parents=True, exist_ok=True)
    if not (args.out / META).exists():
        board = BOARDS[args.board]
        files = read(args.data, board.name, board.layout)
        # All before the test window; what is asked in it is not even looked at.
        keep(args.out, *tabulate(board.cut(files, "refit", "test").train, recipe))
    names, tables = kept(args.out, recipe)
    rows = compare(tables, arms(names, recipe, ablate=args.ablate), args.out)
    print(json.dumps(rows) if args.json else "\n".join(map(line, rows)))


def tabulate(dataset: Dataset, recipe: Recipe) -> tuple[tuple[str, ...], dict[Head, list[Table]]]:
    """Return the names of the features, and the tables of every label window, oldest first.

    Raises:
        DataError: there are fewer than three windows.
    """
    rng = np.random.default_rng([recipe.seed, 1])
    windows = label_windows(dataset, recipe.ranker, rng)
    if len(windows) < 3 or dataset.info.time != "global":
        raise DataError(
            f"{dataset.info.name} has {len(windows)} label windows; to learn, to stop and to "
            'measure takes three of a dataset with time "global": set ranker.n_windows=3'
        )
    texts = dataset.catalogue.texts()
    embeddings = encoder_for(recipe.text, texts)[0].encode(texts).astype(np.float16)
    tables: dict[Head, list[Table]] = {head: [] for head in HEADS}
    names: tuple[str, ...] = ()
    for i, window in enumerate(windows):
        generators = fit_generators(window.past, recipe, embeddings, device="cpu").generators
        builder = FeatureBuilder.fit(window.past, tuple(generators), int(window.at.max())).reading(
            late=recipe.ranker.late_features
        )
        if names and builder.names != names:
            raise DataError(
                f"window {i} has other features than the first, since a generator stepped "
                "aside; switch it off in all: --set candidates.NAME.enabled=false"
            )
        names = builder.names
        whole = i >= len(windows) - 2
        for head in HEADS:
            table = build_table(
                generators,
                builder,
                window,
                head,
                recipe.ranker.n_candidates,
                negatives=None if whole else recipe.ranker.negatives,
                rng=rng,
            )
            tables[head].append(table)
    return names, tables


def keep(folder: Path, names: Sequence[str], tables: dict[Head, list[Table]]) -> None:
    """Write tables, the list of names last."""
    for head, found in tables.items():
        for i, table in enumerate(found):
            np.savez(folder / f"{head}-{i}.npz", **vars(table))
    meta = {"names": list(names), "windows": len(tables["all"])}
    (folder / META).write_text(json.dumps(meta))


def kept(folder: Path, recipe: Recipe) -> tuple[tuple[str, ...], dict[Head, Tables]]:
    """Read tables; older windows are put below each other."""
    meta = json.loads((folder / META).read_text())
    tables: dict[Head, Tables] = {}
    for head in HEADS:
        found = []
        for i in range(meta["windows"]):
            with np.load(folder / f"{head}-{i}.npz") as arrays:
                found.append(Table(**arrays))
        *older, stop, held_out = found
        tables[head] = Tables(merge(older, len(meta["names"])), stop, held_out)
    return tuple(meta["names"]), tables


def arms(names: Sequence[str], recipe: Recipe, *, ablate: bool) -> dict[str, Arm]:
    """Return what is compared, by name; the others are compared with the first."""
    config, seed = recipe.ranker, recipe.seed
    losses = sorted(LOSSES, key=lambda loss: loss != config.loss)
    found: dict[str, Arm] = {
        loss: partial(network, config=config, seed=seed, loss=loss) for loss in losses
    }
    found["lambdarank"] = partial(trees, seed=seed)
    for family, prefixes in FAMILIES.items() if ablate else ():
        others = np.array([not name.startswith(prefixes) for name in names])
        found[f"without {family}"] = partial(without, others=others, arm=found[config.loss])
    return found


def without(tables: Tables, *, others: BoolArray, arm: Arm) -> FloatArray:
    """Train an arm on some of the features only."""
    return arm(tables.with_columns(others))


def network(tables: Tables, *, config: RankerConfig, seed: int, loss: str) -> FloatArray:
    """Train our network with a loss."""
    net, _ = fit_head(
        [tables.train],
        [tables.stop],
        config.model_copy(update={"loss": loss}),
        seed=seed,
        device="cpu",
        logger=None,
        label=loss,
    )
    rows = torch.as_tensor(tables.held_out.features)
    with torch.inference_mode():
        return torch.cat([net(part) for part in rows.split(ROWS_PER_PASS)]).numpy()


def trees(tables: Tables, *, seed: int) -> FloatArray:
    """Train LightGBM's LambdaRank (Burges 2010) on the same lists."""
    import lightgbm

    def lists(table: Table, of: Any = None) -> Any:
        return lightgbm.Dataset(
            table.features, table.labels, group=np.diff(table.indptr), reference=of
        )

    train = lists(tables.train)
    booster = lightgbm.train(
        {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [DEPTH],
            "learning_rate": 0.05,
            "num_leaves": 31,
            "min_data_in_leaf": 50,
            "feature_fraction": 0.8,
            "num_threads": cores(),
            "seed": seed,
            "deterministic": True,
            "verbosity": -1,
        },
        train,
        TREES,
        valid_sets=[lists(tables.stop, train)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return np.asarray(booster.predict(tables.held_out.features), dtype=np.float32)


def compare(tables: dict[Head, Tables], arms: dict[str, Arm], folder: Path) -> list[dict[str, Any]]:
    """Train every arm for both heads; NDCG@10 of each, and how far it is from the first."""
    rows: list[dict[str, Any]] = []
    for head, found in tables.items():
        first: DoubleArray | None = None
        for name, arm in arms.items():
            values, seconds = once(folder / f"{head}-{name.replace(' ', '-')}.npz", arm, found)
            first = values if first is None else first
            apart = asdict(bootstrap_difference(values, first))
            rows.append(
                {
                    "targets": head.upper(),
                    "arm": name,
                    "ndcg": float(values.mean()),
                    "difference": apart["mean"],
                    **{key: apart[key] for key in ("low", "high", "n_users")},
                    "cpu_seconds": seconds,
                }
            )
    return rows


def once(path: Path, arm: Arm, tables: Tables) -> tuple[DoubleArray, float]:
    """Return an arm's NDCG@10 a shopper and its processor time, kept from an earlier run."""
    if not path.exists():
        began = time.process_time()
        values = ndcg_by_list(arm(tables), tables.held_out, DEPTH)
        partly = path.with_suffix(".part.npz")
        np.savez(partly, values=values, seconds=time.process_time() - began)
        partly.rename(path)
    with np.load(path) as arrays:
        return arrays["values"], float(arrays["seconds"])


def line(row: dict[str, Any]) -> str:
    """Print one arm."""
    return (
        f"{row['targets']:<4}{row['arm']:<28} NDCG@{DEPTH} {row['ndcg']:.4f}  "
        f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]  "
        f"{row['n_users']:,} shoppers, {row['cpu_seconds']:.0f} s of processor"
    )


if __name__ == "__main__":
    main()
