"""Diversity and a shop's rules, applied to ranked lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from recsys.dataset import Catalogue
from recsys.errors import DataError
from recsys.rerank.calibrated import Mixture
from recsys.rerank.config import Rules
from recsys.rerank.filters import nearest
from recsys.rerank.greedy import Objective, Plan, Quota
from recsys.rerank.mmr import Likeness
from recsys.rerank.rules import check_filter, filter_mask
from recsys.types import Candidates, FloatArray, IntArray, Queries, pointers


class RuleReranker:
    """Chooses k items of each ranked list by relevance, diversity and rules.

    Relevance falls evenly from 1 at the first item of a list to 0 at the last, whatever
    the scores are, so that strengths mean the same everywhere. Each slot takes the item
    with the largest (1 - diversity) (1 - calibration) (relevance + boosts)
    - diversity x likeness - calibration x distance. Scores go with their items: they no
    longer descend.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        vectors: Callable[[IntArray], FloatArray],
        k: int,
        *,
        diversity: float = 0.0,
        rules: Rules | None = None,
        pins: Mapping[int, int] | None = None,
    ) -> None:
        """Take what is known of the items, and what is wanted.

        Args:
            catalogue: for the columns of caps, boosts and calibration.
            vectors: text embeddings of item rows, [m] -> [m, dim].
            k: items a list.
            diversity: 0 to 1.
            rules: None: no rules.
            pins: item rows by slot, from 0: the pins of the rules whose items are known.

        Raises:
            DataError: a rule names a column that is not there or does not fit.
        """
        self._catalogue, self._vectors, self._k = catalogue, vectors, k
        self._diversity, self._rules = diversity, rules or Rules()
        self._pins = {slot: row for slot, row in (pins or {}).items() if slot < k}
        self._check()

    def rerank(self, queries: Queries, ranked: Candidates) -> Candidates:
        """Return min(k, list) items of each list in another order.

        A pinned item that the list lacks joins it where the query allows it.
        """
        items, scores = [], []
        for i in range(len(ranked)):
            part = slice(ranked.indptr[i], ranked.indptr[i + 1])
            pool = self._with_pins(queries, i, ranked.items[part])
            mine = ranked.scores[part]
            lowest = mine[-1] if len(mine) else np.float32(0)
            joined = np.full(len(pool) - len(mine), lowest, dtype=np.float32)
            chosen = self._plan(queries, i, pool, len(mine)).choose(self._k)
            items.append(pool[chosen])
            scores.append(np.concatenate([mine, joined])[chosen])
        counts = np.array([len(x) for x in items], dtype=np.int64)
        none = np.empty(0)
        return Candidates(
            pointers(counts),
            np.concatenate([none, *items]).astype(np.int64),
            np.concatenate([none, *scores]).astype(np.float32),
        )

    def pinned(self, items: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Tell which items are there because of a pin, [m]."""
        return np.isin(items, list(self._pins.values()))

    def _check(self) -> None:
        schema = self._catalogue.frame.schema
        for i, cap in enumerate(self._rules.caps):
            where = f"rules.caps[{i}].column"
            if cap.column not in schema:
                raise DataError(
                    f"{where}: no column {cap.column!r}{nearest(cap.column, [*schema])}"
                )
            if schema[cap.column].is_nested():
                raise DataError(f"{where}: {cap.column!r} holds lists; cap a column of one value")
        for i, boost in enumerate(self._rules.boosts):
            try:
                check_filter(boost.parsed, schema)
            except DataError as error:
                raise DataError(f"rules.boosts[{i}].filter: {error}") from None
        if self._rules.calibration and self._catalogue.info.roles.category not in schema:
            raise DataError(
                "rules.calibration: the dataset names no category column; "
                "set roles.category in dataset.json, or leave calibration out"
            )

    def _with_pins(self, queries: Queries, i: int, pool: IntArray) -> IntArray:
        pins = np.array(list(self._pins.values()), dtype=np.int64)
        pins = pins[~np.isin(pins, pool) & ~np.isin(pins, queries.exclude[i])]
        if queries.eligible is not None:
            pins = pins[queries.eligible[pins]]
        return np.concatenate([pool, pins])

    def _plan(self, queries: Queries, i: int, pool: IntArray, n_ranked: int) -> Plan:
        rules = self._rules
        relevance = np.zeros(len(pool))
        relevance[:n_ranked] = np.linspace(1, 0, n_ranked) if n_ranked > 1 else 1.0
        frame = self._catalogue.frame
        if rules.boosts or rules.caps:
            frame = frame[pool]
        for boost in rules.boosts:
            relevance += boost.strength * filter_mask(boost.parsed, frame)
        objectives: list[tuple[float, Objective]] = []
        if self._diversity:
            objectives.append((self._diversity, Likeness(self._vectors(pool))))
        if rules.calibration:
            numbers = self._categories(np.concatenate([pool, _liked(queries, i)]))
            mixture = Mixture(numbers[: len(pool)], numbers[len(pool) :])
            objectives.append((rules.calibration, mixture))
        weight = (1 - self._diversity) * (1 - rules.calibration)
        quotas = [Quota(frame[cap.column].to_list(), cap.at_most) for cap in rules.caps]
        place = {int(row): j for j, row in enumerate(pool)}
        pins = {slot: place[row] for slot, row in self._pins.items() if row in place}
        return Plan(weight * relevance, objectives, quotas, pins)

    def _categories(self, rows: IntArray) -> IntArray:
        """Number the categories of a few items, from 1; 0: none."""
        column = self._catalogue.info.roles.category
        assert column is not None
        values = self._catalogue.frame[column].gather(rows).cast(pl.String)
        return values.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _liked(queries: Queries, i: int) -> IntArray:
    h = queries.histories
    part = slice(h.indptr[i], h.indptr[i + 1])
    return h.items[part][h.weights[part] > 0]
