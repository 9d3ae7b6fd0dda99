"""Claims against SciPy and against arithmetic, and the hit rate that they lead one to expect."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, laplace
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

from wyckforge.design.claims import Forecast, LaplaceClaims, claimed_probability, distributions_of
from wyckforge.design.expected import expected_hits, poisson_binomial
from wyckforge.records import Candidate, Interval, Origin, Target

finite = st.floats(-5, 5)
PAPER = Target(properties={"band_gap": Interval(0.5, 2.0), "formation_energy": Interval(high=-0.5)})


def laplace_claim(predictions, target, errors, weights=None):
    return LaplaceClaims(target, errors, weights)(Candidate("g", CRYSTALS[0], Origin("seed"), predictions))


@given(finite, finite, finite, st.floats(0.01, 2))
def test_probability_is_that_of_a_laplace_distribution(value, one, other, error):
    low, high = sorted((one, other))
    expected = laplace.cdf(high, value, error) - laplace.cdf(low, value, error)
    asked = Target(properties={"band_gap": Interval(low, high)})
    assert laplace_claim({"band_gap": value}, asked, {"band_gap": error}).probability == pytest.approx(
        expected, abs=1e-12
    )


@given(finite, finite, st.floats(0.01, 2), st.floats(0.1, 4))
def test_open_intervals_products_and_weights(value, bound, error, weight):
    one = Target(properties={"a": Interval(low=bound)})
    two = Target(properties={"a": Interval(low=bound), "b": Interval(high=bound)})
    p = laplace_claim({"a": value}, one, {"a": error}).probability
    assert p == pytest.approx(laplace.sf(bound, value, error), abs=1e-12)
    both = laplace_claim({"a": value, "b": value}, two, {"a": error, "b": error}, {"b": weight})
    assert both.probability == pytest.approx(p * (1 - p), abs=1e-12)
    assert both.preference == pytest.approx(p * laplace.cdf(bound, value, error) ** weight, rel=1e-6)
    assert laplace_claim({}, Target(), {}).probability == 1


def test_an_exact_model_is_sure():
    asked = Target(properties={"a": Interval(0, 1)})
    assert laplace_claim({"a": 0.5}, asked, {"a": 0.0}).probability == 1
    assert laplace_claim({"a": 1.5}, asked, {"a": 0.0}).probability == 0


def test_a_forecast_claims_what_the_distributions_say_whatever_the_order():
    model = tiny_orbit_checkpoint()
    found = distributions_of(model, CRYSTALS)
    expected = found["band_gap"].probability(0.5, 2.0) * found["formation_energy"].probability(-math.inf, -0.5)
    np.testing.assert_allclose(claimed_probability(model, CRYSTALS, PAPER), expected)
    whole, parts = Forecast(model, PAPER), Forecast(model, PAPER)
    whole.see(CRYSTALS)
    for gene in reversed(CRYSTALS):
        parts.see([gene, gene])
    for gene, chance in zip(CRYSTALS, expected, strict=True):
        candidate = Candidate("g", gene, Origin("prior"))
        assert whole(candidate).probability == pytest.approx(chance, rel=1e-4)
        assert parts(candidate).probability == pytest.approx(chance, rel=1e-4)
        assert whole.predictions(gene) == pytest.approx(parts.predictions(gene), rel=1e-3)
        assert "band_gap" in whole(candidate).words


def test_a_model_without_distributions_is_as_unsure_as_its_error(checkpoint):
    genes = CRYSTALS[:2]
    found = distributions_of(checkpoint, genes)["band_gap"]
    np.testing.assert_allclose(found.value(), checkpoint.predict(genes)["band_gap"])
    np.testing.assert_allclose(found.scale, checkpoint.errors["band_gap"])


@given(st.lists(st.floats(0, 1), max_size=7))
def test_the_number_of_hits_against_all_outcomes(chances):
    expected = np.zeros(len(chances) + 1)
    for outcome in itertools.product((0, 1), repeat=len(chances)):
        expected[sum(outcome)] += math.prod(p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True))
    np.testing.assert_allclose(poisson_binomial(np.array(chances)), expected, atol=1e-12)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_equal_claims_give_the_binomial_interval(n, chance):
    found = expected_hits([chance] * n)
    assert found.n == n
    assert found.rate == pytest.approx(chance)
    assert found.low * n == pytest.approx(binom.ppf(0.025, n, chance))
    assert found.high * n == pytest.approx(binom.ppf(0.975, n, chance))
    assert found.low <= found.high
    assert n * found.low < n * found.rate + 1  # whole hits: of one candidate all but sure, the interval is 1 alone


def test_sure_claims_leave_no_doubt_and_no_claims_no_rate():
    assert expected_hits([1.0, 1.0, 0.0, 0.0]).to_dict() == {"n": 4, "rate": 0.5, "low": 0.5, "high": 0.5}
    assert expected_hits([]) is None
