"""On which clock live events are read, and from which moment on they count."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsys import Recommender
from recsys.types import HistoryItem
from serving.histories import Past, past_of, since_of
from serving.models.loaded import DAY, Loaded, load
from serving.store import Seen, Shopper


def model_of(recommender: Recommender, **manifest: object) -> Loaded:
    """The bundle with another manifest."""
    other = Recommender.__new__(Recommender)
    other.__dict__ = {**recommender.__dict__}
    other.manifest = recommender.manifest.model_copy(update=manifest)
    return Loaded("shop", "v", "here", None, other)


def lived(recommender: Recommender, *times: int, now: int) -> Past:
    """What a model trained long ago reads of purchases at these times."""
    events = tuple(Seen(f"i{n}", "purchase", t, 1.0) for n, t in enumerate(times))
    shopper = Shopper("new", events=events)
    return past_of(model_of(recommender), shopper, at=None, now=now, on_clock=False)


def offsets(recommender: Recommender, past: Past) -> list[int]:
    """Times of what is read, from the end of the model's data."""
    return [_time(e) - recommender.dataset.end for e in past.recent]


def _time(entry: HistoryItem) -> int:
    assert isinstance(entry.timestamp, int)
    return entry.timestamp


def test_what_follows_an_old_model_keeps_its_pace_within_a_day(recommender: Recommender) -> None:
    now = recommender.dataset.end + 2_000 * DAY
    past = lived(recommender, now - 9_000, now - 2_000, now - 2_000, now=now)
    assert offsets(recommender, past) == [1, 7_001, 7_001]
    assert past.at == recommender.dataset.end + 7_002


def test_a_year_of_live_events_follows_an_old_model_within_a_day(recommender: Recommender) -> None:
    """So that availability is judged on the model's last day for every shopper alike."""
    now = recommender.dataset.end + 2_000 * DAY
    past = lived(recommender, now - 400 * DAY - 1, now - 100 * DAY - 1, now - 1, now=now)
    assert offsets(recommender, past) == [1, 1 + DAY * 3 // 4, 1 + DAY]


def test_an_event_to_come_counts_as_now(recommender: Recommender) -> None:
    now = recommender.dataset.end + 2_000 * DAY
    past = lived(recommender, now - 1_001, now + 70 * 365 * DAY, now=now)
    assert offsets(recommender, past) == [1, 1_001]


def test_events_count_from_the_making_of_a_model_trained_into_the_future(
    recommender: Recommender,
) -> None:
    """One row dated 2099 must not make all that is live look older than the model."""
    end = 4_070_908_800_000_000  # 2099-01-01
    made = datetime(2026, 3, 1, tzinfo=UTC)
    moment = int(made.timestamp()) * 1_000_000
    ahead = model_of(recommender, trained_until=end, created=made.isoformat())
    assert since_of(ahead) == ahead.known_until == moment
    assert ahead.trained_until == end
    assert ahead.follows_clock(moment + DAY, 90)
    assert not ahead.follows_clock(moment + 91 * DAY, 90)
    naive = model_of(recommender, trained_until=end, created="2026-03-01T00:00:00")
    assert naive.known_until == moment
    usual = model_of(recommender, trained_until=moment - DAY, created=made.isoformat())
    assert usual.known_until == moment - DAY
    unknown = model_of(recommender, trained_until=end, created="")
    assert unknown.known_until == end
    positions = model_of(recommender, trained_until=7, created=made.isoformat(), time="none")
    assert positions.known_until == 7


def test_a_model_trained_into_the_future_is_warned_of(
    recommender: Recommender, bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "serving.models"):
        load(bundle, source="here")
    assert not caplog.records
    ahead = model_of(recommender, trained_until=4_070_908_800_000_000).recommender
    ahead.save(tmp_path / "ahead")
    with caplog.at_level(logging.WARNING, "serving.models"):
        load(tmp_path / "ahead", source="here")
    assert [r.message for r in caplog.records] == [
        "a model's newest interaction is later than its making; are all timestamps in UTC?"
    ]
