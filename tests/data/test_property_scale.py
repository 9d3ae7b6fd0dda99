from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import TableError

LABELS = st.lists(st.floats(-100, 100), min_size=2, max_size=30).filter(lambda values: np.ptp(values) > 1e-3)


@given(LABELS)
def test_scaled_labels_come_back(values):
    labels = np.array(values)
    scale = PropertyScale.fit("x", labels)
    scaled = scale.transform(labels)
    back = np.exp(scale.inverse(scaled)) if scale.logarithmic else scale.inverse(scaled)
    assert back == pytest.approx(labels, abs=1e-9)
    if not scale.zero_inflated:
        assert (scaled.mean(), scaled.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([-2.0, -1.0, 0.5, 1.0], (False, False, False)),
        ([0.0, 0.0, 1.0, 3.0], (False, True, True)),
        ([0.0, -1.0, 1.0, 3.0], (False, True, False)),
        ([0.0, *np.linspace(1, 2, 19)], (False, False, True)),
        ([*np.linspace(1, 2, 50), 400.0], (True, False, True)),
        ([1.0, 2.0, 3.0], (False, False, True)),
    ],
)
def test_labels_tell_what_kind_of_property_it_is(labels, kind):
    scale = PropertyScale.fit("x", np.array([*labels, math.nan]))
    assert (scale.logarithmic, scale.zero_inflated, scale.non_negative) == kind


def test_zero_stays_zero_where_it_has_a_meaning():
    scale = PropertyScale.fit("band_gap", np.array([0.0, 0.0, 1.0, 3.0, math.nan]))
    scaled = scale.transform(np.array([0.0, 2.0, math.nan]))
    assert scaled[0] == 0
    assert scaled[1] == pytest.approx(2 / np.std([1.0, 3.0]))
    assert math.isnan(scaled[2])


def test_labels_beside_zero_that_differ_by_rounding_alone_have_no_spread():
    assert PropertyScale.fit("band_gap", np.array([0.0, 1.0, 1 + 1e-14])).deviation == 1


def test_what_has_no_logarithm_is_missing():
    scale = PropertyScale("x", 0.0, 1.0, logarithmic=True)
    assert np.isnan(scale.transform(np.array([0.0, -1.0]))).all()


def test_labels_that_do_not_differ_cannot_be_learned():
    for labels in ([], [1.0, 1.0], [math.nan], [1.0, 1 + 1e-14]):
        with pytest.raises(TableError, match="at least two"):
            PropertyScale.fit("x", np.array(labels))
    with pytest.raises(TableError, match="two different labels"):
        PropertyScale("x", math.nan, 1.0)


def test_it_comes_back_from_its_dictionary():
    scale = PropertyScale("x", 1.0, 2.0, zero_inflated=True)
    assert PropertyScale.from_dict(scale.to_dict()) == scale
    with pytest.raises(TableError, match="not the scale of a property"):
        PropertyScale.from_dict({"name": "x"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 7},
        {"mean": 1e300},
        {"mean": math.nan},
        {"mean": True},
        {"mean": "1"},
        {"deviation": 0},
        {"deviation": -1.0},
        {"deviation": math.inf},
        {"deviation": 1e300},
        {"logarithmic": "no"},
        {"zero_inflated": 1},
        {"non_negative": None},
    ],
)
def test_a_dictionary_with_a_value_that_cannot_be_is_refused(wrong):
    with pytest.raises(TableError, match=r"standard deviation|not the scale of a property"):
        PropertyScale.from_dict({**PropertyScale("x", 1.0, 2.0).to_dict(), **wrong})


def test_a_few_labels_at_or_below_zero_do_not_keep_a_long_tail_from_being_learned_as_logarithm() -> None:
    labels = np.exp(np.random.default_rng(0).normal(0, 1.5, 500))
    labels[:2] = 0.0, -1.0
    scale = PropertyScale.fit("expansion", labels)
    assert scale.logarithmic
    assert np.isnan(scale.transform(labels)[:2]).all()
    assert np.isfinite(scale.transform(labels)[2:]).all()
    labels[:20] = -1.0
    assert not PropertyScale.fit("expansion", labels).logarithmic
