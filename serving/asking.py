"""What each route asks of a recommender: plain calls, run in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recsys import Recommender
from recsys.answers import answer, names_sensitive, with_blurbs
from recsys.engine import FILL_SOURCE
from recsys.requests import Batch, available, batches
from recsys.rerank import filter_mask, parse_filter
from recsys.types import (
    HistoryItem,
    Recommendation,
    RecommendationRequest,
    Recommendations,
)
from recsys.vocabulary import MISSING_ROW
from serving.histories import Past
from serving.schemas.recommendations import (
    History,
    LikeBody,
    PopularBody,
    RankBody,
    RecommendationsBody,
    Selected,
)
from serving.store import Seen

TOGETHER = ("item_knn", "ease", "als", "lightfm", "bpr")
"""Generators that know what is bought together, the plainest first."""
UNKNOWN_SOURCE = "unknown"
SIMILAR_SOURCE = "similar"


def request_of(
    body: RecommendationsBody | RankBody, past: Past, hidden: Sequence[str]
) -> RecommendationRequest:
    """Return what the library is asked; `hidden` are withdrawn items."""
    given = None if body.history is None else tuple(_entries(body.history))
    ranking = isinstance(body, RankBody)
    return RecommendationRequest(
        user_id=past.user_id,
        history=given if given is not None else past.history,
        k=len(set(body.items)) if isinstance(body, RankBody) else body.k,
        repeats="allow" if isinstance(body, RankBody) else body.repeats,
        exclude=(*body.exclude, *hidden),
        filters=_among(body.items, body.filters) if ranking else body.filters,  # type: ignore[union-attr]
        context=_context(body),
        at=past.at if body.at is None else body.at,
        recent=() if given is not None else past.recent,
        forgotten=past.forgotten,
        diversity=body.diversity if isinstance(body, RecommendationsBody) else 0.0,
        rules=_rules(body),
    )


def rank(
    recommender: Recommender,
    items: Sequence[str],
    request: RecommendationRequest,
    *,
    blurbs: bool,
    explain: bool,
) -> Recommendations:
    """Rank the given items; those that nobody knows come last, in the order given."""
    ranked = recommender.recommend_many([request], blurbs=blurbs, explain=explain)[0]
    distinct = list(dict.fromkeys(items))
    rows = recommender.items.rows(distinct)
    lost = [i for i, row in zip(distinct, rows, strict=True) if row == MISSING_ROW]
    lost = [i for i in lost if i not in request.exclude]
    last = ranked.items[-1].score if ranked.items else 0.0
    n = len(ranked.items)
    tail = [Recommendation(i, n + j, last - j, UNKNOWN_SOURCE) for j, i in enumerate(lost, start=1)]
    return replace(ranked, items=(*ranked.items, *tail))


def popular(
    recommender: Recommender,
    body: PopularBody,
    hidden: Sequence[str],
    at: int | None,
) -> Recommendations:
    """Recommend what is popular with everybody."""
    request = RecommendationRequest(
        history=(),
        k=body.k,
        exclude=(*body.exclude, *hidden),
        filters=body.filters,
        context=_context(body),
        at=at if body.at is None else body.at,
    )
    found = recommender.recommend_many([request], blurbs=body.blurbs)[0]
    return replace(found, fallback=None)


def also_bought(
    recommender: Recommender, body: LikeBody, hidden: Sequence[str], at: int | None
) -> Recommendations:
    """Recommend what is bought together with an item the caller has checked to be known.

    Whoever looks at the item need not have bought it, so nothing of the sort is said.
    """
    batch = next(iter(batches(recommender.dataset, [like(body, hidden, at)])))
    component = next((name for name in TOGETHER if name in recommender.components), None)
    if component is None:
        ranked = recommender.engine.rank(batch.queries, body.k, batch.head)
    else:
        ranked = recommender.engine.rank_with(component, batch.queries, body.k)
    found = answer(recommender, _unread(batch), ranked, 0, explain=False)
    reason = f"Bought together with {_label(recommender, body.item_id)}"
    items = [i if i.source == FILL_SOURCE else replace(i, reason=reason) for i in found]
    return _with_texts(recommender, replace(found, items=tuple(items)), body, batch)


def quick(recommender: Recommender, request: RecommendationRequest) -> Recommendations:
    """Recommend what is popular of what a request allows: no model has a say.

    What the shopper bought is excluded as ever, but not read.
    """
    unread = _unread(next(iter(batches(recommender.dataset, [request]))))
    ranked = recommender.engine.rank(unread.queries, unread.k, unread.head)
    return answer(recommender, unread, ranked, 0, explain=False)


def given(
    recommender: Recommender, items: Sequence[str], request: RecommendationRequest
) -> Recommendations:
    """Leave the given items in their order, without those that a request does not allow."""
    query = next(iter(batches(recommender.dataset, [request]))).queries
    distinct = [i for i in dict.fromkeys(items) if i not in request.exclude]
    rows = recommender.items.rows(distinct)
    known = rows != MISSING_ROW
    open_ = known & ~np.isin(rows, query.exclude.rows)
    if query.eligible is not None:
        open_ &= query.eligible[np.maximum(rows, 0)]
    kept = [i for i, is_open in zip(distinct, open_, strict=True) if is_open]
    strange = [i for i, is_known in zip(distinct, known, strict=True) if not is_known]
    found = [Recommendation(i, n, -float(n), "given") for n, i in enumerate([*kept, *strange], 1)]
    return Recommendations(None, tuple(found))


def closed(recommender: Recommender, items: Sequence[str], at: int | None) -> set[str]:
    """Return which of some items are not available at a moment, or in no catalogue."""
    rows = recommender.items.rows(items)
    lost = {i for i, row in zip(items, rows, strict=True) if row == MISSING_ROW}
    rows = rows[rows != MISSING_ROW]
    open_ = available(recommender.dataset, at, rows)
    return lost if open_ is None else lost | set(recommender.items.external(rows[~open_]))


def bought(recommender: Recommender, users: Sequence[str], events: Sequence[Seen]) -> set[str]:
    """Return what some ids of a shopper bought, by the bundle and by later events."""
    data = recommender.dataset
    rows = data.users.rows(users)
    seen = data.seen(rows[rows != MISSING_ROW])
    later = {e.item_id for e in events if data.info.buys(e.event)}
    return later | set(data.items.external(np.unique(seen.rows)))


def had(recommender: Recommender, past: Past, body: RecommendationsBody) -> tuple[str, ...]:
    """Return what was bought before the events that are read, of the known items.

    Nothing, where the request allows repeats or gives its own history.
    """
    if body.repeats == "allow" or body.history is not None:
        return ()
    names = past.bought_by(body.at)
    there = recommender.items.rows(names) != MISSING_ROW
    return tuple(n for n, is_there in zip(names, there, strict=True) if is_there)


def like(body: LikeBody, hidden: Sequence[str], at: int | None) -> RecommendationRequest:
    """Return what the library is asked about an item."""
    return RecommendationRequest(
        history=(HistoryItem(body.item_id),),
        k=body.k,
        exclude=(*body.exclude, *hidden),
        filters=body.filters,
        context=_context(body),
        at=at if body.at is None else body.at,
    )


def similar(
    recommender: Recommender, body: LikeBody, hidden: Sequence[str], at: int | None
) -> Recommendations:
    """Recommend items like one that the caller has checked to be known."""
    banned = {*body.exclude, *hidden}
    moment = at if body.at is None else body.at
    if body.filters is None:
        pairs = recommender.similar_items(body.item_id, body.k + len(banned), at=moment)
        kept = [(i, score) for i, score in pairs if i not in banned]
    else:
        frame = recommender.catalogue.frame
        mask = filter_mask(parse_filter(body.filters), frame)
        wanted = set(frame["item_id"].filter(mask).to_list()) - banned
        pairs = recommender.similar_items(body.item_id, len(recommender.items), at=moment)
        kept = [(i, score) for i, score in pairs if i in wanted]
    items = [
        Recommendation(i, rank, float(score), SIMILAR_SOURCE)
        for rank, (i, score) in enumerate(kept[: body.k], start=1)
    ]
    found = Recommendations(None, tuple(items), model_version=recommender.manifest.version)
    batch = next(iter(batches(recommender.dataset, [like(body, hidden, at)])))
    return _with_texts(recommender, found, body, batch)


def knows_item(recommender: Recommender, item_id: str) -> bool:
    """Tell whether an item is in the catalogue."""
    return bool(recommender.items.rows([item_id])[0] != MISSING_ROW)


def _unread(batch: Batch) -> Batch:
    """Return a batch in which nobody has a history."""
    h = batch.queries.histories
    nothing = h.keep(np.zeros(len(h.items), dtype=np.bool_))
    return replace(batch, queries=replace(batch.queries, histories=nothing), bought=nothing)


def _with_texts(
    recommender: Recommender, found: Recommendations, body: LikeBody, batch: Batch
) -> Recommendations:
    """Add blurbs where they are asked for, which say nothing of the shopper."""
    return with_blurbs(recommender, found, _unread(batch), 0) if body.blurbs else found


def _label(recommender: Recommender, item_id: str) -> str:
    row = int(recommender.items.rows([item_id])[0])
    return "it" if names_sensitive(recommender, row) else recommender.catalogue.label(row)


def _among(items: Sequence[str], filters: Mapping[str, Any] | None) -> Mapping[str, Any]:
    among = {"field": "item_id", "op": "in", "value": list(dict.fromkeys(items))}
    return among if filters is None else {"and": [among, filters]}


def _entries(history: History) -> list[HistoryItem | str]:
    return [
        e if isinstance(e, str) else HistoryItem(e.item_id, e.timestamp, e.weight, e.event)
        for e in history
    ]


def _rules(body: RecommendationsBody | RankBody) -> Mapping[str, Any] | None:
    if not isinstance(body, RecommendationsBody) or body.rules is None:
        return None
    return body.rules.model_dump()


def _context(body: Selected) -> Mapping[str, Any] | None:
    if body.surface is None:
        return body.context
    return {**(body.context or {}), "surface": body.surface}
