"""Bundles of made-up shops at the sizes of the target table, made once and kept.

Only speed is measured on them, so that few steps of training are enough: they do not change
the sizes of anything that a request reads.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from experiments.shipped import find
from experiments.terminal import say
from recsys.dataset import Dataset
from recsys.datasets.synthetic import synthetic_shop
from recsys.weights import home
from training.encoders import encoder_for
from training.pipeline import fit_recommender

ONLY_ALS = (
    *(f"candidates.{name}.enabled=false" for name in ("popular", "repeat_purchase", "item_knn")),
    *(f"candidates.{name}.enabled=false" for name in ("ease", "bpr", "lightfm", "text_knn")),
    "history.enabled=false",
    "ranker.enabled=false",
    "ranker.n_candidates=200",
    "candidates.als.factors=64",
    "candidates.als.iterations=2",
    "text.dim=64",
)
HYBRID = (
    "ranker.n_candidates=100",
    "ranker.epochs=1",
    "ranker.max_users=1000",
    "candidates.ease.max_items=2000",
    "candidates.ease.max_sparse_items=0",
    "candidates.als.factors=64",
    "candidates.als.iterations=2",
    "candidates.bpr.enabled=false",
    "candidates.lightfm.enabled=false",
    "text.dim=64",
    "history.model.dim=64",
    "history.model.max_length=64",
    "history.trainer.epochs=1",
)
"""Popularity, repeat purchase, item-kNN, EASE, ALS, text neighbours and the history
Transformer propose 100 items each; the ranker orders their union, some 200 to 500."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A shop and what is fitted on it.

    Attributes:
        items: size of the catalogue.
        users: shoppers.
        interactions: lines.
        recipe: overrides of the recipe `smoke`.
    """

    items: int
    users: int
    interactions: int
    recipe: tuple[str, ...]


KINDS = {
    "small": Kind(2_000, 500, 10_000, ONLY_ALS),
    "small_again": Kind(2_000, 500, 12_000, ONLY_ALS),
    "exact_100k": Kind(100_000, 20_000, 400_000, ONLY_ALS),
    "hybrid_100k": Kind(100_000, 20_000, 400_000, HYBRID),
    "exact_1m": Kind(1_000_000, 50_000, 1_000_000, ONLY_ALS),
}


def bundle(name: str) -> Path:
    """Return the bundle of a kind, made if it is not there.

    It lies in the cache directory (`RECSYS_HOME`); delete it there to have it made again.
    """
    kind = KINDS[name]
    out = home() / "load" / name
    if (out / "manifest.json").is_file():
        return out
    say(f"making the bundle {name}: {kind.items:,} items, once")
    shop = synthetic_shop(kind.users, kind.items, kind.interactions, seed=1)
    dataset = Dataset.from_frames(shop.interactions, shop.items, shop.users, shop.info)
    del shop
    recipe = find("smoke", kind.recipe)
    encoder, spec = encoder_for(recipe.text, dataset.catalogue.texts())
    fitted = fit_recommender(dataset, recipe, encoder=encoder, encoder_spec=spec)
    out.parent.mkdir(parents=True, exist_ok=True)
    fitted.save(out)
    return out


def damaged(source: Path, out: Path) -> Path:
    """Copy a bundle and change one byte of its largest file."""
    shutil.copytree(source, out)
    victim = max(out.rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else -1)
    with victim.open("r+b") as file:
        file.seek(victim.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0xFF]))
    return out
