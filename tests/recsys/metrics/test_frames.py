from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.metrics import from_frames

RECS = pl.DataFrame(
    [
        ("ann", "milk", 2),
        ("zoe", "beer", 1),
        ("ann", "bread", 1),
        ("bob", "milk", 7),
        ("bob", "beer", 9),
        ("ann", "milk", 3),
    ],
    schema=["user_id", "item_id", "rank"],
    orient="row",
)
TRUTH = pl.DataFrame(
    [("bob", "beer"), ("ann", "milk"), ("bob", "beer"), ("cem", "tea"), ("ann", "salt")],
    schema=["user_id", "item_id"],
    orient="row",
)


def named(aligned, lists):
    return {
        user: [aligned.item_ids[int(row)] for row in lists[i]]
        for i, user in enumerate(aligned.user_ids)
    }


def test_by_hand():
    aligned = from_frames(RECS, TRUTH)
    assert aligned.user_ids.to_list() == ["bob", "ann", "cem"]
    assert named(aligned, aligned.recommended) == {
        "bob": ["milk", "beer"],
        "ann": ["bread", "milk", "milk"],
        "cem": [],
    }
    relevant = named(aligned, aligned.relevant)
    assert {u: sorted(r) for u, r in relevant.items()} == {
        "bob": ["beer"],
        "ann": ["milk", "salt"],
        "cem": ["tea"],
    }
    assert (aligned.n_ignored, aligned.n_missing) == (1, 1)


def test_users_can_be_given():
    aligned = from_frames(RECS, TRUTH, users=pl.Series(["zoe", "bob"]))
    assert named(aligned, aligned.recommended) == {"zoe": ["beer"], "bob": ["milk", "beer"]}
    assert named(aligned, aligned.relevant) == {"zoe": [], "bob": ["beer"]}
    assert (aligned.n_ignored, aligned.n_missing) == (1, 0)


def test_a_catalogue_gives_the_rows():
    catalogue = pl.Series(["bread", "beer", "milk", "wine"])
    aligned = from_frames(RECS, TRUTH, items=catalogue)
    assert aligned.recommended[1].tolist() == [0, 2, 2]
    # What only the truth knows is cold and stays: it gets rows behind the catalogue.
    assert aligned.item_ids.to_list() == ["bread", "beer", "milk", "wine", "tea", "salt"]
    assert aligned.relevant[1].tolist() == [2, 5]


@pytest.mark.parametrize("catalogue", [["bread", "beer"], ["bread", "beer", "salt"]])
def test_recommended_items_must_be_in_the_catalogue(catalogue):
    with pytest.raises(DataError, match=r"1 items are not in the catalogue \('milk'\)"):
        from_frames(RECS, TRUTH, items=pl.Series(catalogue))


@pytest.mark.parametrize(
    ("types", "others"),
    [
        (pl.Int64, pl.Int64),
        (pl.Int32, pl.UInt16),
        (pl.UInt64, pl.Int64),
        (pl.String, pl.Categorical),
        (pl.Categorical, pl.Categorical),
        (pl.String, pl.Enum([str(i) for i in range(10)])),
    ],
)
def test_ids_of_any_type(types, others):
    def cast(column, to):
        text = column.cast(pl.String) if to in (pl.String, pl.Categorical, pl.Enum) else column
        return text.cast(to)

    recs = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 7], "rank": [2, 1, 1]})
    truth = pl.DataFrame({"user_id": [2, 1], "item_id": [7, 8]})
    plain = from_frames(recs, truth)
    ids = pl.col("user_id", "item_id")
    both = from_frames(
        recs.with_columns(cast(recs[c], types) for c in ("user_id", "item_id")),
        truth.with_columns(cast(truth[c], others) for c in ("user_id", "item_id")),
    )
    assert recs.select(ids).height == 3
    for side in ("recommended", "relevant"):
        assert getattr(both, side).indptr.tolist() == getattr(plain, side).indptr.tolist()
        assert getattr(both, side).rows.tolist() == getattr(plain, side).rows.tolist()


def test_numbers_and_strings_never_match():
    with pytest.raises(DataError, match=r"user_id is String in recommendations, Int64 in truth"):
        from_frames(RECS, pl.DataFrame({"user_id": [1], "item_id": ["milk"]}))


@pytest.mark.parametrize(
    ("recs", "truth", "message"),
    [
        (RECS.drop("rank"), TRUTH, r"recommendations: no column rank \(there are: user_id, item"),
        (RECS, TRUTH.drop("user_id"), "truth: no column user_id"),
        (RECS, TRUTH.rename({"item_id": "sku"}), r"no column item_id \(there are: user_id, sku\)"),
        (RECS.with_columns(rank=pl.lit(1.5)), TRUTH, "rank is Float64, not an integer"),
        (
            RECS.with_columns(rank=pl.lit(1)),
            TRUTH,
            "2 ranks are given to more than one item of a user .user 'ann' rank 1, user 'bob'",
        ),
        (
            RECS.with_columns(item_id=pl.lit(None, pl.String)),
            TRUTH,
            "recommendations: 6 of 6 rows have a null item_id; drop them",
        ),
        (
            RECS,
            TRUTH.with_columns(user_id=pl.Series([None, "a", "b", "c", "d"])),
            "truth: 1 of 5 rows have a null user_id",
        ),
    ],
)
def test_faults_are_named(recs, truth, message):
    with pytest.raises(DataError, match=message):
        from_frames(recs, truth)


def test_given_ids_must_be_distinct_and_there():
    with pytest.raises(DataError, match=r"users holds 1 ids more than once \('bob'\)"):
        from_frames(RECS, TRUTH, users=pl.Series(["bob", "ann", "bob"]))
    with pytest.raises(DataError, match="items holds 1 null ids"):
        from_frames(RECS, TRUTH, items=pl.Series(["milk", None]))


def test_equal_ranks_of_ignored_users_are_nobodys_business():
    recs = RECS.with_columns(rank=pl.when(user_id="zoe").then(1).otherwise("rank"))
    twice = pl.concat([recs, recs.filter(user_id="zoe")])
    assert from_frames(twice, TRUTH).n_ignored == 1


def test_no_recommendations_at_all():
    aligned = from_frames(RECS.clear(), TRUTH)
    assert aligned.recommended.counts.tolist() == [0, 0, 0]
    assert aligned.n_missing == 3


def test_ranks_too_far_apart_for_one_key():
    recs = RECS.with_columns(rank=pl.Series([2**62, 1, -(2**62), 7, 9, 2**62 + 1]))
    aligned = from_frames(recs, TRUTH)
    assert named(aligned, aligned.recommended)["ann"] == ["bread", "milk", "milk"]


ids = st.sampled_from(["a", "b", "ü/é", "🛒", "x" * 256, " "])


@given(
    recs=st.dictionaries(st.tuples(ids, st.integers(-3, 9)), ids, max_size=30),
    truth=st.lists(st.tuples(ids, ids), max_size=30),
    shuffle=st.randoms(use_true_random=False),
)
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_whatever_the_order_of_rows(recs, truth, shuffle):
    rows = [(user, item, rank) for (user, rank), item in recs.items()]
    shuffle.shuffle(rows)
    schema = {"user_id": pl.String, "item_id": pl.String}
    aligned = from_frames(
        pl.DataFrame(rows, schema | {"rank": pl.Int32}, orient="row"),
        pl.DataFrame(truth, schema, orient="row"),
    )
    users = list(dict.fromkeys(user for user, _ in truth))
    assert aligned.user_ids.to_list() == users
    assert named(aligned, aligned.recommended) == {
        user: [recs[key] for key in sorted(recs) if key[0] == user] for user in users
    }
    relevant = named(aligned, aligned.relevant)
    assert {u: sorted(r) for u, r in relevant.items()} == {
        user: sorted({item for who, item in truth if who == user}) for user in users
    }
    assert aligned.n_ignored == len({user for user, _ in recs} - set(users))
