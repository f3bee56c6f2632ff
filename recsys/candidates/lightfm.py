"""LightFM: factors of items composed from their attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import Field

from recsys.candidates.factors import halved
from recsys.candidates.from_history import KnownItems
from recsys.candidates.inputs import DecayConfig, bought_rows, input_rows
from recsys.candidates.mapped_factors import MappedFactorModel
from recsys.errors import MissingExtraError

if TYPE_CHECKING:
    from recsys.dataset import Catalogue, Dataset

MAX_WORK = 400_000_000
"""Interactions x features of an item x epochs that one thread does in some minutes."""


class LightFmConfig(DecayConfig):
    """Size and schedule.

    Attributes:
        factors: length of a vector.
        learning_rate: of Adagrad.
        epochs: passes over the interactions.
        max_sampled: negatives that WARP tries for one violation.
        max_values: attribute columns with more distinct values are left out.
    """

    half_life_days: float | None = Field(default=300, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    factors: int = Field(default=48, ge=1)
    learning_rate: float = Field(default=0.05, gt=0)
    epochs: int = Field(default=8, ge=1)
    max_sampled: int = Field(default=10, ge=1)
    max_values: int = Field(default=2000, ge=2)


class LightFm(MappedFactorModel):
    """WARP over p_u . q_i + b_i, q_i the mean of the embeddings of i's features.

    The features of an item are itself and the values of its attribute columns (Kula
    2015, Weston et al. 2011), so catalogue items that nobody bought yet have scores too.
    One thread: with several, no two runs agree.
    """

    name: ClassVar[str] = "lightfm"
    libraries: ClassVar[tuple[str, ...]] = ("lightfm",)
    config_class: ClassVar[type[DecayConfig]] = LightFmConfig
    config: LightFmConfig

    def __init__(self, config: LightFmConfig | None = None) -> None:
        super().__init__()
        self.config = config or LightFmConfig()

    def limits(self, dataset: Dataset) -> str | None:
        """Step aside where it is not installed or one thread would take too long."""
        try:
            import lightfm  # noqa: F401
        except ImportError:
            return str(_missing())
        per_item = 1 + len(attribute_columns(dataset.catalogue, self.config.max_values))
        work = len(dataset.interactions) * per_item * self.config.epochs
        if work > MAX_WORK:
            return (
                f"lightfm would take {work:.1e} updates on one thread, more than "
                f"{MAX_WORK:.0e}; lower candidates.lightfm.epochs"
            )
        return None

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Descend, then learn the map from histories to user vectors.

        Raises:
            MissingExtraError: `lightfm` is not installed.
        """
        try:
            from lightfm import LightFM
        except ImportError as error:
            raise _missing() from error
        config = self.config
        bought = KnownItems.kept(dataset).mask
        features = item_features(dataset.catalogue, bought, config.max_values)
        # An item nobody bought can be scored by its attributes, if it has any.
        self._known = KnownItems(np.diff(features.indptr) > 0)
        features = features[self._known.rows]
        histories = self._known.histories(dataset.histories)
        x = input_rows(histories, dataset.info.time, config, len(self._known))
        solver = LightFM(
            no_components=config.factors,
            loss="warp",
            learning_rate=config.learning_rate,
            max_sampled=config.max_sampled,
            random_state=int(rng.integers(2**31)),
        )
        positive = bought_rows(histories, len(self._known)).tocoo()
        solver.fit(positive, item_features=features, epochs=config.epochs, num_threads=1)
        bias, items = solver.get_item_representations(features)
        _, users = solver.get_user_representations()
        self._items, self._bias = halved(items), np.asarray(bias, dtype=np.float32)
        self._learn_map(x, users)
        self._time = dataset.info.time
        self._n_items = dataset.n_items
        return self


def attribute_columns(catalogue: Catalogue, max_values: int) -> list[str]:
    """Return the columns of the catalogue that hold one of a few values."""
    roles = catalogue.info.roles
    prose = {"item_id", roles.title, roles.description}
    kinds = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
    frame = catalogue.frame
    return [
        c
        for c in frame.columns
        if c not in prose and frame[c].dtype in kinds and 1 < frame[c].n_unique() <= max_values
    ]


def item_features(
    catalogue: Catalogue, bought: np.ndarray[tuple[int], np.dtype[np.bool_]], max_values: int
) -> sp.csr_matrix:
    """Return what each item is made of, CSR [n_items, features], rows sum to one.

    An item nobody bought is its attributes only: its own embedding would be noise.
    """
    n = len(catalogue)
    own = np.flatnonzero(bought)
    blocks = [sp.csr_matrix((np.ones(len(own), "f4"), (own, own)), shape=(n, n))]
    for column in attribute_columns(catalogue, max_values):
        codes = catalogue.frame[column].cast(pl.String).rank("dense").fill_null(0).to_numpy()
        has = codes > 0
        rows, values = np.flatnonzero(has), codes[has].astype(np.int64) - 1
        shape = (n, int(codes.max(initial=0)))
        blocks.append(sp.csr_matrix((np.ones(len(rows), "f4"), (rows, values)), shape=shape))
    features = sp.hstack(blocks, format="csr", dtype=np.float32)
    total = np.asarray(features.sum(axis=1)).ravel()
    return sp.csr_matrix(sp.diags((1 / np.maximum(total, 1)).astype(np.float32)) @ features)


def _missing() -> MissingExtraError:
    return MissingExtraError("lightfm", "lightfm (built from source: it takes a C compiler)")
