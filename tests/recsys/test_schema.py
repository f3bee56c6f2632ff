"""Every fault a dataset directory can have is found, counted, shown and remedied."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from recsys import directory
from recsys.directory import content_fingerprint, write_dataset
from recsys.errors import DataError
from recsys.faults import Fault
from recsys.schema import ColumnRoles, DatasetInfo, read_info, sha256_of
from recsys.validation import validate_directory, validate_frames

NOW = datetime(2024, 6, 1, tzinfo=UTC)
INFO = DatasetInfo(name="shop", time="global")
LOG = {
    "user_id": ["u1", "u1", "u2", "u2"],
    "item_id": ["a", "b", "a", "c"],
    "timestamp": [datetime(2024, 1, day) for day in (1, 2, 3, 4)],
}
ITEMS = {"item_id": ["a", "b", "c"], "title": ["Apple", "Bread", "Cheese"]}


def faults(
    log: dict[str, Any] | None = None,
    items: dict[str, Any] | None = None,
    users: dict[str, Any] | None = None,
    info: DatasetInfo = INFO,
) -> list[Fault]:
    """Validate LOG and ITEMS with some columns replaced."""
    frames = {
        "interactions.parquet": pl.LazyFrame({**LOG, **(log or {})}),
        "items.parquet": pl.LazyFrame({**ITEMS, **(items or {})}),
    }
    if users is not None:
        frames["users.parquet"] = pl.LazyFrame(users)
    return validate_frames(frames, info, now=NOW)


def only(found: list[Fault]) -> Fault:
    """Return the single fault there must be."""
    assert len(found) == 1, [str(fault) for fault in found]
    return found[0]


def test_sound_data_has_no_faults() -> None:
    full = {
        "event": ["view", "buy", "buy", "buy"],
        "weight": [1.0, 0.0, 2.5, 1.0],
        "basket_id": ["1", "2", None, None],
        "quantity": [1, -1, 2, 3],
        "price": [1.5, None, 2.0, 0.0],
    }
    info = INFO.model_copy(update={"target_events": ("buy",), "event_weights": {"view": 0.1}})
    windows = {"available_from": [None, datetime(2024, 1, 1), None], "available_until": [None] * 3}
    assert faults(full, windows, {"user_id": ["u1", "u2"]}, info) == []


JANUARY = datetime(2024, 1, 1)
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("log", {"user_id": ["u1", None, None, "u2"]}, "user_id null_id 2", "row 1"),
    ("log", {"user_id": ["", "u", " ", "\t"]}, "user_id empty_id 3", "row 2"),
    ("log", {"user_id": ["x" * 257, "x" * 256, "é" * 257, "u"]}, "user_id long_id 2", "xx..."),
    ("log", {"user_id": [1, 2, 3, 4]}, "user_id wrong_type 1", "Int64"),
    ("log", {"item_id": ["a", "zz", "zz", "y"]}, "item_id unknown_id 3", "'zz' in 2 rows"),
    ("log", {"timestamp": [JANUARY, None, None, None]}, "timestamp null 3", "row 1"),
    ("log", {"timestamp": [JANUARY.replace(month=7)] * 4}, "timestamp future_time 4", "2024-07-01"),
    ("log", {"timestamp": ["2024-01-01", "?", "", None]}, "timestamp unparsable_time 2", "'?'"),
    ("log", {"timestamp": ["2024-01-01"] * 4}, "timestamp wrong_type 1", "String"),
    ("log", {"timestamp": [1, 2, 3, 4]}, "timestamp wrong_type 1", "datetime"),
    ("log", {"weight": [1.0, float("nan"), float("inf"), 0.5]}, "weight non_finite 2", "inf"),
    ("log", {"weight": [1.0, -2.0, 0.0, 0.5]}, "weight negative 1", "row 1: -2.0"),
    ("log", {"weight": [1.0, None, 0.0, 0.5]}, "weight null 1", "row 1"),
    ("log", {"weight": ["1", "2", "3", "4"]}, "weight wrong_type 1", "number"),
    ("log", {"price": [1, -2, -3, None]}, "price negative 2", "-2"),
    ("log", {"quantity": [1.0, float("-inf"), 2.0, None]}, "quantity non_finite 1", "-inf"),
    ("log", {"event": ["buy", None, "buy", "buy"]}, "event null 1", "row 1"),
    ("log", {"basket_id": ["1", "1", "2", None]}, "basket_id torn_basket 1", "'1' of 'u1'"),
    (
        "items",
        {"item_id": ["a", "b", "b", "c", "c", "c"], "title": [""] * 6},
        "item_id duplicate 2",
        "'c' 3 times",
    ),
    ("items", {"title": [1, 2, 3]}, "title wrong_type 1", "string"),
    (
        "items",
        {"available_from": [JANUARY.replace(month=2)] * 3, "available_until": [JANUARY] * 3},
        "available_from empty_window 3",
        "2024-02-01",
    ),
    ("items", {"available_from": ["soon"] * 3}, "available_from unparsable_time 3", "soon"),
    ("users", {"user_id": ["u1", "u1"]}, "user_id duplicate 1", "'u1' 2 times"),
]
FILES = {"log": "interactions.parquet", "items": "items.parquet", "users": "users.parquet"}


@pytest.mark.parametrize(("table", "columns", "expected", "shown"), CASES)
def test_each_fault_is_named(
    table: str, columns: dict[str, Any], expected: str, shown: str
) -> None:
    fault = only(faults(**{table: columns}))
    assert fault.file == FILES[table]
    assert f"{fault.column} {fault.rule} {fault.count}" == expected
    assert len(fault.examples) <= 3
    assert shown in str(fault)
    assert fault.remedy.endswith(".")
    assert fault.remedy in str(fault)


def test_several_faults_are_all_reported() -> None:
    found = faults({"user_id": [None, "", "u", "u"], "weight": [-1.0, float("nan"), 1.0, 1.0]})
    assert [fault.rule for fault in found] == ["null_id", "empty_id", "non_finite", "negative"]


def test_examples_are_three_even_of_many() -> None:
    fault = only(faults({"item_id": ["p", "q", "r", "s"]}))
    assert fault.count == 4
    assert len(fault.examples) == 3
    assert "Add the 4 missing ids" in fault.remedy


def test_zones_are_respected() -> None:
    zone = timezone(timedelta(hours=2))
    late = [datetime(2024, 6, 1, 1, tzinfo=zone)] * 4  # 23:00 UTC the day before: not yet now
    assert faults({"timestamp": late}) == []
    assert only(faults({"timestamp": [t + timedelta(hours=2) for t in late]})).count == 4


@pytest.mark.parametrize(
    ("roles", "column"),
    [
        ({"category": "kind"}, "kind"),
        ({"text": ("title", "blurb")}, "blurb"),
        ({"title": "name"}, "name"),
        ({"price": "cost"}, "cost"),
    ],
)
def test_roles_that_name_missing_columns(roles: dict[str, Any], column: str) -> None:
    info = DatasetInfo(name="shop", time="global", roles=ColumnRoles.model_validate(roles))
    fault = next(f for f in faults(info=info) if f.column == column)
    assert fault.rule == "unknown_role"
    assert "item_id, title" in fault.remedy


def test_declared_events_must_occur() -> None:
    info = INFO.model_copy(update={"target_events": ("buy",), "seen_events": ("bought",)})
    fault = only(faults({"event": ["buy"] * 4}, info=info))
    assert (fault.rule, fault.examples) == ("unknown_event", ("'bought'",))
    assert only(faults(info=info)).count == 2  # no column event at all


def test_missing_columns_and_empty_tables() -> None:
    frames = {
        "interactions.parquet": pl.LazyFrame({"user": ["u"], "item_id": ["a"]}),
        "items.parquet": pl.LazyFrame(ITEMS).clear(),
    }
    rules = {(f.file, f.column, f.rule) for f in validate_frames(frames, INFO, now=NOW)}
    assert rules == {
        ("interactions.parquet", "user_id", "missing_column"),
        ("interactions.parquet", "timestamp", "missing_column"),
        ("interactions.parquet", "item_id", "unknown_id"),
        ("items.parquet", "", "no_rows"),
    }


def test_positions_and_timeless_data() -> None:
    order = INFO.model_copy(update={"time": "per_user_order"})
    assert faults({"timestamp": [0, 1, 0, 1]}, info=order) == []
    assert only(faults(info=order)).rule == "wrong_type"
    none = INFO.model_copy(update={"time": "none"})
    assert faults({"timestamp": [None] * 4}, info=none) == []


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A sound dataset directory."""
    write_dataset(tmp_path / "shop", pl.DataFrame(LOG), pl.DataFrame(ITEMS), None, INFO)
    return tmp_path / "shop"


def test_round_trip(written: Path) -> None:
    assert validate_directory(written, now=NOW) == []
    info = read_info(written)
    assert info.files == {
        name: sha256_of(written / name) for name in ("interactions.parquet", "items.parquet")
    }
    assert pl.read_parquet(written / "interactions.parquet").to_dict(as_series=False) == LOG
    assert pl.read_parquet(written / "items.parquet").to_dict(as_series=False) == ITEMS
    assert sorted(p.name for p in written.parent.iterdir()) == ["shop"]


def test_a_changed_file_is_noticed(written: Path) -> None:
    path = written / "items.parquet"
    pl.read_parquet(path).with_columns(title=pl.lit("?")).write_parquet(path)
    assert only(validate_directory(written, now=NOW)).rule == "checksum"


def test_missing_and_unreadable_files(written: Path) -> None:
    (written / "items.parquet").unlink()
    assert only(validate_directory(written, now=NOW)).rule == "missing_file"
    (written / "interactions.parquet").write_bytes(b"PAR1 nothing")
    rules = {fault.rule for fault in validate_directory(written, now=NOW)}
    assert rules == {"missing_file", "unreadable", "checksum"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format_version is 2"),
        ({"time": "sometimes"}, "time: "),
        ({"colour": "red"}, "colour: "),
        ({"roles": {"titel": "title"}}, r"roles\.titel"),
    ],
)
def test_a_bad_info_is_one_fault(written: Path, change: dict[str, Any], message: str) -> None:
    path = written / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        read_info(written)
    assert only(validate_directory(written)).rule == "bad_info"


def test_no_dataset_at_all(tmp_path: Path) -> None:
    assert only(validate_directory(tmp_path)).rule == "bad_info"
    with pytest.raises(DataError, match="recsys data import"):
        read_info(tmp_path)


def test_info_is_frozen_and_strict() -> None:
    with pytest.raises(ValidationError):
        DatasetInfo(name="x", time="global", licence_text="?")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        INFO.name = "y"  # type: ignore[misc]


def test_rows_are_canonical_whatever_their_order(tmp_path: Path) -> None:
    log = pl.DataFrame(
        {**LOG, "basket_id": ["1", "1", "2", "2"], "timestamp": LOG["timestamp"][:1] * 4}
    )
    one = write_dataset(tmp_path / "one", log, pl.DataFrame(ITEMS), None, INFO)
    two = write_dataset(tmp_path / "two", log.reverse().lazy(), pl.LazyFrame(ITEMS), None, INFO)
    assert one.fingerprint == two.fingerprint
    assert one.files == two.files


def test_large_tables_are_sorted_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = pl.DataFrame(
        {
            "user_id": [f"u{i % 7}" for i in range(100)],
            "item_id": ["a", "b"] * 50,
            "timestamp": list(range(100)),
        }
    )
    info = DatasetInfo(name="order", time="per_user_order")
    whole = write_dataset(tmp_path / "whole", log, pl.DataFrame(ITEMS), None, info)
    monkeypatch.setattr(directory, "SORT_ROWS", 20)
    parts = write_dataset(tmp_path / "parts", log.reverse(), pl.DataFrame(ITEMS), None, info)
    assert parts.fingerprint == whole.fingerprint
    assert {p.name for p in (tmp_path / "parts").iterdir()} == {"dataset.json", *parts.files}


def test_types_become_those_of_the_format(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=2))
    log = pl.DataFrame(
        {
            "timestamp": [datetime(2024, 1, 1, 12, tzinfo=zone)],
            "price": [float("nan")],
            "item_id": pl.Series(["a"], dtype=pl.Categorical),
            "user_id": [7],
        }
    )
    write_dataset(tmp_path / "x", log, pl.DataFrame(ITEMS), None, INFO)
    frame = pl.read_parquet(tmp_path / "x" / "interactions.parquet")
    assert frame.rows() == [("7", "a", datetime(2024, 1, 1, 10), None)]
    assert frame.columns == ["user_id", "item_id", "timestamp", "price"]
    timeless = INFO.model_copy(update={"time": "none"})
    write_dataset(tmp_path / "x", log, pl.DataFrame(ITEMS), None, timeless)
    assert "timestamp" not in pl.read_parquet_schema(tmp_path / "x" / "interactions.parquet")


def test_the_fingerprint_follows_content_and_meaning() -> None:
    tables = {"items.parquet": pl.LazyFrame({**ITEMS, "tags": [["x"], [], None]})}
    base = content_fingerprint(tables, INFO)
    columns_swapped = tables["items.parquet"].select("tags", "title", "item_id")
    same = content_fingerprint({"items.parquet": columns_swapped}, INFO)
    renamed = content_fingerprint(tables, INFO.model_copy(update={"name": "other"}))
    assert base == same == renamed
    changes = [
        tables["items.parquet"].with_columns(title=pl.lit("x")),
        tables["items.parquet"].with_columns(tags=pl.Series([["x"], None, []])),
        tables["items.parquet"].reverse(),
        tables["items.parquet"].drop("tags"),
        pl.LazyFrame({**ITEMS, "title": ["AppleB", "read", "Cheese"], "tags": [["x"], [], None]}),
    ]
    prints = {content_fingerprint({"items.parquet": frame}, INFO) for frame in changes}
    prints.add(content_fingerprint(tables, INFO.model_copy(update={"returns": "negative"})))
    assert len(prints - {base}) == len(changes) + 1


def test_fingerprints_do_not_move() -> None:
    found = content_fingerprint({"items.parquet": pl.LazyFrame(ITEMS)}, INFO)
    assert found == "c7f7518f7b55312a2364f5db5a073263ca6aba13bbe5446be893f91edc37a702"


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ({"user_id": ["u"], "timestamp": [datetime(2024, 1, 1)]}, "'item_id' is missing"),
        ({**LOG, "user_id": [1.5] * 4}, "give ids as strings"),
        ({**LOG, "timestamp": ["?"] * 4}, "cast it to a datetime"),
        ({**LOG, "weight": ["?"] * 4}, "cast it to a number"),
    ],
)
def test_writing_refuses_what_it_cannot_cast(
    tmp_path: Path, log: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_dataset(tmp_path / "x", pl.DataFrame(log), pl.DataFrame(ITEMS), None, INFO)
    assert list(tmp_path.iterdir()) == []


def test_checked_writing_keeps_the_old_data(written: Path) -> None:
    before = read_info(written)
    bad = pl.DataFrame({**LOG, "item_id": ["zz"] * 4})
    with pytest.raises(DataError, match="'zz' in 4 rows"):
        write_dataset(written, bad, pl.DataFrame(ITEMS), None, INFO, check=True)
    assert read_info(written) == before
    assert validate_directory(written, now=NOW) == []


def test_other_directories_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DataError, match="no dataset directory"):
        write_dataset(tmp_path, pl.DataFrame(LOG), pl.DataFrame(ITEMS), None, INFO)
    assert (tmp_path / "thesis.tex").read_text() == "precious"
