from __future__ import annotations

import numpy as np
import pytest
from pymatgen.io.vasp.sets import MPRelaxSet

from wyckforge.dft.magnetism import (
    HUBBARD_ANIONS,
    HUBBARD_EV,
    STARTING_MOMENT_BOHR,
    hubbard_ev,
    is_magnetic,
    may_be_magnetic,
    starting_moment_bohr,
)
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


def test_an_atom_is_magnetic_from_the_published_threshold() -> None:
    assert [is_magnetic(np.array([0.0, moment])) for moment in (0.149, 0.15, -0.2)] == [False, True, True]


def test_numbers_are_those_of_the_materials_project_but_for_cobalt() -> None:
    theirs = MPRelaxSet.CONFIG["INCAR"]
    moments = {name: moment for name, moment in theirs["MAGMOM"].items() if "+" not in name}

    assert theirs["LDAUU"] == dict.fromkeys(HUBBARD_ANIONS, HUBBARD_EV)
    assert moments.pop("Co") < STARTING_MOMENT_BOHR["Co"]  # low spin
    assert moments == {name: STARTING_MOMENT_BOHR[name] for name in moments}
    for name, moment in theirs["MAGMOM"].items():
        if name.endswith("3+") and atomic_number(name[:-2]) in range(59, 71) and name != "Eu3+":
            assert STARTING_MOMENT_BOHR[name[:-2]] == moment


@pytest.mark.parametrize(("name", "most"), [("Ni", 2), ("Fe", 4), ("Mn", 5), ("Cu", 1), ("Eu", 7), ("Gd", 7)])
def test_engines_start_from_no_more_than_a_shell_holds(name: str, most: float) -> None:
    assert starting_moment_bohr(atomic_number(name)) == most
