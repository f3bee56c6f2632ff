"""What every metric must do. A metric's test class inherits one of these and says how to make it.

Cases are small random lists and truths, with repeated items in lists and in the truth, lists
that are missing, users without a relevant item, and lists shorter and longer than k.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.metrics import CatalogueMetric, Judged, UserMetric, explain
from recsys.protocols import Metric
from recsys.types import Ragged

N_ITEMS = 12

lists_of_items = st.lists(st.integers(0, N_ITEMS - 1), max_size=10)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], int]:
    """Lists, truths, and a cut-off."""
    n = draw(st.integers(1, 5))
    lists = [draw(lists_of_items) for _ in range(n)]
    truths = [draw(lists_of_items) for _ in range(n)]
    return lists, truths, draw(st.integers(1, 12))


# The same inherited test runs in many classes, which is what this check warns of.
shared = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)


class _AnyMetricContract:
    """What user metrics and catalogue metrics have in common."""

    key: ClassVar[str]

    def make(self, k: int, n_users: int) -> UserMetric | CatalogueMetric:
        """Make the metric for `N_ITEMS` items and this many users."""
        raise NotImplementedError

    def test_name_and_definition(self) -> None:
        metric = self.make(7, 3)
        assert metric.name == f"{self.key}@7"
        assert metric.definition.startswith(f"{self.key}@7: ")
        assert metric.definition == explain(metric.name)
        assert "{" not in metric.definition

    @pytest.mark.parametrize("k", [0, -1, 2.0, True, "10"])
    def test_refuses_a_cut_off_that_is_no_positive_number(self, k: int) -> None:
        with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
            self.make(k, 3)

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError):
            self.make(7, 3).k = 8  # type: ignore[misc]


class UserMetricContract(_AnyMetricContract):
    """A metric with a value a user.

    Attributes:
        bounds: smallest and largest value.
        reads_truth: the value depends on the relevant items.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reads_truth: ClassVar[bool] = True

    def make(self, k: int, n_users: int) -> UserMetric:
        """Make the metric for `N_ITEMS` items and this many users."""
        raise NotImplementedError

    def values(self, lists: list[list[int]], truths: list[list[int]], k: int) -> np.ndarray:
        """Measure these lists."""
        metric = self.make(k, len(lists))
        return metric.per_user(Ragged.from_lists(lists), Ragged.from_lists(truths))

    def test_is_a_metric(self) -> None:
        assert isinstance(self.make(7, 3), Metric)
        assert not isinstance(self.make(7, 3), CatalogueMetric)

    @given(case=cases())
    @shared
    def test_one_finite_value_a_user_within_bounds(self, case) -> None:
        lists, truths, k = case
        values = self.values(lists, truths, k)
        assert values.shape == (len(lists),)
        assert values.dtype == np.float64
        low, high = self.bounds
        assert np.isfinite(values).all()
        assert (values >= low - 1e-12).all()
        assert (values <= high + 1e-12).all()

    @given(case=cases())
    @shared
    def test_inputs_are_left_alone(self, case) -> None:
        lists, truths, k = case
        recommended, relevant = Ragged.from_lists(lists), Ragged.from_lists(truths)
        self.make(k, len(lists)).per_user(recommended, relevant)
        assert recommended.rows.tolist() == [i for row in lists for i in row]
        assert relevant.rows.tolist() == [i for row in truths for i in row]

    @given(case=cases())
    @shared
    def test_a_user_alone_gets_the_same_value_as_among_others(self, case) -> None:
        lists, truths, k = case
        together = self.values(lists, truths, k)
        metric = self.make(k, len(lists))
        alone = [
            metric.take(np.array([u])).per_user(
                Ragged.from_lists([lists[u]]), Ragged.from_lists([truths[u]])
            )[0]
            for u in range(len(lists))
        ]
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)

    @given(case=cases(), seed=st.integers(0, 99))
    @shared
    def test_order_and_repeats_of_the_truth_do_not_matter(self, case, seed: int) -> None:
        lists, truths, k = case
        rng = np.random.default_rng(seed)
        shuffled = [rng.permutation(np.array(t + t[:2], dtype=np.int64)).tolist() for t in truths]
        np.testing.assert_array_equal(
            self.values(lists, truths, k), self.values(lists, shuffled, k)
        )

    @given(case=cases(), tail=lists_of_items)
    @shared
    def test_what_is_behind_the_cut_off_does_not_matter(self, case, tail: list[int]) -> None:
        lists, truths, k = case
        cut = [row[:k] for row in lists]
        longer = [row + tail if len(row) == k else row for row in cut]
        np.testing.assert_allclose(
            self.values(cut, truths, k), self.values(longer, truths, k), rtol=0, atol=1e-12
        )

    @given(case=cases())
    @shared
    def test_a_missing_list_is_worth_nothing(self, case) -> None:
        _, truths, k = case
        assert not self.values([[] for _ in truths], truths, k).any()

    @given(case=cases())
    @shared
    def test_users_without_a_relevant_item_are_not_counted(self, case) -> None:
        lists, truths, k = case
        judged = Judged(Ragged.from_lists(lists), Ragged.from_lists(truths))
        mask = self.make(k, len(lists)).counted(judged)
        assert mask.dtype == np.bool_
        assert mask.shape == (len(lists),)
        assert not mask[[not t for t in truths]].any()
        # A user who is not counted is 0, so that a sum over users needs no mask.
        if self.reads_truth:
            values = self.values(lists, truths, k)
            assert not values[~mask].any()

    def test_no_users(self) -> None:
        assert self.make(3, 0).per_user(Ragged.empty(0), Ragged.empty(0)).shape == (0,)

    def test_sides_must_be_aligned(self) -> None:
        with pytest.raises(DataError, match="2 lists were given for 3 users"):
            self.make(3, 3).per_user(Ragged.empty(2), Ragged.empty(3))

    def test_item_rows_must_not_be_negative(self) -> None:
        with pytest.raises(DataError, match="1 recommended item rows are negative"):
            self.make(3, 1).per_user(Ragged.from_lists([[1, -1]]), Ragged.from_lists([[1]]))


class AccuracyContract(UserMetricContract):
    """A metric of lists against truth: nothing but the hits counts."""

    @given(case=cases())
    @shared
    def test_a_perfect_list_is_best_and_a_disjoint_one_worst(self, case) -> None:
        _, truths, k = case
        perfect = [list(dict.fromkeys(t)) for t in truths]
        worst = [[i for i in range(N_ITEMS) if i not in t] for t in truths]
        best = self.values(perfect, truths, k)
        assert not self.values(worst, truths, k).any()
        for row in (worst, [list(range(N_ITEMS))] * len(truths)):
            assert (self.values(row, truths, k) <= best + 1e-12).all()

    @given(case=cases(), seed=st.integers(0, 99))
    @shared
    def test_names_of_items_do_not_matter(self, case, seed: int) -> None:
        lists, truths, k = case
        new = np.random.default_rng(seed).permutation(N_ITEMS).tolist()
        renamed = self.values(
            [[new[i] for i in r] for r in lists], [[new[i] for i in t] for t in truths], k
        )
        np.testing.assert_allclose(self.values(lists, truths, k), renamed, rtol=0, atol=1e-12)

    @given(case=cases(), place=st.integers(0, 9))
    @shared
    def test_a_hit_in_place_of_a_miss_is_never_worse(self, case, place: int) -> None:
        lists, truths, k = case
        assume(lists[0] and truths[0])
        place %= len(lists[0])
        fresh = [i for i in truths[0] if i not in lists[0]]
        assume(fresh and lists[0][place] not in truths[0])
        better = [list(row) for row in lists]
        better[0][place] = fresh[0]
        before, after = self.values(lists, truths, k)[0], self.values(better, truths, k)[0]
        assert after >= before - 1e-12


class CatalogueMetricContract(_AnyMetricContract):
    """A metric with one value for all lists."""

    def make(self, k: int, n_users: int) -> CatalogueMetric:
        """Make the metric for `N_ITEMS` eligible items."""
        raise NotImplementedError

    def test_is_a_catalogue_metric(self) -> None:
        assert isinstance(self.make(7, 3), CatalogueMetric)
        assert not isinstance(self.make(7, 3), Metric)

    @given(case=cases())
    @shared
    def test_between_nought_and_one(self, case) -> None:
        lists, _, k = case
        value = self.make(k, len(lists)).value(Ragged.from_lists(lists))
        assert isinstance(value, float)
        assert 0.0 <= value <= 1.0

    @given(case=cases(), seed=st.integers(0, 99))
    @shared
    def test_order_of_users_does_not_matter(self, case, seed: int) -> None:
        lists, _, k = case
        order = np.random.default_rng(seed).permutation(len(lists))
        recommended = Ragged.from_lists(lists)
        metric = self.make(k, len(lists))
        assert metric.value(recommended) == metric.value(recommended.take(order))

    @given(case=cases(), tail=lists_of_items)
    @shared
    def test_what_is_behind_the_cut_off_does_not_matter(self, case, tail: list[int]) -> None:
        lists, _, k = case
        cut = [row[:k] for row in lists]
        longer = [row + tail if len(row) == k else row for row in cut]
        metric = self.make(k, len(lists))
        assert metric.value(Ragged.from_lists(cut)) == metric.value(Ragged.from_lists(longer))

    @given(case=cases())
    @shared
    def test_repeated_items_of_a_list_count_once(self, case) -> None:
        lists, _, _ = case
        metric = self.make(20, len(lists))
        once = [list(dict.fromkeys(row)) for row in lists]
        assert metric.value(Ragged.from_lists(lists)) == metric.value(Ragged.from_lists(once))

    def test_nothing_shown(self) -> None:
        assert self.make(3, 2).value(Ragged.empty(2)) == 0.0

    def test_unknown_items_are_refused(self) -> None:
        with pytest.raises(DataError, match=f"knows {N_ITEMS} items"):
            self.make(3, 1).value(Ragged.from_lists([[N_ITEMS]]))
