"""External ids <-> rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.vocabulary import MISSING_ROW, Vocabulary

ids = st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=30)


@given(known=ids, asked=st.lists(st.text(max_size=20), max_size=30))
def test_rows_agree_with_a_dictionary(known: list[str], asked: list[str]) -> None:
    table = {name: row for row, name in enumerate(known)}
    wanted = known + asked
    expected = [table.get(name, MISSING_ROW) for name in wanted]
    assert Vocabulary(known).rows(wanted).tolist() == expected


@given(known=ids)
def test_external_is_the_inverse_of_rows(known: list[str]) -> None:
    vocabulary = Vocabulary(known)
    assert vocabulary.external(vocabulary.rows(known)) == known


def test_ids_with_colliding_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(series: pl.Series) -> np.ndarray:
        return np.full(len(series), 7, dtype=np.uint64)

    monkeypatch.setattr("recsys.vocabulary._hash", same)
    vocabulary = Vocabulary(["a", "b", "c"])
    assert vocabulary.rows(["c", "zebra", "a", "b"]).tolist() == [2, MISSING_ROW, 0, 1]


@pytest.mark.parametrize("more", [0, 40])
def test_integers_are_their_decimal_digits(more: int) -> None:
    vocabulary = Vocabulary(["7", "07", "8"])
    asked = [8, np.int64(7), "07", 9, *range(100, 100 + more)]
    assert vocabulary.rows(asked).tolist() == [2, 0, 1] + [MISSING_ROW] * (1 + more)
    numbers = pl.Series([8, 9, 7, *range(100, 100 + more)])
    assert vocabulary.rows(numbers).tolist() == [2, MISSING_ROW, 0] + [MISSING_ROW] * more
    with pytest.raises(DataError, match=r"1\.5"):
        vocabulary.rows([1.5, *asked])  # type: ignore[list-item]


def test_extending_keeps_the_old_rows() -> None:
    longer = Vocabulary(["a", "b"]).extended(["c/ü", "🛒"])
    assert longer.rows(["a", "b", "c/ü", "🛒"]).tolist() == [0, 1, 2, 3]
    assert "🛒" in longer
    assert "d" not in longer
    assert 3 not in longer


@pytest.mark.parametrize(
    ("bad", "message"), [(["a", "a"], "twice"), (["a", ""], "empty"), ([None], "null")]
)
def test_bad_ids_are_refused(bad: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Vocabulary(bad)


@given(known=ids, more=ids)
def test_extending_is_building_anew(known: list[str], more: list[str]) -> None:
    more = [name for name in more if name not in known]
    short, asked = Vocabulary(known), [*known, *more, "?", *("x" * n for n in range(1, 40))]
    expected = Vocabulary([*known, *more]).rows(asked).tolist()
    longer = short.extended(more)
    assert longer.rows(asked).tolist() == expected
    assert [int(longer.rows([name])[0]) for name in asked] == expected
    assert short.rows(asked).tolist() == Vocabulary(known).rows(asked).tolist()


def test_extending_by_a_known_id_is_refused() -> None:
    with pytest.raises(DataError, match="twice"):
        Vocabulary(["a", "b"]).extended(["c", "a"])


@given(known=ids, more=ids)
def test_ids_stay_sorted_when_a_few_are_added(known: list[str], more: list[str]) -> None:
    short = Vocabulary([*known, "~"])
    short.rows(["~"])  # sorts
    added = [name for name in more if name not in {*known, "~"}]
    longer = short.extended(added)
    assert "_sorted" in vars(longer)
    sorted_ids = [longer.ids[row] for row in longer._sorted]
    assert sorted_ids == sorted([*known, "~", *added])


def test_trusted_ids_are_looked_up_as_ever() -> None:
    ids = pl.Series([f"id {i}" for i in range(100)])
    known, trusted = Vocabulary(ids), Vocabulary.trusted(ids)
    asked = [*reversed(ids.to_list()), "nobody"]
    np.testing.assert_array_equal(trusted.rows(asked), known.rows(asked))
    assert trusted.rows(["id 7", "nobody"]).tolist() == [7, MISSING_ROW]
    longer = Vocabulary.trusted(ids).extended(["nobody"])
    assert longer.rows(asked)[-1] == 100
