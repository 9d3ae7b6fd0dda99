from __future__ import annotations

import numpy as np
import pytest

from wyckforge.dft.mesh import divisions, gap_ev, irreducible
from wyckforge.symmetry.crystal import Crystal

CUBE = Crystal(4.0 * np.eye(3), np.array([14]), np.zeros((1, 3)))

LEVELS = np.array([[[0.0, 3.0, 5.0], [1.0, 2.5, 6.0]]])


def test_points_are_no_farther_apart_than_the_spacing() -> None:
    length = 2 * np.pi / 4.0

    assert divisions(CUBE, length / 3) == (3, 3, 3)
    assert divisions(CUBE, length / 3 - 0.01) == (4, 4, 4)
    assert divisions(CUBE, 100.0) == (1, 1, 1)


def test_the_points_left_by_symmetry_stand_for_all() -> None:
    k_points, weights = irreducible(CUBE, (4, 4, 4))

    assert len(k_points) == 10
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() == pytest.approx(1 / 64)


def test_a_gap_lies_between_the_bands_that_the_electrons_fill() -> None:
    assert gap_ev(LEVELS, (2.0,)) == pytest.approx(1.5)
    assert gap_ev(LEVELS, (4.0,)) == pytest.approx(2.0)
    assert gap_ev(np.concatenate([LEVELS, LEVELS + 0.5]), (1.0, 1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("electrons", [(3.0,), (2.5,), (6.0,)])
def test_bands_that_are_filled_in_part_have_none(electrons: tuple[float, ...]) -> None:
    assert gap_ev(LEVELS, electrons) is None


def test_spin_channels_that_overlap_have_none() -> None:
    assert gap_ev(np.concatenate([LEVELS, LEVELS + 3.0]), (1.0, 1.0)) is None
