"""Tables in files: mapped, and sent to another process as a path."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from training.table_files import StoredTable, opened, store
from training.tables import Table


def table(n: int) -> Table:
    features = np.random.default_rng(0).random((3 * n, 2)).astype(np.float32)
    labels = np.arange(3 * n) % 3 == 0
    return Table(np.arange(0, 3 * n + 1, 3), features, labels, np.ones(n, dtype=np.int64))


def mapped(array: np.ndarray) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base  # type: ignore[assignment]
    return False


def same(one: Table, other: Table) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("indptr", "features", "labels", "n_relevant")
    )


def test_a_table_comes_back_and_travels_as_a_path(tmp_path: Path) -> None:
    whole = table(1000)
    store(whole, tmp_path / "tables" / "000000")
    found = opened(tmp_path / "tables" / "000000")
    assert same(found, whole)
    assert mapped(found.features)
    content = pickle.dumps(found)
    assert len(content) < 500 < found.features.nbytes
    again = pickle.loads(content)
    assert isinstance(again, StoredTable)
    assert same(again, whole)
    # What is taken of it is in memory, and no longer what lies in the folder.
    part = found.take(np.array([2, 0]))
    assert type(part) is Table
    assert not mapped(part.features)
    np.testing.assert_array_equal(part.features, whole.features[[6, 7, 8, 0, 1, 2]])


def test_a_table_that_is_written_twice_is_there_once(tmp_path: Path) -> None:
    for _ in range(2):
        store(table(4), tmp_path / "000000")
    assert [p.name for p in tmp_path.iterdir()] == ["000000"]
    assert same(opened(tmp_path / "000000"), table(4))


def test_an_empty_table(tmp_path: Path) -> None:
    store(table(0), tmp_path / "000000")
    found = opened(tmp_path / "000000")
    assert (len(found), found.features.shape) == (0, (0, 2))


def test_a_fault_is_no_other_table(tmp_path: Path) -> None:
    (tmp_path / "000000").write_text("in the way")
    with pytest.raises(OSError, match="000000"):
        store(table(4), tmp_path / "000000")
    assert [p.name for p in tmp_path.iterdir()] == ["000000"]
