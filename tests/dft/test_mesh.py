from __future__ import annotations

import numpy as np
import pytest
from tests.dft.model_bands import FCC, HEXAGONAL

from wyckforge.dft.mesh import divisions, irreducible
from wyckforge.symmetry.crystal import Crystal


@pytest.mark.parametrize("crystal", [FCC, HEXAGONAL])
def test_k_points_are_as_close_as_wanted(crystal: Crystal) -> None:
    spacing = 0.3
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)

    mesh = np.array(divisions(crystal, spacing))

    assert (lengths / mesh <= spacing).all()
    assert (lengths / (mesh - 1) > spacing).all()
    assert divisions(crystal, 100.0) == (1, 1, 1)


def test_a_length_that_the_spacing_divides_gets_no_point_more() -> None:
    for cell in (1 + 1e-9, 1 - 1e-9):
        crystal = Crystal(2 * np.pi * cell * np.eye(3), np.array([84]), np.zeros((1, 3)))  # reciprocal length 1/Å
        assert divisions(crystal, 0.1) == (10, 10, 10)


def test_symmetry_leaves_few_points_that_stand_for_all() -> None:
    k_points, weights = irreducible(FCC, (4, 4, 4))

    assert len(k_points) == 8  # of a face-centred cubic crystal
    assert weights.sum() == pytest.approx(1)
    assert weights[np.flatnonzero(np.abs(k_points).sum(axis=1) == 0)] == pytest.approx([1 / 64])
