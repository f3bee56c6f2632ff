from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from experiments import report
from experiments.evaluation import HYBRID, Scorecard, evaluate_recommender, refuse_overlap
from recsys.dataset import Dataset
from recsys.errors import DataError, LeakageError
from recsys.schema import ColumnRoles, DatasetInfo
from recsys.splits import Split, split
from recsys.types import Ragged

ITEMS = pl.DataFrame(
    {"item_id": list("wxyz"), "title": list("WXYZ"), "kind": ["wet", "dry", "dry", "wet"]}
)
LOG = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "bob"],
        "item_id": ["x", "x", "y"],
        "timestamp": [1, 2, 1],
    }
)
TRUTH = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "ann", "bob", "cold"],
        # q is an item that nobody knows.
        "item_id": ["x", "z", "q", "y", "w"],
        "new": [False, True, True, False, True],
    }
)
LISTS = {
    (HYBRID, "allow"): {"ann": "xz", "bob": "yx", "cold": "xy"},
    (HYBRID, "exclude"): {"ann": "zy", "cold": "xy"},
    ("popular", "allow"): {"ann": "xy", "bob": "xy", "cold": "xy"},
    ("popular", "exclude"): {"ann": "yz", "cold": "xy"},
}


@dataclass
class Fixed:
    """Answers with `LISTS`."""

    dataset: Dataset
    components: tuple[str, ...] = ("popular",)
    manifest: Any = field(
        default_factory=lambda: SimpleNamespace(
            trained_until=2, version="v1", dataset="four", dataset_fingerprint="f"
        )
    )

    @property
    def users(self) -> Any:
        return self.dataset.users

    @property
    def items(self) -> Any:
        return self.dataset.items

    @property
    def catalogue(self) -> Any:
        return self.dataset.catalogue

    @property
    def embeddings(self) -> Any:
        return np.eye(4, dtype=np.float32)

    def recommend_rows(
        self, user_ids: Sequence[str], k: int, *, repeats: str, components: Sequence[str]
    ) -> list[Ragged]:
        return [
            Ragged.from_lists(
                [self.items.rows(list(LISTS[system, repeats][u][:k])) for u in user_ids]
            )
            for system in (HYBRID, *components)
        ]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    info = DatasetInfo(name="four", time="per_user_order", roles=ColumnRoles(category="kind"))
    return Dataset.from_frames(LOG, ITEMS, info=info)


@pytest.fixture(scope="module")
def scorecard(dataset: Dataset) -> Scorecard:
    return evaluate_recommender(Fixed(dataset), TRUTH, (1, 2), resamples=200)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("targets", "system", "metric", "value"),
    [
        ("ALL", HYBRID, "recall@1", (1 / 3 + 1 + 0) / 3),
        ("ALL", HYBRID, "recall@2", (2 / 3 + 1 + 0) / 3),
        ("ALL", HYBRID, "hit_rate@1", 2 / 3),
        ("ALL", "popular", "recall@1", (1 / 3 + 0 + 0) / 3),
        ("NEW", HYBRID, "recall@1", (1 / 2 + 0) / 2),
        ("NEW", "popular", "recall@2", (1 / 2 + 0) / 2),
        ("ALL", HYBRID, "coverage@2", 3 / 4),  # q is not in the catalogue
        ("ALL", "popular", "coverage@2", 2 / 4),
    ],
)
def test_values_by_hand(
    scorecard: Scorecard, targets: str, system: str, metric: str, value: float
) -> None:
    assert scorecard.value(targets, system, metric) == pytest.approx(value)


def test_what_is_not_available_is_not_eligible() -> None:
    log = LOG.with_columns(pl.col("timestamp").cast(pl.Datetime("us")))
    # The last interaction is at 2. At 3, the moment of the requests, w is gone and z is not.
    closed = pl.Series([3, None, None, 4]).cast(pl.Datetime("us"))
    items = ITEMS.with_columns(available_until=closed)
    data = Dataset.from_frames(log, items, info=DatasetInfo(name="four", time="global"))
    card = evaluate_recommender(Fixed(data), TRUTH, (2,), resamples=20)  # type: ignore[arg-type]
    assert card.value("ALL", HYBRID, "coverage@2") == 3 / 3
    assert card.value("ALL", "popular", "coverage@2") == 2 / 3


def test_nobody_is_dropped_and_the_rest_is_counted(scorecard: Scorecard) -> None:
    rows = {row["targets"]: row for row in scorecard.users.iter_rows(named=True)}
    assert rows["ALL"] == {
        "targets": "ALL",
        "n_users": 3,
        "n_warm": 2,
        "n_empty": 0,
        "n_missing": 0,
        "n_targets": 5,
        "n_cold_items": 3,  # z and w were never bought, q is not even known
    }
    assert rows["NEW"]["n_users"] == 2
    assert rows["NEW"]["n_empty"] == 1


def test_warm_and_cold_users_are_slices(scorecard: Scorecard) -> None:
    assert scorecard.value("ALL", HYBRID, "recall@1", "warm users") == pytest.approx(2 / 3)
    assert scorecard.value("ALL", HYBRID, "recall@1", "cold users") == 0


def test_differences_are_paired_and_the_best_component_is_marked(scorecard: Scorecard) -> None:
    lead = scorecard.difference("ALL", "popular", "recall@1")
    assert lead["difference"] == pytest.approx(1 / 3)  # only bob gains
    assert lead["low"] <= lead["difference"] <= lead["high"]
    assert lead["best"]
    assert lead["n_users"] == 3


def test_per_user_values_are_kept(scorecard: Scorecard) -> None:
    ann = scorecard.per_user.filter(targets="ALL", system=HYBRID, user_id="ann")
    assert ann["recall@2"].to_list() == pytest.approx([2 / 3])
    assert ann["warm"].to_list() == [True]


def test_every_applicable_metric_is_there(scorecard: Scorecard) -> None:
    for key in ("precision", "ndcg", "map", "mrr", "gini", "novelty", "popularity_percentile"):
        assert scorecard.has(f"{key}@2")
    assert scorecard.has("calibration@2")
    assert scorecard.has("intra_list_diversity@2")


def test_save_and_load(scorecard: Scorecard, tmp_path: Path) -> None:
    scorecard.save(tmp_path / "card")
    scorecard.save(tmp_path / "card")  # in the place of the first
    again = Scorecard.load(tmp_path / "card")
    assert again.summary() == scorecard.summary()
    assert again.per_user.equals(scorecard.per_user)
    assert again.ks == scorecard.ks
    assert [p.name for p in tmp_path.iterdir()] == ["card"]


def test_only_a_scorecard_is_replaced(
    scorecard: Scorecard, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="is no scorecard; choose another"):
        scorecard.save(tmp_path)
    with pytest.raises(DataError, match="is no scorecard; choose another"):
        evaluate_recommender(Fixed(dataset), TRUTH, (1,), out=tmp_path)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_was_not_measured_is_a_key_error(scorecard: Scorecard) -> None:
    with pytest.raises(KeyError, match="recall@99"):
        scorecard.value("ALL", HYBRID, "recall@99")


def test_without_components_there_is_only_the_hybrid(dataset: Dataset) -> None:
    card = evaluate_recommender(Fixed(dataset), TRUTH, (1,), components=())  # type: ignore[arg-type]
    assert card.systems == [HYBRID]
    assert card.differences.is_empty()
    assert report.tables(card)


def test_chunks_give_the_same_numbers(
    dataset: Dataset, scorecard: Scorecard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.evaluation.run.USERS_PER_CHUNK", 1)
    calls: list[tuple[str, int, int]] = []
    card = evaluate_recommender(
        Fixed(dataset),  # type: ignore[arg-type]
        TRUTH,
        (1, 2),
        resamples=200,
        progress=lambda *call: calls.append(call),
    )
    assert card.summary() == pytest.approx(scorecard.summary())
    assert card.per_user.equals(scorecard.per_user)
    assert [c[1:] for c in calls] == [(1, 3), (2, 3), (3, 3)]


def test_an_empty_window_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="no target"):
        evaluate_recommender(Fixed(dataset), TRUTH.clear())  # type: ignore[arg-type]


def test_no_new_targets_leave_new_out(dataset: Dataset) -> None:
    card = evaluate_recommender(Fixed(dataset), TRUTH.filter(~pl.col("new")), (1,))  # type: ignore[arg-type]
    assert card.targets == ["ALL"]


@pytest.mark.parametrize(("cut", "refused"), [(2, True), (3, False)])
def test_a_window_that_overlaps_the_training_data_is_refused(
    dataset: Dataset, cut: int, refused: bool
) -> None:
    window: Any = SimpleNamespace(cut=cut, train=dataset)
    if refused:
        with pytest.raises(LeakageError, match="trained on data until"):
            refuse_overlap(Fixed(dataset), window)  # type: ignore[arg-type]
    else:
        refuse_overlap(Fixed(dataset), window)  # type: ignore[arg-type]


def test_without_global_time_more_interactions_than_the_training_part_are_refused(
    dataset: Dataset,
) -> None:
    fewer = dataset.before(2)
    seen = Split(fewer, TRUTH.clear(), "holdout", None)
    with pytest.raises(LeakageError, match="3 interactions, more than the 2"):
        refuse_overlap(Fixed(dataset), seen)  # type: ignore[arg-type]
    refuse_overlap(Fixed(fewer), seen)  # type: ignore[arg-type]


def test_a_bundle_of_an_earlier_month_is_refused_where_it_has_seen_last_items() -> None:
    info = DatasetInfo(name="months", time="per_user_order")
    month = pl.DataFrame(
        {
            "user_id": ["ann", "ann", "bob", "bob"],
            "item_id": list("xyyy"),
            "timestamp": [0, 1, 0, 1],
        }
    )
    more = pl.DataFrame({"user_id": ["ann"] * 2, "item_id": list("zw"), "timestamp": [2, 3]})
    first = Dataset.from_frames(month, ITEMS, info=info)
    # Bob did not come back: the y that he bought again in the first month is the test.
    parts = split(Dataset.from_frames(pl.concat([month, more]), ITEMS, info=info))
    assert parts.truth.rows() == [("ann", "w", True), ("bob", "y", False)]
    assert len(first.interactions) == len(parts.train.interactions)
    with pytest.raises(LeakageError, match=r"1 of the 2 test items.* 'y' of the user 'bob'"):
        refuse_overlap(Fixed(first), parts)  # type: ignore[arg-type]
    # Something later is refused as well, what came before is not.
    later = month[:3].vstack(pl.DataFrame({"user_id": "bob", "item_id": "x", "timestamp": 2}))
    with pytest.raises(LeakageError, match="1 of the 2 test items or on what followed them"):
        refuse_overlap(Fixed(Dataset.from_frames(later, ITEMS, info=info)), parts)  # type: ignore[arg-type]
    refuse_overlap(Fixed(first.before(1)), parts)  # type: ignore[arg-type]
    refuse_overlap(Fixed(Dataset.from_frames(month[:3], ITEMS, info=info)), parts)  # type: ignore[arg-type]


def test_a_bundle_of_another_seed_is_refused_where_there_is_no_time() -> None:
    info = DatasetInfo(name="bag", time="none")
    log = pl.DataFrame({"user_id": ["ann"] * 3, "item_id": list("xxy")})
    held, other = (Dataset.from_frames(log[rows], ITEMS, info=info) for rows in ([0, 2], [0, 1]))
    truth = pl.DataFrame({"user_id": ["ann"], "item_id": ["x"], "new": [False]})
    parts = Split(held, truth, "holdout", None)
    with pytest.raises(LeakageError, match="1 of the 1 test items, such as 'x' of the user 'ann'"):
        refuse_overlap(Fixed(other), parts)  # type: ignore[arg-type]
    # One x is in training and one is the test: who has seen one may be measured.
    refuse_overlap(Fixed(Dataset.from_frames(log[[0, 2]], ITEMS, info=info)), parts)  # type: ignore[arg-type]


def test_what_exists_for_all_targets_only_is_a_dash_for_new(scorecard: Scorecard) -> None:
    lost = (pl.col("targets") == "NEW") & (pl.col("metric") == "coverage@1")
    card = replace(scorecard, values=scorecard.values.filter(~lost))
    coverage = next(c for c in report.beyond_table(card).columns if c.header == "coverage@1")
    n_all = scorecard.value("ALL", HYBRID, "coverage@1")
    assert list(coverage.cells) == [f"{n_all:.4f}", "-"]


def test_json_holds_plain_values(scorecard: Scorecard) -> None:
    import json

    value = json.loads(json.dumps(report.as_json(scorecard)))
    assert value["metrics"]["ALL/recall@2"] == pytest.approx(5 / 9)
    assert value["systems"]["popular"]["ALL/recall@1"] == pytest.approx(1 / 9)
