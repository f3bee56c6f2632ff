"""Turns requests into query batches: ids to rows, histories, what may be recommended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recsys.dataset import Dataset, as_time
from recsys.errors import DataError
from recsys.given import as_list
from recsys.ranking.config import Head
from recsys.rerank import Rules, availability_mask, filter_mask, parse_filter, parse_rules
from recsys.splits import DAY
from recsys.types import (
    BoolArray,
    Histories,
    HistoryItem,
    IntArray,
    Queries,
    Ragged,
    RecommendationRequest,
    Repeats,
    gather,
    pointers,
)
from recsys.vocabulary import MISSING_ROW

MAX_LISTED = 3
YEAR_1971 = 365 * DAY
"""In microseconds since 1970; as milliseconds it would be the year 2969."""
SECONDS_1973 = 100_000_000
"""In seconds since 1970: a smaller number is no moment that anybody asks for."""


@dataclass(frozen=True)
class Batch:
    """Requests that share size, filters, moment and repeats, in row space.

    Attributes:
        queries: b queries.
        bought: b histories, without what was only looked at.
        positions: [b], where each request stood in the list it came from.
        user_ids: b external ids.
        k: how many items.
        head: which head of the ranker answers.
        fallbacks: b reasons why the full model cannot speak, or None.
        warnings: b tuples.
        diversity: from 0 to 1.
        rules: None where there are none.
        pins: item rows by slot, from 0.
    """

    queries: Queries
    bought: Histories
    positions: list[int]
    user_ids: list[str | None]
    k: int
    head: Head
    fallbacks: list[str | None]
    warnings: list[tuple[str, ...]]
    diversity: float = 0.0
    rules: Rules | None = None
    pins: Mapping[int, int] = field(default_factory=dict)


def for_users(user_ids: Sequence[str], k: int, repeats: Repeats) -> list[RecommendationRequest]:
    """Return the same request for each shopper."""
    users = as_list(user_ids, "user_ids")
    return [RecommendationRequest(user_id=u, k=k, repeats=repeats) for u in users]


def batches(dataset: Dataset, requests: Sequence[RecommendationRequest]) -> Iterator[Batch]:
    """Group requests into batches that one pass can answer.

    Raises:
        DataError: one is no request, or has a filter or rules that fit no catalogue.
    """
    groups: dict[str, list[int]] = {}
    for position, request in enumerate(requests):
        if not isinstance(request, RecommendationRequest):
            raise DataError(
                f"requests has {request!r}, which is none; write "
                f"RecommendationRequest(user_id={request!r})"
            )
        told = [request.filters, request.rules, request.diversity]
        try:
            data = json.dumps(told, sort_keys=True, default=str)
        except RecursionError:
            raise DataError("filters or rules: nested too deeply; flatten them") from None
        key = f"{request.k}|{request.repeats}|{as_time(request.at)}|{data}"
        groups.setdefault(key, []).append(position)
    for positions in groups.values():
        yield _batch(dataset, [requests[p] for p in positions], positions)


def _batch(dataset: Dataset, requests: list[RecommendationRequest], positions: list[int]) -> Batch:
    first = requests[0]
    at = as_time(first.at)
    if at is not None:
        _refuse_seconds(dataset, at, "at")
    users = dataset.users.rows(["" if r.forgotten else r.user_id or "" for r in requests])
    known = (
        [_Known(dataset, u, r, at) for u, r in zip(users, requests, strict=True)]
        if any(r.history is not None or r.exclude or r.recent for r in requests)
        else None
    )
    if known is None:
        histories, bought = _stored(dataset, users, at)
        excluded = bought.unique() if first.repeats == "exclude" else Ragged.empty(len(users))
        warnings: list[tuple[str, ...]] = [()] * len(users)
    else:
        histories = _joined([k.history for k in known])
        bought = _joined([k.bought for k in known])
        excluded = Ragged.from_lists([k.excluded(first.repeats) for k in known])
        warnings = [k.warnings for k in known]
    moments = (
        dataset.default_at(histories) if at is None else np.full(len(users), at, dtype=np.int64)
    )
    queries = Queries(users, histories, moments, excluded, _eligible(dataset, first, at))
    rules = None if not first.rules else parse_rules(first.rules)
    pins, unknown = ({}, ()) if rules is None else _pins(dataset, rules)
    return Batch(
        queries=queries,
        bought=bought,
        positions=positions,
        user_ids=[r.user_id for r in requests],
        k=first.k,
        head="new" if first.repeats == "exclude" else "all",
        fallbacks=_fallbacks(users, histories, requests),
        warnings=[(*w, *unknown) for w in warnings],
        diversity=first.diversity,
        rules=rules,
        pins=pins,
    )


def unit_fault(dataset: Dataset, time: int, field: str) -> str | None:
    """Say that a moment is in other units: in 1970, where the dataset begins years later.

    Returns:
        What to tell the caller of `field`; None where nothing is wrong.
    """
    if dataset.info.time != "global" or dataset.begin < YEAR_1971:
        return None
    if not SECONDS_1973 <= time < YEAR_1971:
        return None
    return (
        f"{field} is {time!r}, which is in 1970 as microseconds; give microseconds since "
        "1970 (seconds times 1,000,000, milliseconds times 1,000), or a datetime"
    )


def _refuse_seconds(dataset: Dataset, time: int, field: str) -> None:
    if fault := unit_fault(dataset, time, field):
        raise DataError(fault)


def _pins(dataset: Dataset, rules: Rules) -> tuple[dict[int, int], tuple[str, ...]]:
    """Return the rows of the pinned items by slot, and a warning about unknown ones."""
    rows = dataset.items.rows([pin.item_id for pin in rules.pins])
    known = {pin.rank - 1: int(r) for pin, r in zip(rules.pins, rows, strict=True) if r >= 0}
    lost = [pin.item_id for pin, r in zip(rules.pins, rows, strict=True) if r == MISSING_ROW]
    return known, (_left_out("rules.pins", lost),) if lost else ()


def _left_out(what: str, lost: list[str]) -> str:
    some = f"{lost[:MAX_LISTED]}{' and more' if len(lost) > MAX_LISTED else ''}"
    return f"{what}: unknown items were left out: {some}"


def _fallbacks(
    users: IntArray, histories: Histories, requests: list[RecommendationRequest]
) -> list[str | None]:
    names: list[str | None] = []
    for user, count, request in zip(users, histories.counts, requests, strict=True):
        if count:
            names.append(None)
        else:
            stranger = user == MISSING_ROW and request.history is None
            names.append("unknown_user" if stranger else "empty_history")
    return names


def available(
    dataset: Dataset, at: int | None = None, rows: IntArray | None = None
) -> BoolArray | None:
    """Return which items are available, [n_items]; None where no column says so.

    Args:
        dataset: whose catalogue it is.
        at: the moment; None is just after the last interaction.
        rows: ask for these items only, [m].
    """
    frame = dataset.catalogue.frame
    if not {"available_from", "available_until"} & set(frame.columns):
        return None
    if rows is not None:
        frame = frame[rows]
    # Without a clock nobody can tell what is available now, unless the caller says when.
    now = dataset.end + 1 if dataset.info.time == "global" else None
    return availability_mask(frame, now if at is None else at)


def _eligible(dataset: Dataset, request: RecommendationRequest, at: int | None) -> BoolArray | None:
    mask = available(dataset, at)
    frame = dataset.catalogue.frame
    if request.filters is not None:
        wanted = filter_mask(parse_filter(request.filters), frame)
        mask = wanted if mask is None else mask & wanted
    return mask


def _stored(dataset: Dataset, users: IntArray, at: int | None) -> tuple[Histories, Histories]:
    """Return the stored histories before `at`, and what of them makes "already bought"."""
    h = dataset.histories
    there = users != MISSING_ROW
    indptr, flat = gather(h.indptr, users[there])
    counts = np.zeros(len(users), dtype=np.int64)
    counts[there] = np.diff(indptr)
    whole = Histories(pointers(counts), h.items[flat], h.times[flat], h.weights[flat])
    bought = dataset.interactions.seen[flat]
    if at is not None:
        before = whole.times < at
        whole, bought = whole.keep(before), bought[before]
    return whole, whole.keep(bought)


class _Known:
    """History and exclusions of one request, with what had to be left out."""

    def __init__(
        self, dataset: Dataset, user: int, request: RecommendationRequest, at: int | None
    ) -> None:
        self.warnings: tuple[str, ...] = ()
        if request.history is None:
            self.history, self.bought = _stored(dataset, np.array([user]), at)
        else:
            self.history, self.bought = self._given(dataset, request.history, at)
        if request.recent:
            stored = self.history.times
            after = int(stored[-1]) if len(stored) else None
            more, bought = self._given(dataset, request.recent, at, after)
            self.history = _followed(self.history, more)
            self.bought = _followed(self.bought, bought)
        self._exclude = self._rows(dataset, request.exclude, "exclude")
        self._exclude = self._exclude[self._exclude != MISSING_ROW]

    def excluded(self, repeats: Repeats) -> IntArray:
        """Item rows that must not come back."""
        if repeats == "allow":
            return self._exclude
        return np.union1d(self.bought.items, self._exclude)

    def _rows(self, dataset: Dataset, ids: Sequence[str], what: str) -> IntArray:
        rows = dataset.items.rows(list(ids))
        lost = [i for i, row in zip(ids, rows, strict=True) if row == MISSING_ROW]
        if lost:
            self.warnings = (*self.warnings, _left_out(what, lost))
        return rows

    def _given(
        self,
        dataset: Dataset,
        given: Sequence[HistoryItem | str],
        at: int | None,
        after: int | None = None,
    ) -> tuple[Histories, Histories]:
        """Return a history as given, and what of it was bought.

        What has no time comes before the request, and not before `after`.
        """
        entries = [HistoryItem(e) if isinstance(e, str) else e for e in given]
        rows = self._rows(dataset, [e.item_id for e in entries], "history")
        is_global = dataset.info.time == "global"
        step = DAY if is_global else 1
        end = at
        if end is None:
            last = -1 if after is None else after
            end = dataset.end + 1 if is_global else last + 1 + len(entries)
        # Without times, the order counts: each entry is a basket of its own, where there is room.
        untimed = [end - (len(entries) - i) * step for i in range(len(entries))]
        if after is not None:
            untimed = [max(time, min(after, end - 1)) for time in untimed]
        times = np.array(
            [
                time if e.timestamp is None else as_time(e.timestamp)
                for time, e in zip(untimed, entries, strict=True)
            ],
            dtype=np.int64,
        )
        for entry, time in zip(entries, times.tolist(), strict=True):
            if entry.timestamp is not None:
                _refuse_seconds(dataset, time, f"the time of {entry.item_id!r} in the history")
        events = dataset.info.event_weights
        weights = np.array(
            [e.weight * (events.get(e.event, 1.0) if e.event else 1.0) for e in entries],
            dtype=np.float32,
        )
        seen = np.array([dataset.info.buys(e.event) for e in entries], dtype=np.bool_)
        good = rows != MISSING_ROW
        if at is not None or is_global:
            late = good & (times >= end)
            if late.any():
                text = f"history: {int(late.sum())} entries from after the request were left out"
                self.warnings = (*self.warnings, text)
            good &= ~late
        order = np.lexsort((rows[good], times[good]))
        counts = np.array([good.sum()], dtype=np.int64)
        history = Histories(
            pointers(counts), rows[good][order], times[good][order], weights[good][order]
        )
        return history, history.keep(seen[good][order])


def _followed(history: Histories, more: Histories) -> Histories:
    """Add to one history what came after it, in the order of time."""
    items, times = (np.append(getattr(history, n), getattr(more, n)) for n in ("items", "times"))
    order = np.lexsort((items, times))
    return Histories(
        pointers(np.array([len(items)], dtype=np.int64)),
        items[order],
        times[order],
        np.append(history.weights, more.weights)[order],
    )


def _joined(parts: list[Histories]) -> Histories:
    counts = np.array([len(p.items) for p in parts], dtype=np.int64)
    return Histories(
        pointers(counts),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.times for p in parts]),
        np.concatenate([p.weights for p in parts]),
    )
