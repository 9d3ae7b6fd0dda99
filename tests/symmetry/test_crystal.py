from __future__ import annotations

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal

CELL = [[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [0.1, -0.3, 6.0]]


def test_flat_lists_become_arrays() -> None:
    crystal = Crystal(np.ravel(CELL), [11, 17], [0, 0, 0, 0.5, 0.5, 0.5])  # type: ignore[arg-type]
    assert crystal.lattice.shape == (3, 3)
    assert crystal.frac_coords.shape == (2, 3)
    assert crystal.numbers.dtype == np.int64
    assert len(crystal) == 2


def test_volume_is_that_of_pymatgen() -> None:
    crystal = Crystal(np.array(CELL), np.array([11]), np.zeros((1, 3)))
    assert crystal.volume == pytest.approx(Structure(Lattice(CELL), ["Na"], [[0, 0, 0]]).volume)


def test_dictionary_round_trips_through_json() -> None:
    crystal = Crystal(np.array(CELL), np.array([11, 17]), np.array([[0, 0, 0], [0.1, 0.2, 1 / 3]]))
    again = Crystal.from_dict(json.loads(json.dumps(crystal.to_dict())))
    for name in ("lattice", "numbers", "frac_coords"):
        np.testing.assert_array_equal(getattr(again, name), getattr(crystal, name))


@pytest.mark.parametrize(
    ("lattice", "numbers", "coords", "message"),
    [
        (np.eye(2), [1], [0, 0, 0], "a lattice needs 9 numbers .* got 4"),
        (4 * np.eye(3), [], [], "0 atoms with 0 coordinates"),
        (4 * np.eye(3), [1, 2], [0, 0, 0], "2 atoms with 3 coordinates"),
        (4 * np.eye(3), [1], [0, np.nan, 0], "NaN or infinity"),
        (np.diag([4, np.inf, 4]), [1], [0, 0, 0], "NaN or infinity"),
        (np.ones((3, 3)), [1], [0, 0, 0], "span no volume"),
        (4 * np.eye(3), [0], [0, 0, 0], "atomic numbers 0…0 given; allowed are whole numbers from 1 to 118"),
        (4 * np.eye(3), [1, 119], [0] * 6, "atomic numbers 1…119 given"),
        (4 * np.eye(3), [1.5], [0, 0, 0], "whole numbers"),
        (4 * np.eye(3), ["Na"], [0, 0, 0], "must be plain numbers"),
        (4 * np.eye(3), [1], ["x", 0, 0], "must be plain numbers"),
        (4 * np.eye(3), [np.nan], [0, 0, 0], "whole numbers"),
    ],
)
def test_what_is_no_crystal_is_refused(lattice: object, numbers: object, coords: object, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        Crystal(lattice, numbers, coords)  # type: ignore[arg-type]


def test_later_changes_of_the_arrays_given_stay_outside() -> None:
    lattice, coords = 4 * np.eye(3), np.zeros((1, 3))
    crystal = Crystal(lattice, np.array([29]), coords)
    lattice[0, 0], coords[0, 0] = 9.0, 0.5
    assert crystal.lattice[0, 0] == 4.0
    assert crystal.frac_coords[0, 0] == 0.0
