from __future__ import annotations

from itertools import pairwise

import numpy as np
from pymatgen.core import Element

from wyckforge.models.features import N_FEATURES, element_features

ELEMENTS = tuple(range(1, 104))


def test_every_property_marks_one_bin_or_none():
    features = element_features(ELEMENTS)
    assert features.shape == (103, N_FEATURES)
    starts = np.cumsum([0, 7, 4, 7, 7, 6, 4]).tolist()
    for start, stop in pairwise(starts):
        assert set(features[:, start:stop].sum(axis=1)) <= {0.0, 1.0}
    assert stop == N_FEATURES


def test_period_and_block_are_those_of_pymatgen():
    for number, row in zip(ELEMENTS, element_features(ELEMENTS), strict=True):
        element = Element.from_Z(number)
        assert row[:7].argmax() == element.row - 1
        assert "spdf"[row[7:11].argmax()] == element.block


def test_features_do_not_depend_on_the_company():
    assert np.array_equal(element_features((8,)), element_features((3, 8, 92))[1:2])


def test_bins_rise_with_electronegativity():
    bins = element_features((55, 22, 9))[:, 11:18].argmax(axis=1)
    assert list(bins) == sorted(bins)
    assert bins[0] < bins[-1]
