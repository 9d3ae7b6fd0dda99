from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wyckforge.models.distribution import Distribution

locations, scales, zeros = st.floats(-5, 5), st.floats(0.01, 3), st.floats(0, 1)
shares = st.floats(0.01, 0.99)


def of(location, scale, zero=0.0, **kind) -> Distribution:
    return Distribution(np.array([location]), np.array([scale]), np.array([zero]), **kind)


@given(locations, scales, shares, st.floats(-9, 9))
def test_without_zero_it_is_the_laplace_distribution_of_scipy(location, scale, share, bound):
    found, expected = of(location, scale), stats.laplace(location, scale)
    assert found.below(bound)[0] == pytest.approx(expected.cdf(bound), abs=1e-12)
    assert found.quantile(share)[0] == pytest.approx(expected.ppf(share), abs=1e-9)
    assert found.value()[0] == location


@given(st.floats(-3, 3), scales, shares)
def test_a_logarithmic_one_is_that_of_the_logarithm(location, scale, share):
    found, expected = of(location, scale, logarithmic=True), stats.laplace(location, scale)
    assert np.log(found.quantile(share)[0]) == pytest.approx(expected.ppf(share), abs=1e-6)
    assert found.below(2.0)[0] == pytest.approx(expected.cdf(np.log(2)), abs=1e-12)


@given(locations, scales, zeros, shares, st.booleans())
def test_a_quantile_is_the_least_value_that_holds_the_share(location, scale, zero, share, non_negative):
    found = of(location, scale, zero, non_negative=non_negative)
    value = found.quantile(share)
    assert found.below(value + 1e-9)[0] >= share - 1e-9
    assert found.below(value - 1e-9, inclusive=False)[0] <= share + 1e-9


@given(scales, st.floats(0.06, 1))
def test_an_interval_that_reaches_zero_holds_zero_itself(scale, zero):
    found = of(0.3, scale, zero, non_negative=True)
    low, high = found.interval(0.9)
    assert low[0] == 0.0
    assert high[0] >= 0.0
    assert (found.quantile(0.5)[0] == 0.0) == (found.below(0.0)[0] >= 0.5)


@given(locations, scales, zeros, st.floats(-9, 9), st.floats(-9, 9), st.booleans())
def test_probabilities_add_up(location, scale, zero, one, other, non_negative):
    found = of(location, scale, zero, non_negative=non_negative)
    low, high = min(one, other), max(one, other)
    parts = found.below(low, inclusive=False) + found.probability(low, high) + (1 - found.below(high))
    assert parts[0] == pytest.approx(1, abs=1e-12)
    if non_negative:
        assert found.probability(-np.inf, -1e-9)[0] == 0


@given(locations, scales, zeros)
def test_the_value_is_zero_where_zero_is_the_likelier_case(location, scale, zero):
    assert (of(location, scale, zero).value()[0] == 0.0) == (zero > 0.5 or location == 0)
    assert of(location, scale, zero, non_negative=True).value()[0] >= 0
