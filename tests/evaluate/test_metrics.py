from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import mean_absolute_error

from wyckforge.evaluate.metrics import (
    Rate,
    absolute_errors,
    bootstrap_interval,
    calibration,
    rate_ratio,
    wilson_interval,
)

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=40))
def test_the_mean_absolute_error_is_that_of_scikit_learn(pairs):
    true, predicted = np.array(pairs).T
    assert absolute_errors(true, predicted).mean() == pytest.approx(mean_absolute_error(true, predicted))


def test_missing_labels_do_not_count():
    assert absolute_errors(np.array([1.0, np.nan, 3.0]), np.array([2.0, 5.0, 1.0])).tolist() == [1.0, 2.0]


@given(counts)
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


def test_a_rate_comes_with_its_counts_and_interval():
    rate = Rate.of(np.array([True, False, True, True]))
    low, high = wilson_interval(3, 4)
    assert rate.to_dict() == {"value": 0.75, "interval": [low, high], "hits": 3, "n": 4}
    assert Rate.of(np.zeros(0, bool)).to_dict() == {"value": None, "interval": None, "hits": 0, "n": 0}


@given(counts, counts)
def test_a_ratio_of_rates_is_that_of_scipy(one, other):
    found = rate_ratio(Rate(*one), Rate(*other))
    if not one[0] and not other[0]:
        assert (found.value, found.low, found.high) == (None, None, None)
        return
    expected = stats.contingency.relative_risk(*one, *other)
    if one[0] and other[0]:
        interval = expected.confidence_interval(0.95)
        assert (found.value, found.low, found.high) == pytest.approx((expected.relative_risk, *interval))
    elif one[0]:
        assert (found.value, found.high) == (None, None)
        assert 0 < found.low < (one[0] + 0.5) / 0.5 * (other[1] + 0.5) / (one[1] + 0.5)
    else:
        assert (found.value, found.low) == (0.0, 0.0)
        assert found.high > 0


def test_the_interval_of_a_ratio_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    trials, covered = 2000, 0
    for a, b in zip(rng.binomial(400, 0.1, trials), rng.binomial(2000, 0.01, trials), strict=True):
        found = rate_ratio(Rate(int(a), 400), Rate(int(b), 2000))
        covered += (found.low or 0.0) <= 10 <= (np.inf if found.high is None else found.high)
    assert 0.935 <= covered / trials <= 0.975


def test_a_rate_of_nothing_has_no_ratio():
    assert rate_ratio(Rate(0, 0), Rate(1, 2)).to_dict() == {"value": None, "interval": [None, None]}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 12))
def test_calibration_is_that_of_scikit_learn(cases, bins):
    claimed, achieved = np.array([p for p, _ in cases]), np.array([hit for _, hit in cases])
    found = calibration(claimed, achieved, bins=bins)
    if achieved.any() and not achieved.all():
        shares, claims = calibration_curve(achieved, claimed, n_bins=bins)
        assert [one.achieved.value for one in found.bins] == pytest.approx(shares)
        assert [one.claimed for one in found.bins] == pytest.approx(claims)
    assert sum(one.achieved.n for one in found.bins) == found.n == len(cases)
    for one in found.bins:
        inside = (claimed > one.low) & (claimed <= one.high) | ((claimed == 0) & (one.low == 0))
        assert one.achieved == Rate.of(achieved[inside])
        assert one.claimed == pytest.approx(claimed[inside].mean())
    apart = sum(abs(one.claimed - one.achieved.value) * one.achieved.n for one in found.bins)
    assert found.error == pytest.approx(apart / len(cases))
    assert 0 <= found.error <= 1


def test_honest_claims_are_calibrated_and_boasts_are_not():
    rng = np.random.default_rng(3)
    claimed = rng.uniform(size=20_000)
    achieved = rng.uniform(size=claimed.size) < claimed
    assert calibration(claimed, achieved).error < 0.02
    boast = calibration(np.sqrt(claimed), achieved)
    assert boast.error == pytest.approx(2 / 3 - 1 / 2, abs=0.02)
    assert calibration(np.zeros(0), np.zeros(0, bool)).to_dict() == {
        "expected_calibration_error": None,
        "n": 0,
        "bins": [],
    }


@pytest.mark.parametrize("claim", [-0.1, 1.1, np.nan])
def test_claims_that_are_no_probabilities_are_refused(claim):
    with pytest.raises(ValueError, match="allowed are probabilities, 0 to 1"):
        calibration(np.array([0.5, claim]), np.array([True, False]))
