"""Rows from outside: a value that its column can't hold is told, and stops no other row."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from recsys import Recommender
from recsys.vocabulary import MISSING_ROW
from serving.models import overlay
from serving.models.rows import Fields, frame_of, misfit

SCHEMA: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "title": pl.String(),
    "released": pl.Datetime("ns"),
    "cost": pl.Decimal(6, 2),
    "grade": pl.UInt8(),
    "costs": pl.List(pl.Decimal(6, 2)),
}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("released", "2024-01-31T00:00:00Z", "9999-12-31T00:00:00Z"),
        ("cost", 9999.25, 123_456.0),
        ("grade", 255, 256),
        ("costs", [1.5], [1.5, 123_456.0]),
    ],
)
def test_what_a_column_cannot_hold_is_a_misfit(name: str, good: object, bad: object) -> None:
    assert misfit({name: good}, SCHEMA) is None
    assert f"{name}: " in str(misfit({name: bad}, SCHEMA))
    frame = frame_of([("a", {name: bad}), ("b", {name: good})], SCHEMA)  # stored before it was told
    assert frame["item_id"].to_list() == ["a", "b"]
    assert frame[name].is_null().to_list() == [True, False]


def test_what_a_column_holds_is_kept_as_it_was() -> None:
    fields = {"released": "2024-01-31T06:00:00Z", "cost": 3, "grade": 7.0}
    [row] = frame_of([("a", fields)], SCHEMA).select("released", "cost", "grade").rows()
    assert row == (datetime(2024, 1, 31, 6), Decimal("3.00"), 7)


def test_a_column_of_dates_takes_dates() -> None:
    schema = {"item_id": pl.String(), "day": pl.Date(), "released": pl.Datetime("us")}
    for sent in ("2026-01-31", "2026-01-31T18:00:00Z", 1_769_860_800_000_000):
        assert misfit({"day": sent}, schema) is None, sent
        frame = frame_of([("a", {"day": sent})], schema)
        assert frame["day"].to_list() == [date(2026, 1, 31)], sent
    for wrong in ("2026-02-30", "20260131", "2026-W05-6", "tomorrow"):
        assert misfit({"day": wrong}, schema) is not None, wrong
    assert misfit({"released": "2026-01-31"}, schema) is not None


def test_a_row_that_no_frame_takes_leaves_the_others_alone(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def frames(rows: Iterable[tuple[str, Fields]], schema: Mapping[str, Any]) -> pl.DataFrame:
        rows = list(rows)
        if any(fields["title"] == "bad" for _, fields in rows):
            raise pl.exceptions.ComputeError("no such value")
        return frame_of(rows, schema)

    monkeypatch.setattr(overlay, "frame_of", frames)
    known, other = recommender.items.ids[:2]
    rows = {
        "new-1": {"title": "Green tea"},
        "new-2": {"title": "bad"},
        known: {"title": "bad"},
        other: {"title": "Oolong"},
    }
    with caplog.at_level(logging.ERROR):
        built = overlay.build(recommender, None, rows)
    there = built.items.rows(["new-1", "new-2"]) != MISSING_ROW
    assert there.tolist() == [True, False]
    titles = dict(built.catalogue.frame.select("item_id", "title").rows())
    assert titles[known] == recommender.catalogue.label(0)
    assert titles[other] == "Oolong"
    left_out = [getattr(r, "fields")["item_id"] for r in caplog.records]  # noqa: B009
    assert sorted(left_out) == sorted([ascii("new-2"), ascii(known)])
