"""A training-free filter of the spectrum of the shopper-item graph."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from recsys.candidates.base import plain
from recsys.candidates.factors import halved
from recsys.candidates.from_history import (
    SCORES_PER_CHUNK,
    USERS_PER_CHUNK,
    DenseScores,
    KnownItems,
)
from recsys.candidates.inputs import DecayConfig, input_rows
from recsys.protocols import State
from recsys.schema import Time
from recsys.types import FloatArray, Queries

if TYPE_CHECKING:
    from recsys.dataset import Dataset

MAX_VALUES = 64_000_000
"""Of the eigenvectors, 128 MB in half precision: larger catalogues get fewer of them."""
SPARE = 32
"""Eigenvectors that are sought beyond those kept, which makes the kept ones exact."""


class SpectralConfig(DecayConfig):
    """How the spectrum is filtered.

    Attributes:
        factors: eigenvectors that are known.
        sharpening: how long the sharpening goes on; 0: there is none.
        low_pass: weight of the projection on the eigenvectors.
        rounds: of the subspace iteration that finds the eigenvectors.
        max_users: with more of them it steps aside, as each answer goes over all.
    """

    half_life_days: float | None = Field(default=300, gt=0)
    basket_decay: float = Field(default=0.75, gt=0, le=1)
    factors: int = Field(default=256, ge=1)
    sharpening: float = Field(default=2.5, ge=0)
    low_pass: float = Field(default=0.2, ge=0)
    rounds: int = Field(default=6, ge=1)
    max_users: int = Field(default=250_000, ge=1)


class Spectral(DenseScores):
    """score(x) = (x P + low_pass x D^-1/2 V V' D^1/2) g(sharpening P).

    P = R'R, R = D_users^-1/2 X D^-1/2 the normalised matrix, D the sums of its columns, V
    the leading eigenvectors of P: the filter of GF-CF (Shen et al., CIKM 2021), then
    sharpened as in BSPM-EM (Choi et al., SIGIR 2023) by one Runge-Kutta step of
    dy/dt = -y P, which is g(z) = 1 - z + z^2/2 - z^3/6 + z^4/24. On V g is exact; beyond it,
    where z is small, it goes to the second order. P is never made: x P is two sparse
    products, so the state is R and V. Off unless a recipe switches it on.
    """

    name: ClassVar[str] = "spectral"
    config_class: ClassVar[type[SpectralConfig]] = SpectralConfig
    on_by_default: ClassVar[bool] = False

    def __init__(self, config: SpectralConfig | None = None) -> None:
        super().__init__()
        self.config = config or SpectralConfig()
        self._time: Time = "none"
        self._matrix = sp.csr_matrix((0, 0), dtype=np.float32)  # R, [users, known]
        self._degrees: FloatArray = np.empty(0, dtype=np.float32)  # [known]
        self._vectors: FloatArray = np.empty((0, 0), dtype=np.float32)  # [known, k]
        self._spectrum: FloatArray = np.empty(0, dtype=np.float32)  # [k]

    def limits(self, dataset: Dataset) -> str | None:
        """Step aside where every answer would go over too many shoppers."""
        n = int(np.count_nonzero(dataset.histories.counts))
        if n > self.config.max_users:
            return (
                f"spectral has {n} shoppers to go over, more than max_users {self.config.max_users}"
            )
        return None

    def fit(self, dataset: Dataset, *, rng: np.random.Generator) -> Self:
        """Normalise the matrix and find its leading eigenvectors."""
        config = self.config
        self._known = KnownItems.bought(dataset)
        histories = self._known.histories(dataset.histories)
        x = input_rows(histories, dataset.info.time, config.unfaded(), len(self._known))
        x = x[np.asarray(x.sum(axis=1)).ravel() > 0]
        self._degrees = _positive(x.sum(axis=0))
        by_user = sp.diags(_positive(x.sum(axis=1)) ** -0.5)
        self._matrix = (by_user @ x @ sp.diags(self._degrees**-0.5)).tocsr().astype(np.float32)
        n = min(config.factors, MAX_VALUES // max(len(self._known), 1), *self._matrix.shape)
        spectrum, vectors = leading(self._matrix, n, config.rounds, rng)
        self._spectrum, self._vectors = spectrum, halved(vectors)
        self._time, self._n_items = dataset.info.time, dataset.n_items
        return self

    def state(self) -> State:
        """Return config, matrix and eigenvectors."""
        config = {"config": plain(self.config), "n_items": self._n_items, "time": self._time}
        r = self._matrix
        arrays = {
            "data": r.data,
            "indices": r.indices,
            "indptr": r.indptr,
            "degrees": self._degrees,
            "spectrum": self._spectrum,
            "vectors": self._vectors.astype(np.float16),
            "known": self._known.mask,
        }
        return State(config, arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`."""
        a, c = state.arrays, state.config
        model = cls(SpectralConfig.model_validate(c["config"]))
        model._known = KnownItems(a["known"])
        shape = (len(a["indptr"]) - 1, len(model._known))
        model._matrix = sp.csr_matrix((a["data"], a["indices"], a["indptr"]), shape=shape)
        model._degrees, model._spectrum = a["degrees"], a["spectrum"]
        model._vectors = a["vectors"].astype(np.float32)
        model._time, model._n_items = c["time"], int(c["n_items"])
        return model

    @cached_property
    def _by_item(self) -> sp.csr_matrix:
        """R', CSR [known, users]: its rows are read one by one."""
        return self._matrix.T.tocsr()

    def _chunk_size(self) -> int:
        """Count users too: on the way to the scores each query has a value of each of them."""
        values: int = max(self._matrix.shape[0], len(self._known), 1)
        return min(max(SCORES_PER_CHUNK // values, 1), USERS_PER_CHUNK)

    def _make(self, queries: Queries) -> FloatArray:
        config, v = self.config, self._vectors
        x = input_rows(queries.histories, self._time, config, len(self._known))
        blurred = self._to_items((self._matrix @ x.T).toarray())
        x.data *= np.float32(config.low_pass) * self._degrees[x.indices] ** -0.5
        blurred += ((x @ v) @ v.T) * np.sqrt(self._degrees)
        return self._sharpen(blurred) if config.sharpening else blurred

    def _to_items(self, over_users: FloatArray) -> FloatArray:
        """Return (R' y)' of y [users, b]: [b, known]."""
        return np.ascontiguousarray((self._by_item @ over_users).T)

    def _sharpen(self, rows: FloatArray) -> FloatArray:
        """Return rows g(sharpening P), [b, known]."""
        v, time = self._vectors, self.config.sharpening
        z = time * self._spectrum
        g = (1 - z * (1 - z / 2 * (1 - z / 3 * (1 - z / 4)))).astype(np.float32)
        known = rows @ v
        beyond = rows - known @ v.T
        first = self._to_items(self._matrix @ beyond.T)
        second = self._to_items(self._matrix @ first.T)
        first *= time
        second *= time**2 / 2
        sharp: FloatArray = (beyond - first + second + (known * g) @ v.T).astype(np.float32)
        return sharp


def leading(
    matrix: sp.csr_matrix, n: int, rounds: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return the n largest eigenvalues of R'R and their vectors, [n] and [items, n].

    Randomised subspace iteration (Halko et al., SIAM Review 2011).
    """
    import torch

    width = min(n + SPARE, *matrix.shape)
    if not width:
        return np.empty(0, dtype=np.float32), np.empty((matrix.shape[1], 0), dtype=np.float32)
    turned = matrix.T.tocsr()
    basis = rng.standard_normal((matrix.shape[1], width), dtype=np.float32)
    for _ in range(rounds):
        basis = torch.linalg.qr(torch.from_numpy(turned @ (matrix @ basis)))[0].numpy()
    image = matrix @ basis
    spectrum, within = np.linalg.eigh((image.T @ image).astype(np.float64))
    best = slice(None, -n - 1, -1)
    values: FloatArray = np.maximum(spectrum[best], 0).astype(np.float32)
    return values, basis @ np.ascontiguousarray(within[:, best].astype(np.float32))


def _positive(sums: np.matrix) -> FloatArray:
    """Flatten sums, and make those that are zero one, so that they can divide."""
    flat = np.asarray(sums, dtype=np.float32).ravel()
    return np.where(flat > 0, flat, np.float32(1))
