from __future__ import annotations

import numpy as np
import pytest

from wyckforge.train.forward.rule import Rule

RNG = np.random.default_rng(0)
SEEN = RNG.random((400, 5))
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
NONE_ZERO = np.array([False])


def test_what_is_linear_is_found_whatever_the_outliers_say() -> None:
    labels = SEEN @ WEIGHTS
    labels[:10] += 3
    labels[50:60] = np.nan
    rule = Rule.fit(SEEN, labels[:, None], NONE_ZERO)
    np.testing.assert_allclose(rule.weights[:, 0], WEIGHTS, atol=0.02)
    assert np.abs(rule.left(SEEN, labels[:, None])[60:]).max() * rule.spread[0] < 0.05


def test_what_is_left_and_the_rule_are_the_whole() -> None:
    labels = (SEEN @ WEIGHTS + 0.01 * RNG.normal(size=400))[:, None]
    rule = Rule.fit(SEEN, labels, NONE_ZERO)
    left = rule.left(SEEN, labels)
    assert 0.8 < np.abs(left).mean() < 1.2
    heads = np.stack([left, np.zeros_like(left), np.full_like(left, 7.0)])
    location, log_scale, zero = rule.joined(SEEN, heads)
    np.testing.assert_allclose(location, labels)
    np.testing.assert_allclose(np.exp(log_scale), rule.spread[0])
    np.testing.assert_array_equal(zero, 7.0)


@pytest.mark.parametrize(
    ("labels", "zero_inflated"),
    [(np.sin(40 * SEEN[:, 0]), False), (SEEN @ WEIGHTS, True), (np.full(400, np.nan), False)],
    ids=["not linear", "can be zero", "no labels"],
)
def test_where_no_rule_holds_everything_is_left(labels: np.ndarray, zero_inflated: bool) -> None:
    rule = Rule.fit(SEEN, labels[:, None], np.array([zero_inflated]))
    assert not rule.weights.any()
    np.testing.assert_array_equal(rule.left(SEEN, labels[:, None])[:, 0], labels)


def test_about_rows_that_are_not_known_it_says_nothing() -> None:
    labels = np.column_stack([SEEN @ WEIGHTS, np.sin(40 * SEEN[:, 0])])
    rule = Rule.fit(SEEN, labels, np.array([False, False]))
    half_known = SEEN[:2].copy()
    half_known[0, 3] = np.nan
    said = rule.says(half_known)
    assert np.isnan(said[0]).all()
    assert np.isfinite(said[1]).all()


def test_arrays_come_back_and_others_are_refused() -> None:
    rule = Rule.fit(SEEN, (SEEN @ WEIGHTS)[:, None], NONE_ZERO)
    again = Rule.from_arrays(rule.to_arrays(), inputs=5, outputs=1)
    np.testing.assert_array_equal(again.says(SEEN), rule.says(SEEN))
    with pytest.raises(ValueError, match="5, 1"):
        Rule.from_arrays(rule.to_arrays(), inputs=4, outputs=1)
    with pytest.raises(ValueError, match="not finite"):
        Rule.from_arrays(rule.to_arrays() | {"spread": np.array([np.nan])}, inputs=5, outputs=1)
    with pytest.raises(ValueError, match="without spread"):
        Rule.from_arrays(rule.to_arrays() | {"spread": np.zeros(1)}, inputs=5, outputs=1)
