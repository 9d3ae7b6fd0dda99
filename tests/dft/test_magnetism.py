from __future__ import annotations

import numpy as np
import pytest

from wyckforge.dft.magnetism import hubbard_ev, is_magnetic, may_be_magnetic, starting_moment_bohr
from wyckforge.symmetry.elements import atomic_number


def numbers(*names: str) -> list[int]:
    return [atomic_number(name) for name in names]


def test_only_oxides_and_fluorides_get_a_hubbard_u() -> None:
    assert hubbard_ev(numbers("Ni", "O")) == {"Ni": 6.2}
    assert hubbard_ev(numbers("Fe", "Co", "F", "F")) == {"Co": 3.32, "Fe": 5.3}
    assert hubbard_ev(numbers("Fe", "S")) == {}
    assert hubbard_ev(numbers("Ti", "O", "O")) == {}


@pytest.mark.parametrize(("name", "magnetic"), [("Fe", True), ("Gd", True), ("W", True), ("Zn", False), ("P", False)])
def test_open_shells_may_be_magnetic(name: str, magnetic: bool) -> None:
    assert may_be_magnetic(numbers(name, "O")) is magnetic
    assert (starting_moment_bohr(atomic_number(name)) > 0) is magnetic


def test_a_moment_counts_from_a_threshold_on_whatever_its_sign() -> None:
    assert is_magnetic(np.array([0.0, -0.15]))
    assert not is_magnetic(np.array([0.14, -0.1]))
