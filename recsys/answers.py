"""Puts words around ranked rows: source, reason, evidence, blurb."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recsys.blurbs import BlurbService, UserContext
from recsys.blurbs.context import Relation, is_sensitive, safe_label
from recsys.engine import Ranked
from recsys.explain import OFTEN, Anchor, anchors, history_counts, reason
from recsys.parallel import one_torch_thread
from recsys.ranking.config import Head
from recsys.requests import Batch
from recsys.types import (
    Blended,
    FloatArray,
    IntArray,
    Queries,
    Ragged,
    Recommendation,
    Recommendations,
)

if TYPE_CHECKING:
    from recsys.recommender import Recommender

EVIDENCE = 3
"""History items named for a recommendation."""
DECIMALS = 4
"""Of a score's fall: below it is rounding."""
BLURB_DEADLINE_MS = 250.0
"""After it the remaining items of a list have none; some tens are usual for ten items."""


def answer(
    recommender: Recommender, batch: Batch, ranked: Ranked, i: int, *, explain: bool
) -> Recommendations:
    """Make the answer to query `i` of a batch.

    With `explain`, evidence are the history items whose removal lowers the item's final
    score; without, the ones most like it. A blurb needs `explain`: it says "because".
    What is of a sensitive kind is neither evidence nor named in a reason.
    """
    rows, start = _rows(ranked, i)
    history = history_counts(batch.queries.histories.without_returns(), i)
    speakers = _speakers(recommender, rows, history)
    if explain:
        speakers = _measured(recommender, batch, ranked, i, speakers)
    baskets = _baskets(batch, i)
    items = [
        _recommendation(recommender, ranked, start + j, j + 1, speakers[j], baskets)
        for j in range(len(rows))
    ]
    return Recommendations(
        user_id=batch.user_ids[i],
        items=tuple(items),
        fallback=batch.fallbacks[i],
        model_version=recommender.manifest.version,
        warnings=batch.warnings[i],
    )


def with_blurbs(
    recommender: Recommender, answer: Recommendations, batch: Batch, i: int
) -> Recommendations:
    """Add a verified blurb to each item; None where nothing may be said.

    Without a service of its own a recommender follows the recipe of its bundle.
    """
    if recommender.blurb_service is None:
        recipe = recommender.manifest.blurbs
        if recipe.get("writer") == "none":
            return answer
        roles, locale = recommender.dataset.info.roles, recipe.get("locale", "en")
        recommender.blurb_service = BlurbService(roles, locale=locale)
    pairs = blurb_pairs(recommender, answer, batch, i)
    blurbs = recommender.blurb_service.blurbs(
        [p[0] for p in pairs], [p[1] for p in pairs], deadline_ms=BLURB_DEADLINE_MS
    )
    items = [replace(item, blurb=b) for item, b in zip(answer.items, blurbs, strict=True)]
    return replace(answer, items=tuple(items))


def blurb_pairs(
    recommender: Recommender, answer: Recommendations, batch: Batch, i: int
) -> list[tuple[dict[str, object], UserContext]]:
    """Return the catalogue row and the shopper's context behind each item of an answer."""
    baskets = _baskets(batch, i)
    frame, vocabulary = recommender.catalogue.frame, recommender.items
    service = recommender.blurb_service
    locale = service.locale if service is not None else "en"
    rows = vocabulary.rows([item.item_id for item in answer.items]).tolist()
    return [
        (frame.row(row, named=True), _context(recommender, item, row, baskets, locale))
        for row, item in zip(rows, answer.items, strict=True)
    ]


def _context(
    recommender: Recommender, item: Recommendation, row: int, baskets: dict[int, int], locale: str
) -> UserContext:
    """Name the strongest purchase of the evidence that may be shown; a repeat needs none."""
    if row in baskets or not item.evidence or item.source == "popular":
        return UserContext()
    for spoken in recommender.items.rows(list(item.evidence)).tolist():
        label = recommender.catalogue.label(spoken)
        if spoken in baskets and safe_label(label, locale) is not None:
            often = baskets[spoken] >= OFTEN
            relation: Relation = "often_buy" if often else "bought"
            # The named label alone: shoppers with the same one share a blurb.
            return UserContext.of([label], anchor=label, relation=relation, locale=locale)
    return UserContext()


def _speakers(
    recommender: Recommender, items: IntArray, history: tuple[IntArray, IntArray]
) -> list[list[Anchor]]:
    """Return the history items most like each item, without those of a sensitive kind."""
    spaces = recommender.item_spaces()
    found = anchors(spaces, items, history, EVIDENCE)
    if not any(names_sensitive(recommender, a.row) for one in found for a in one):
        return found
    rows, counts = history
    open_ = np.array([not names_sensitive(recommender, row) for row in rows.tolist()], dtype=bool)
    return anchors(spaces, items, (rows[open_], counts[open_]), EVIDENCE)


def names_sensitive(recommender: Recommender, row: int) -> bool:
    """Tell whether an item's label or kind is of what is never said back, in any language.

    What blurbs leave out, reasons and evidence leave out, too.
    """
    texts = (recommender.catalogue.label(row), _kind(recommender, row))
    return any(map(is_sensitive, texts))


def _kind(recommender: Recommender, row: int) -> str:
    roles, frame = recommender.catalogue.info.roles, recommender.catalogue.frame
    kinds = {roles.category, *roles.text} - {None, roles.title, roles.description}
    return " ".join(str(frame.item(row, c)) for c in frame.columns if c in kinds)


def _baskets(batch: Batch, i: int) -> dict[int, int]:
    """In how many baskets the shopper bought each item, by row.

    What was looked at is left out, and what was returned.
    """
    rows, counts = history_counts(batch.bought, i)
    had, _ = history_counts(batch.queries.histories.without_returns(), i)
    kept = np.isin(rows, had)
    return dict(zip(rows[kept].tolist(), counts[kept].tolist(), strict=True))


def _rows(ranked: Ranked, i: int) -> tuple[IntArray, int]:
    flat = ranked.candidates
    start = int(flat.indptr[i])
    return flat.items[start : flat.indptr[i + 1]], start


def _recommendation(
    recommender: Recommender,
    ranked: Ranked,
    entry: int,
    rank: int,
    speakers: list[Anchor],
    baskets: dict[int, int],
) -> Recommendation:
    row = int(ranked.candidates.items[entry])
    own = baskets.get(row, 0)
    source = ranked.source(entry)
    first = speakers[0].row if speakers else None
    label = None if first is None else recommender.catalogue.label(first)
    times = 0 if first is None else baskets.get(first, 0)
    return Recommendation(
        item_id=recommender.items.ids[row],
        rank=rank,
        score=float(ranked.candidates.scores[entry]),
        source=source,
        reason=reason(label, times, own=own, source=source, buys=bool(baskets)),
        evidence=tuple(recommender.items.ids[s.row] for s in speakers),
    )


def _measured(
    recommender: Recommender, batch: Batch, ranked: Ranked, i: int, guesses: list[list[Anchor]]
) -> list[list[Anchor]]:
    """Keep the anchors whose removal lowers the item's final score, most first.

    Remembered for the same history and items: a page that is asked for again costs nothing.
    """
    removed = np.array(sorted({a.row for guess in guesses for a in guess}), dtype=np.int64)
    if not len(removed):
        return guesses
    query = batch.queries.take(np.array([i]))
    rows, _ = _rows(ranked, i)
    key = _fingerprint(query, rows, removed, ranked.pool, batch.head)
    drops = recommender.drops.get(key)
    if drops is None:
        union = ranked.union
        if union is None:
            union = recommender.engine.propose(query, ranked.pool)
        drops = _drops(recommender, query, union, rows, removed, batch.head)
        recommender.drops.put(key, drops)
    place = {row: number for number, row in enumerate(removed.tolist())}
    found = []
    for guess, lost in zip(guesses, drops.T.tolist(), strict=True):
        moved = [Anchor(a.row, lost[place[a.row]]) for a in guess]
        found.append(sorted((a for a in moved if a.strength > 0), key=lambda a: -a.strength))
    return found


def _drops(
    recommender: Recommender,
    query: Queries,
    union: Blended,
    rows: IntArray,
    removed: IntArray,
    head: Head,
) -> FloatArray:
    """How far each item's score falls when one item leaves the history, [removed, rows].

    NaN for an item that filled the list up: nothing in the history speaks for it. Rounded,
    so that what changes nothing is zero and no accident of floating point.
    """
    if not len(union.items):
        return np.full((len(removed), len(rows)), np.nan, dtype=np.float32)
    many = query.take(np.zeros(len(removed) + 1, dtype=np.int64))
    gone = np.append(removed, -1)  # the last copy of the query loses nothing
    kept = many.histories.items != gone[many.histories.owner]
    without = replace(many, histories=many.histories.keep(kept))
    items = Ragged(union.indptr, union.items).take(np.zeros(len(gone), dtype=np.int64))
    columns = np.minimum(np.searchsorted(union.items, rows), len(union.items) - 1)
    wanted = (np.arange(len(gone))[:, None] * len(union.items) + columns).ravel()
    with one_torch_thread():
        scores = recommender.engine.rescore(without, items, head, wanted).reshape(len(gone), -1)
    drops: FloatArray = np.round(scores[-1:] - scores[:-1], DECIMALS)
    drops[:, union.items[columns] != rows] = np.nan
    return drops


def _fingerprint(query: Queries, rows: IntArray, removed: IntArray, pool: int, head: Head) -> bytes:
    """Hash what the drops of a query depend on, the fitted model aside."""
    h = query.histories
    digest = hashlib.blake2b(f"{head} {pool}".encode(), digest_size=16)
    # Candidates are standardised among each other, and these say which there are.
    open_ = np.empty(0, dtype=np.bool_) if query.eligible is None else query.eligible
    among = (query.exclude.rows, np.packbits(open_))
    for part in (query.user_rows, query.at, h.items, h.times, h.weights, rows, removed, *among):
        digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(b"|")
    return digest.digest()
