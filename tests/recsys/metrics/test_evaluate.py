from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsys.errors import DataError
from recsys.metrics import (
    MRR,
    NDCG,
    Calibration,
    Coverage,
    Evaluation,
    Gini,
    Novelty,
    Recall,
    evaluate,
    summarise,
)
from recsys.types import Ragged

N_USERS, N_ITEMS = 50, 30


def shop(seed: int):
    """Lists and truths of fifty users, some without one or the other."""
    rng = np.random.default_rng(seed)
    lists = [rng.permutation(N_ITEMS)[: rng.integers(0, 12)] for _ in range(N_USERS)]
    truth = [np.unique(rng.integers(0, N_ITEMS, rng.integers(0, 6))) for _ in range(N_USERS)]
    return Ragged.from_lists(lists), Ragged.from_lists(truth)


def metrics():
    rng = np.random.default_rng(9)
    histories = Ragged.from_lists([rng.integers(0, N_ITEMS, 5) for _ in range(N_USERS)])
    eligible = np.ones(N_ITEMS, dtype=bool)
    return [
        Recall(10),
        Recall(5),
        Coverage(10, eligible),
        Gini(5, eligible),
        NDCG(10),
        Novelty(10, rng.integers(0, 9, N_ITEMS)),
        Calibration(10, rng.integers(-1, 4, N_ITEMS), histories),
    ]


IDS = pl.Series([f"u{u}" for u in range(N_USERS)])


@pytest.mark.parametrize("chunk", [1, 7, 50, 1000])
def test_chunks_change_nothing(chunk):
    lists, truth = shop(1)
    asked, done = [], []

    def recommend(users):
        asked.append(len(users))
        return lists.take(users)

    result = evaluate(recommend, truth, metrics(), user_ids=IDS, chunk=chunk, progress=done.append)
    expected = summarise(metrics(), lists, truth)
    assert list(result.means) == [m.name for m in metrics()]
    assert result.means == pytest.approx(expected.values, abs=1e-12)
    for field in ("n_users", "n_empty", "n_missing", "n_counted"):
        assert getattr(result.summary, field) == getattr(expected, field)
    assert max(asked) <= chunk
    assert sum(asked) == done[-1] == expected.n_users


def test_per_user_values():
    lists, truth = shop(1)
    result = evaluate(lists.take, truth, metrics(), user_ids=IDS)
    filled = np.flatnonzero(truth.counts)
    assert result.per_user["user_id"].to_list() == [f"u{u}" for u in filled]
    assert result.metrics == ["recall@10", "recall@5", "ndcg@10", "novelty@10", "calibration@10"]
    values = Recall(10).per_user(lists, truth)[filled]
    assert result.per_user["recall@10"].to_list() == values.tolist()
    # A user who is not counted has no value, so that the column's mean is the metric's.
    assert result.per_user["novelty@10"].null_count() == result.summary.n_missing > 0
    for name in result.metrics:
        assert result.per_user[name].mean() == pytest.approx(result.means[name], abs=1e-12)


def test_users_have_numbers_where_they_have_no_names():
    result = evaluate(Ragged.from_lists([[1], [2]]).take, Ragged.from_lists([[], [2]]), [Recall(1)])
    assert result.per_user.rows() == [(1, 1.0)]


def test_reads_back(tmp_path):
    lists, truth = shop(2)
    result = evaluate(lists.take, truth, metrics(), user_ids=IDS)
    path = tmp_path / "new" / "per_user.parquet"
    result.to_parquet(path)
    again = Evaluation.from_parquet(path)
    assert again.per_user.equals(result.per_user, null_equal=True)
    assert again.summary == result.summary
    assert [p.name for p in path.parent.iterdir()] == ["per_user.parquet"]
    other = tmp_path / "other.parquet"
    result.per_user.write_parquet(other)
    with pytest.raises(DataError, match="has no evaluation in it"):
        Evaluation.from_parquet(other)


def test_comparison():
    lists, truth = shop(3)
    perfect = evaluate(truth.take, truth, [Recall(10), NDCG(5), MRR(1)], user_ids=IDS)
    random = evaluate(lists.take, truth, [NDCG(5), Recall(10)], user_ids=IDS)
    table = perfect.compare(random)
    assert table["metric"].to_list() == ["recall@10", "ndcg@5"]
    first = table.row(0, named=True)
    assert first["mean"] == 1.0
    assert first["other"] == pytest.approx(random.means["recall@10"])
    assert first["difference"] == pytest.approx(1 - random.means["recall@10"])
    assert 0 < first["low"] < first["difference"] < first["high"] < 1
    assert first["losses"] == 0
    assert first["wins"] == (random.per_user["recall@10"] < 1).sum()
    assert first["p_holm"] == min(1.0, 2 * first["p_value"])
    assert perfect.compare(perfect)["p_value"].to_list() == [1.0, 1.0, 1.0]


def test_comparison_pairs_by_user_id():
    lists, truth = shop(3)
    a = evaluate(lists.take, truth, [Recall(10)], user_ids=IDS)
    turned = Evaluation(a.per_user.reverse(), a.summary)
    assert a.compare(turned)["difference"].to_list() == [0.0]
    assert a.compare(turned)["wins"].to_list() == [0]


def test_comparison_of_other_users():
    lists, truth = shop(3)
    a = evaluate(lists.take, truth, [Recall(10)], user_ids=IDS)
    part = Evaluation(a.per_user.head(9), a.summary)
    with pytest.raises(DataError, match="one holds 9 users and the other 41, 9 of them in both"):
        a.compare(part)
    assert a.compare(part, shared_only=True)["n_users"].to_list() == [9]
    with pytest.raises(DataError, match="no metric in common"):
        a.compare(evaluate(lists.take, truth, [Recall(5)], user_ids=IDS))
    with pytest.raises(DataError, match="user_id is Int64 in one and String in the other"):
        a.compare(evaluate(lists.take, truth, [Recall(10)]))


def test_users_counted_on_one_side_only_are_not_paired():
    truth = Ragged.from_lists([[0], [0], [0]])
    novelty = [Novelty(5, np.array([4, 2, 1, 1]))]
    a = evaluate(Ragged.from_lists([[0], [1], []]).take, truth, novelty)
    b = evaluate(Ragged.from_lists([[0], [], [2]]).take, truth, novelty)
    row = a.compare(b).row(0, named=True)
    assert (row["n_users"], row["mean"], row["other"]) == (1, 1.0, 1.0)


def test_intervals():
    lists, truth = shop(4)
    result = evaluate(lists.take, truth, metrics(), user_ids=IDS)
    table = result.intervals(resamples=300)
    assert table["metric"].to_list() == result.metrics
    assert table["mean"].to_list() == pytest.approx([result.means[m] for m in result.metrics])
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    assert table["n_users"].to_list() == list(result.summary.n_counted.values())


def test_catalogue_values_alone_have_no_intervals():
    lists, truth = shop(4)
    metric = [Coverage(2, np.ones(N_ITEMS, dtype=np.bool_))]
    result = evaluate(lists.take, truth, metric, user_ids=IDS)
    assert result.metrics == []
    table, usual = result.intervals(), evaluate(lists.take, truth, metrics()).intervals(resamples=9)
    assert table.height == 0
    assert table.schema == usual.schema


def test_groups_of_users():
    truth = Ragged.from_lists([[0], [1], [2], [3]])
    lists = Ragged.from_lists([[0], [1], [9], [9]])
    result = evaluate(lists.take, truth, [Recall(1)], user_ids=pl.Series(["a", "b", "c", "d"]))
    groups = pl.DataFrame(
        {"user_id": ["a", "b", "c"], "segment": ["gold", "tin", "tin"], "old": [True, True, None]}
    )
    assert result.by(groups).rows() == [
        ("segment=tin", 2, 0.5),
        ("segment=(none)", 1, 0.0),
        ("segment=gold", 1, 1.0),
        ("old=(none)", 2, 0.0),
        ("old=true", 2, 1.0),
    ]


def test_a_user_in_two_rows_of_a_group_is_refused():
    result = evaluate(Ragged.from_lists([[0]]).take, Ragged.from_lists([[0]]), [Recall(1)])
    with pytest.raises(DataError, match="user_id 'u' is there twice"):
        result.by(pl.DataFrame({"user_id": ["u", "u"], "plan": ["a", "b"]}))


def test_faults():
    lists, truth = shop(1)
    with pytest.raises(ValueError, match=r"given twice: recall@5"):
        evaluate(lists.take, truth, [Recall(5), Recall(5)])
    with pytest.raises(ValueError, match="chunk is 0"):
        evaluate(lists.take, truth, [Recall(5)], chunk=0)
    with pytest.raises(DataError, match="3 user ids were given for 50 users"):
        evaluate(lists.take, truth, [Recall(5)], user_ids=IDS.head(3))
    with pytest.raises(DataError, match="no user has a relevant item"):
        evaluate(lists.take, Ragged.empty(3), [Recall(5)])
    with pytest.raises(DataError, match="1 lists were given for"):
        evaluate(lambda users: Ragged.empty(1), truth, [Recall(5)])
