from __future__ import annotations

import json

import numpy as np
import pytest
from monty.json import MontyDecoder
from pymatgen.core import Lattice, Structure
from tests.dft.vasp.examples import example

from wyckforge.dft.vasp.sets import PublishedSet, crystal_of, input_set, standard

PUBLISHED_U = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}


def incar_of(cation: str, anion: str, step="static", *, spin=True):
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.5), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return input_set(step, spin=spin).get_input_set(salt, potcar_spec=True)["INCAR"]


@pytest.mark.parametrize("metal", PUBLISHED_U)
@pytest.mark.parametrize("anion", ["O", "F"])
def test_u_of_the_paper_in_oxides_and_fluorides(metal, anion):
    incar = incar_of(metal, anion)
    assert (incar["LDAU"], incar["LDAUTYPE"], incar["LDAUL"][0]) == (True, 2, 2)
    assert incar["LDAUU"] == [PUBLISHED_U[metal], 0]
    assert incar["LMAXMIX"] == (6 if metal == "W" else 4)


@pytest.mark.parametrize(("metal", "anion"), [("Fe", "S"), ("Ni", "Se"), ("Mn", "N"), ("Ti", "O"), ("Zn", "F")])
def test_no_u_elsewhere(metal, anion):
    assert not [key for key in incar_of(metal, anion) if key.startswith("LDAU")]


def test_the_start_is_ferromagnetic_and_high_spin():
    assert incar_of("Co", "O")["MAGMOM"] == [5, 0.6]
    assert incar_of("Mn", "S", "relax")["MAGMOM"] == [5, 0.6]
    unpolarised = incar_of("Co", "O", spin=False)
    assert unpolarised["ISPIN"] == 1
    assert "MAGMOM" not in unpolarised


@pytest.mark.parametrize(("moment", "channels"), [(0.149, 1), (0.15, 2), (-0.2, 2)])
def test_moments_of_an_earlier_run_decide_on_spin(moment, channels):
    cell = example("nio")
    structure = Structure(cell.lattice, cell.numbers, cell.frac_coords)
    structure.add_site_property("magmom", [moment] * len(cell))
    chosen = PublishedSet(step="static")
    assert chosen.get_input_set(structure, potcar_spec=True)["INCAR"]["ISPIN"] == channels
    structure.remove_site_property("magmom")
    assert chosen.get_input_set(structure, potcar_spec=True)["INCAR"]["ISPIN"] == 2


@pytest.mark.parametrize(("step", "spacing"), [("relax", 0.15), ("phonon", 0.15), ("static", 0.10)])
@pytest.mark.parametrize("name", ["si", "fes2"])
def test_meshes_keep_the_spacing_with_two_pi(step, spacing, name):
    files = input_set(step).get_input_set(standard(example(name)), potcar_spec=True)
    lengths = np.array(files["POSCAR"].structure.lattice.reciprocal_lattice.abc)  # with 2π
    counts = np.array(files["KPOINTS"].kpts[0])
    assert files["KPOINTS"].style.name == "Gamma"
    assert (lengths / counts <= spacing + 1e-9).all()
    assert (lengths / (counts - 1) > spacing).all()


def test_a_set_survives_a_database():
    stored = json.dumps(PublishedSet(step="bands", spin=False).as_dict())
    read = json.loads(stored, cls=MontyDecoder)
    assert read.get_input_set(standard(example("si")), potcar_spec=True)["INCAR"]["ISPIN"] == 1
    assert read.step == "bands"


def test_the_standard_cell_is_its_own():
    once = standard(example("fes2"))
    twice = standard(crystal_of(once))
    assert np.allclose(once.lattice.matrix, twice.lattice.matrix, atol=1e-8)
