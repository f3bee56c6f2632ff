"""A shopper's live events as the history that a model reads, on the model's own clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys import Recommender
from recsys.types import HistoryItem
from recsys.vocabulary import MISSING_ROW
from serving.models.loaded import DAY, Loaded
from serving.store import FOREVER, Seen, Shopper

UNBOUGHT = "other"
"""Event of a bundle's interaction that does not make its item "already bought"."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a request says of the shopper's past, in the terms of `RecommendationRequest`.

    Attributes:
        user_id: whom the model may know; None for a stranger.
        history: replaces the stored history; None leaves it.
        recent: follows the stored history.
        at: moment of the request; None is the end of the model's data.
        forgotten: the model must not know them.
        bought: what the store says was bought before `recent` begins.
    """

    user_id: str | None
    history: tuple[HistoryItem, ...] | None
    recent: tuple[HistoryItem, ...]
    at: int | None
    forgotten: bool
    bought: tuple[HistoryItem, ...] = ()

    def bought_by(self, at: int | None) -> tuple[str, ...]:
        """Return the items of `bought` as of a moment; None is the request's own."""
        return tuple(e.item_id for e in self.bought if at is None or _time(e) < at)


def since_of(model: Loaded) -> int:
    """Return after which moment the store's events count: what is older, the model has."""
    return model.known_until if model.recommender.manifest.time == "global" else FOREVER


def past_of(model: Loaded, shopper: Shopper, *, at: int | None, now: int, on_clock: bool) -> Past:
    """Put the store's events behind the bundle's.

    With `on_clock` (real timestamps, trained lately) times are taken as they are, and `at`
    defaults to now. Else the events follow the end of the model's data, within a day of it,
    and the moment is the one right after the last.
    """
    recommender = model.recommender
    recent: tuple[HistoryItem, ...] = ()
    moment = at
    if on_clock:
        known = shopper.events if at is None else _before(shopper.events, at)
        recent = tuple(_item(e, min(e.time, now - 1)) for e in known)
        moment = now if at is None else at
    elif at is None:
        # A moment that was given lies in the model's own time: nothing live is before it.
        recent = _following(recommender, shopper, now)
        moment = max((_time(entry) for entry in recent), default=-1) + 1 if recent else None
    info = recommender.dataset.info
    bought: tuple[HistoryItem, ...] = ()
    if recent:
        earliest = min(_time(entry) for entry in recent)
        bought = tuple(
            _item(e, min(e.time, now - 1) if on_clock else earliest)
            for e in shopper.first
            if info.buys(e.event)
        )
    if shopper.merged and not shopper.deleted:
        history = (*_bundled(recommender, shopper), *recent)
        return Past(shopper.user_id, history, (), moment, False, bought)
    return Past(shopper.user_id, None, recent, moment, shopper.deleted, bought)


def _time(entry: HistoryItem) -> int:
    assert isinstance(entry.timestamp, int)
    return entry.timestamp


def _before(events: tuple[Seen, ...], at: int) -> tuple[Seen, ...]:
    return tuple(e for e in events if e.time < at)


def _item(event: Seen, time: int) -> HistoryItem:
    return HistoryItem(event.item_id, time, event.weight, event.event)


def _following(recommender: Recommender, shopper: Shopper, now: int) -> tuple[HistoryItem, ...]:
    """Give a shopper's events times after the model's data."""
    events = shopper.events
    if not events:
        return ()
    kind = recommender.manifest.time
    if kind == "none":
        return tuple(_item(e, 0) for e in events)
    if kind == "global":
        times = _within_a_day([min(e.time, now - 1) for e in events])
        start = recommender.dataset.end + 1
        return tuple(_item(e, start + t) for e, t in zip(events, times, strict=True))
    users = [u for u in (shopper.user_id, *shopper.merged) if u is not None]
    start = 1 + max((_last_position(recommender, u) for u in users), default=-1)
    return tuple(_item(e, start + i) for i, e in enumerate(events))


def _within_a_day(times: list[int]) -> list[int]:
    """Count times from the earliest, in their own pace, or faster to fit into a day.

    The model's last day counts as today: what it knows of availability ends with it.
    """
    first, last = min(times), max(times)
    span = last - first
    return [t - first if span <= DAY else (t - first) * DAY // span for t in times]


def _last_position(recommender: Recommender, user_id: str) -> int:
    row = int(recommender.users.rows([user_id])[0])
    if row == MISSING_ROW:
        return -1
    h = recommender.dataset.histories
    start, stop = int(h.indptr[row]), int(h.indptr[row + 1])
    return int(h.times[stop - 1]) if stop > start else -1


def _bundled(recommender: Recommender, shopper: Shopper) -> list[HistoryItem]:
    """Return what the bundle knows of a shopper under all their ids, oldest first."""
    ids = [i for i in (shopper.user_id, *shopper.merged) if i is not None]
    rows = recommender.users.rows(ids)
    dataset = recommender.dataset
    h = dataset.histories
    spans = [np.arange(h.indptr[r], h.indptr[r + 1]) for r in rows if r != MISSING_ROW]
    if not spans:
        return []
    flat = np.concatenate(spans)
    flat = flat[np.argsort(h.times[flat], kind="stable")]
    names = recommender.items.external(h.items[flat])
    return [
        HistoryItem(name, int(time), float(weight), None if bought else UNBOUGHT)
        for name, time, weight, bought in zip(
            names, h.times[flat], h.weights[flat], dataset.interactions.seen[flat], strict=True
        )
    ]
