"""The union of what several generators propose, with what each says of every item."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsys.candidates.base import Asked, Generator
from recsys.protocols import CandidateGenerator
from recsys.types import Blended, IntArray, Queries, Ragged, distinct


def blend(
    generators: Mapping[str, CandidateGenerator],
    queries: Queries,
    n: int | Mapping[str, int],
) -> Blended:
    """Unite the top n of every generator and have each score the whole union.

    Args:
        generators: by name.
        queries: b queries.
        n: how many each proposes, or how many by name (0: it only scores).

    Raises:
        ValueError: n is negative, or it is one number for all and that is 0.
    """
    wanted = {name: n if isinstance(n, int) else n[name] for name in generators}
    if any(w < 0 for w in wanted.values()) or (isinstance(n, int) and n < 1):
        raise ValueError(f"n is {n}; ask for at least one candidate: n >= 1")
    width = max((g.n_items for g in generators.values()), default=0) + 1
    asked = {
        name: g.ask(queries) if isinstance(g, Generator) else Asked(g, queries)
        for name, g in generators.items()
    }
    keys: dict[str, IntArray] = {}
    places: dict[str, IntArray] = {}
    for name in generators:
        if wanted[name]:
            found = asked[name].candidates(wanted[name])
            keys[name] = found.owner * width + found.items
            places[name] = found.ranks
    union = distinct(np.concatenate([np.empty(0, dtype=np.int64), *keys.values()]))
    counts = np.bincount(union // width, minlength=len(queries)).astype(np.int64)
    items = Ragged.from_counts(counts, union % width)
    scores = np.empty((len(wanted), len(union)), dtype=np.float32)
    ranks = np.zeros((len(wanted), len(union)), dtype=np.int64)
    for row, name in enumerate(generators):
        scores[row] = asked[name].score(items)
        if name in keys:
            ranks[row, np.searchsorted(union, keys[name])] = places[name]
    return Blended(items.indptr, items.rows, tuple(generators), scores, ranks)
