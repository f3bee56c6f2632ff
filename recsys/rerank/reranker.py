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
from recsys.types import BoolArray, Candidates, FloatArray, IntArray, Queries, pointers
from recsys.vocabulary import MISSING_ROW


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
        popularity: IntArray | None = None,
    ) -> None:
        """Take what is known of the items, and what is wanted.

        Args:
            catalogue: for the columns of caps, boosts and calibration.
            vectors: text embeddings of item rows, [m] -> [m, dim].
            k: items a list.
            diversity: 0 to 1.
            rules: None: no rules.
            pins: item rows by slot, from 0: the pins of the rules whose items are known.
            popularity: [n_items], all rows, most popular first: what a list that cannot keep
                its caps is filled up from; None: caps are kept within the list.

        Raises:
            DataError: a rule names a column that is not there or does not fit.
        """
        self._catalogue, self._vectors, self._k = catalogue, vectors, k
        self._diversity, self._rules = diversity, rules or Rules()
        self._pins = {slot: row for slot, row in (pins or {}).items() if slot < k}
        self._popularity = popularity
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
            chosen = self._plan(queries, i, pool, len(mine)).choose(self._k)
            if self._popularity is not None and self._breaks_a_cap(pool[chosen]):
                pool = np.concatenate([pool, self._others(queries, i, pool, self._popularity)])
                chosen = self._plan(queries, i, pool, len(mine)).choose(self._k)
            lowest = mine[-1] if len(mine) else np.float32(0)
            joined = np.full(len(pool) - len(mine), lowest, dtype=np.float32)
            items.append(pool[chosen])
            scores.append(np.concatenate([mine, joined])[chosen])
        counts = np.array([len(x) for x in items], dtype=np.int64)
        none = np.empty(0)
        return Candidates(
            pointers(counts),
            np.concatenate([none, *items]).astype(np.int64),
            np.concatenate([none, *scores]).astype(np.float32),
        )

    def pinned(self, chosen: Candidates) -> BoolArray:
        """Tell which items stand where a pin wants them, [m]."""
        slots = np.arange(len(chosen.items)) - chosen.indptr[chosen.owner]
        wanted = np.full(max(self._k, int(slots.max(initial=0)) + 1), MISSING_ROW, dtype=np.int64)
        wanted[list(self._pins)] = list(self._pins.values())
        there: BoolArray = chosen.items == wanted[slots]
        return there

    def _breaks_a_cap(self, rows: IntArray) -> bool:
        frame = self._catalogue.frame[rows]
        return any(
            (_counted(frame[cap.column]).drop_nulls().value_counts()["count"] > cap.at_most).any()
            for cap in self._rules.caps
        )

    def _others(self, queries: Queries, i: int, pool: IntArray, popularity: IntArray) -> IntArray:
        """Return what is popular beside the pool, of each value as much as the caps allow."""
        open_ = np.ones(len(popularity), dtype=np.bool_)
        if queries.eligible is not None:
            open_ &= queries.eligible
        open_[queries.exclude[i]] = False
        open_[pool] = False
        rows = popularity[open_[popularity]]
        columns = [_counted(self._catalogue.frame[cap.column]) for cap in self._rules.caps]
        kept = np.ones(len(rows), dtype=np.bool_)
        for column, cap in zip(columns, self._rules.caps, strict=True):
            value = pl.DataFrame({"value": column.gather(rows)})
            place = pl.int_range(pl.len()).over("value") < cap.at_most
            kept &= value.select(place | pl.col("value").is_null())[:, 0].to_numpy()
        # A list already as full of a value as its cap allows takes none of the value's rows; fewer
        # than k values of a column can be so, with at_most rows each that were counted above.
        return rows[kept][: self._k * (len(columns) + 1)]

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
            # A hair more than its strength: of the last and the first, 1 sets the last first.
            relevance += (1 + 1e-6) * boost.strength * filter_mask(boost.parsed, frame)
        objectives: list[tuple[float, Objective]] = []
        if self._diversity:
            objectives.append((self._diversity, Likeness(self._vectors(pool))))
        if rules.calibration:
            numbers = self._categories(np.concatenate([pool, _liked(queries, i)]))
            mixture = Mixture(numbers[: len(pool)], numbers[len(pool) :])
            objectives.append((rules.calibration, mixture))
        weight = (1 - self._diversity) * (1 - rules.calibration)
        quotas = [Quota(_counted(frame[cap.column]).to_list(), cap.at_most) for cap in rules.caps]
        place = {int(row): j for j, row in enumerate(pool)}
        pins = {slot: place[row] for slot, row in self._pins.items() if row in place}
        return Plan(weight * relevance, objectives, quotas, pins)

    def _categories(self, rows: IntArray) -> IntArray:
        """Number the categories of a few items, from 1; 0: none."""
        column = self._catalogue.info.roles.category
        assert column is not None
        values = _counted(self._catalogue.frame[column].gather(rows).cast(pl.String))
        return values.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _counted(values: pl.Series) -> pl.Series:
    """Take an empty text for no value, as the catalogue's categories do."""
    return values.replace("", None) if values.dtype == pl.String else values


def _liked(queries: Queries, i: int) -> IntArray:
    h = queries.histories.without_returns()
    return h.items[h.indptr[i] : h.indptr[i + 1]]
