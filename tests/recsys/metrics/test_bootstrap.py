from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.metrics import (
    bootstrap,
    bootstrap_columns,
    bootstrap_difference,
    bootstrap_mean,
    holm,
)


def test_close_to_the_normal_interval():
    """For a mean of many values the bootstrap agrees with theory: mean +- 1.96 s / sqrt(n)."""
    values = np.random.default_rng(1).gamma(2.0, size=4000)
    interval = bootstrap_mean(values)
    error = values.std() / np.sqrt(len(values))
    assert interval.mean == values.mean()
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert interval.n_users == 4000


def test_a_wider_level_is_a_wider_interval():
    values = np.random.default_rng(1).normal(size=200)
    narrow, wide = bootstrap_mean(values, level=0.8), bootstrap_mean(values, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_same_seed_same_interval():
    values = np.random.default_rng(1).normal(size=50)
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


def test_chunks_are_bounded_and_fair(monkeypatch):
    values = np.random.default_rng(1).normal(size=100)
    whole = bootstrap_mean(values, resamples=999)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 1)  # one resample at a time
    # The stream of draws is the same, however it is cut.
    chunked = bootstrap_mean(values, resamples=999)
    assert chunked.low == pytest.approx(whole.low, abs=1e-12)
    assert chunked.high == pytest.approx(whole.high, abs=1e-12)


def test_pairing_sees_what_two_intervals_do_not():
    rng = np.random.default_rng(1)
    users = rng.random(500)  # users differ a lot, the systems little
    a, b = users + 0.02 + rng.normal(0, 0.05, 500), users
    assert bootstrap_difference(a, b).excludes_zero
    assert bootstrap_mean(a).low < bootstrap_mean(b).high


def test_identical_systems():
    interval = bootstrap_difference(np.arange(5.0), np.arange(5.0))
    assert (interval.mean, interval.low, interval.high, interval.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not interval.excludes_zero


def test_p_value_of_a_sure_thing():
    interval = bootstrap_difference(np.full(50, 2.0), np.full(50, 1.0), resamples=999)
    assert interval.p_value == 2 / 1000
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_direction_does_not_matter_to_the_p_value():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0.1, 1, 300), rng.normal(0, 1, 300)
    forth, back = bootstrap_difference(a, b), bootstrap_difference(b, a)
    assert forth.p_value == back.p_value
    assert forth.low == pytest.approx(-back.high)


def test_no_difference_is_mostly_not_found():
    """95 % intervals of 400 pairs without a difference: about 20 exclude zero."""
    rng = np.random.default_rng(11)
    false = sum(
        bootstrap_mean(rng.normal(0, 1, 200), resamples=500, seed=s).excludes_zero
        for s in range(400)
    )
    assert 8 <= false <= 36


def test_users_that_are_not_counted():
    values = np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 5.0]])
    first, second = bootstrap_columns(values)
    assert (first.mean, first.n_users) == (2.0, 3)
    assert (second.mean, second.low, second.high, second.n_users) == (5.0, 5.0, 5.0, 2)
    alone = bootstrap_mean(values[:, 0])
    assert (first.low, first.high) == (alone.low, alone.high)


def test_draws_without_anybody_counted_have_no_bounds():
    values = np.full(1000, np.nan)
    values[0] = 0.5
    found = [bootstrap_mean(values, resamples=1, seed=seed) for seed in range(6)]
    # A draw misses the one user with a chance of (1 - 1/1000)^1000, 0.37.
    assert {one.mean for one in found} == {0.5}
    assert {one.resamples for one in found} == {0, 1}
    for one in found:
        if one.resamples:
            assert (one.low, one.high) == (0.5, 0.5)
        else:
            assert np.isnan([one.low, one.high]).all()
            assert (one.p_value, one.excludes_zero) == (1.0, False)


def test_faults():
    with pytest.raises(DataError, match="nobody is counted in column 0"):
        bootstrap_mean(np.array([np.nan]))
    with pytest.raises(DataError, match="infinities"):
        bootstrap_mean(np.array([np.inf]))
    with pytest.raises(DataError, match="values of 2 and 3 users cannot be paired"):
        bootstrap_difference(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="level is 95"):
        bootstrap_mean(np.zeros(3), level=95)
    with pytest.raises(ValueError, match="resamples is 0"):
        bootstrap_mean(np.zeros(3), resamples=0)


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, and never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_between_no_correction_and_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(np.array(p) * len(p), 1.0) + 1e-15).all()
    assert np.argsort(p, kind="stable").tolist() == np.lexsort((np.array(p), adjusted)).tolist()


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, np.nan])
