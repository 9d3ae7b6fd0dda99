from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, mean_absolute_error

from wyckforge.evaluate.metrics import absolute_errors, bootstrap_interval, rows_equal, wilson_interval


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=40))
def test_the_mean_absolute_error_is_that_of_scikit_learn(pairs):
    true, predicted = np.array(pairs).T
    assert absolute_errors(true, predicted).mean() == pytest.approx(mean_absolute_error(true, predicted))


def test_missing_labels_do_not_count():
    assert absolute_errors(np.array([1.0, np.nan, 3.0]), np.array([2.0, 5.0, 1.0])).tolist() == [1.0, 2.0]


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_is_that_of_scipy(counts):
    successes, n = counts
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_bootstrap_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    trials = 300
    covered = 0
    for _ in range(trials):
        low, high = bootstrap_interval(rng.exponential(1.0, 80), rng, resamples=200)
        covered += low <= 1.0 <= high
    assert 0.87 <= covered / trials <= 0.98


def test_the_bootstrap_repeats_with_its_seed():
    values = np.random.default_rng(1).normal(size=50)
    one, same = (bootstrap_interval(values, np.random.default_rng(4)) for _ in range(2))
    assert one == same
    assert one[0] < values.mean() < one[1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_equal_rows_are_counted_as_scikit_learn_does(pairs):
    one, other = np.array(pairs).T
    assert rows_equal(one, other).mean() == pytest.approx(accuracy_score(one, other))


def test_a_row_is_equal_if_all_of_it_is():
    one = np.zeros((3, 2, 2), np.int64)
    other = one.copy()
    other[1, 1, 0] = 1
    assert rows_equal(one, other).tolist() == [True, False, True]
