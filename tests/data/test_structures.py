from __future__ import annotations

import contextlib

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from tests.data.examples import perovskite_cif
from wyckforge.data.rows import Rule
from wyckforge.data.structures import RejectedStructure, from_ase, from_pymatgen, parse_cif, parse_poscar, to_pymatgen

POSCAR = "rock salt\n1.0\n0 2.8 2.8\n2.8 0 2.8\n2.8 2.8 0\n{elements}1 1\ndirect\n0 0 0\n{second}\n"


def rule_of(text: str) -> Rule:
    with pytest.raises(RejectedStructure) as caught:
        parse_cif(text)
    return caught.value.problem.rule


def test_cif_gives_structure_and_stated_group():
    crystal, group = parse_cif(perovskite_cif())
    assert sorted(crystal.numbers.tolist()) == [8, 8, 8, 22, 38]
    assert group == 221
    assert crystal.volume == pytest.approx(3.9**3)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", Rule.UNREADABLE),
        ("not a CIF", Rule.UNREADABLE),
        ("data_x\n", Rule.UNREADABLE),
        ("\x00\x01\x02" * 99, Rule.UNREADABLE),
        (perovskite_cif()[:300], Rule.UNREADABLE),
        (perovskite_cif().replace("_cell_length_b 3.9\n", ""), Rule.UNREADABLE),
        (perovskite_cif().replace("_cell_length_b 3.9", "_cell_length_b 0"), Rule.UNREADABLE),
        (perovskite_cif().replace("0.5 0.5 0.5 1", "0.5 ? 0.5 1"), Rule.UNREADABLE),
        (perovskite_cif().replace("0.5 0.5 0.5 1", "0.5 nan 0.5 1"), Rule.UNREADABLE),
        (perovskite_cif() + perovskite_cif("Ba").replace("data_example", "data_second"), Rule.UNREADABLE),
        (perovskite_cif(occupancy="0.5", formula="Sr0.5 Ti O3"), Rule.DISORDERED),
        (perovskite_cif("Xx"), Rule.UNKNOWN_ELEMENT),
        (perovskite_cif("Zz", formula=""), Rule.UNKNOWN_ELEMENT),
    ],
)
def test_bad_cif_is_rejected_with_its_rule(text, rule):
    assert rule_of(text) == rule


@pytest.mark.parametrize("occupancy", ["nan", "inf", "-1", "0", "1.5", "."])
def test_atom_with_senseless_occupancy_is_not_silently_dropped(occupancy):
    assert rule_of(perovskite_cif(occupancy=occupancy, formula="")) == Rule.UNREADABLE


def test_cif_cut_inside_the_atom_list_is_rejected():
    assert rule_of(perovskite_cif().replace("O3 O 0 0.5 0.5 1\n", "")) == Rule.UNREADABLE


def test_deuterium_counts_as_hydrogen():
    heavy, _ = parse_cif(perovskite_cif("D"))
    light, _ = parse_cif(perovskite_cif("H"))
    np.testing.assert_array_equal(heavy.numbers, light.numbers)


@given(st.text(max_size=300))
def test_any_text_is_a_structure_or_a_rejection(text):
    for parse in (parse_cif, parse_poscar):
        with pytest.raises(RejectedStructure):
            parse(text)


@given(st.integers(0, 500), st.text(max_size=4))
def test_damaged_cif_is_a_structure_or_a_rejection(position, junk):
    text = perovskite_cif()
    damaged = text[:position] + junk + text[position + 3 :]
    with contextlib.suppress(RejectedStructure):
        crystal, _ = parse_cif(damaged)
        assert crystal.volume > 0


def test_poscar_with_and_without_element_names():
    good = parse_poscar(POSCAR.format(elements="Na Cl\n", second=".5 .5 .5"))
    assert good.numbers.tolist() == [11, 17]
    with pytest.raises(RejectedStructure, match="names no elements"):
        parse_poscar(POSCAR.format(elements="", second=".5 .5 .5"))


@pytest.mark.parametrize(
    ("elements", "second", "rule"),
    [("Na Xx\n", ".5 .5 .5", Rule.UNKNOWN_ELEMENT), ("Na Cl\n", "", Rule.UNREADABLE)],
)
def test_bad_poscar_is_rejected_with_its_rule(elements, second, rule):
    with pytest.raises(RejectedStructure) as caught:
        parse_poscar(POSCAR.format(elements=elements, second=second))
    assert caught.value.problem.rule == rule


def test_pymatgen_and_ase_objects_of_one_crystal_agree():
    lattice = [[0.1, 2.8, 2.8], [2.8, 0, 2.8], [2.8, 2.8, 0]]
    coords = [[0, 0, 0], [0.5, 0.45, 0.5]]
    ours = from_pymatgen(Structure(Lattice(lattice), ["Na+", "Cl-"], coords))
    theirs = from_ase(Atoms("NaCl", cell=lattice, scaled_positions=coords, pbc=True))
    np.testing.assert_allclose(ours.lattice, theirs.lattice)
    np.testing.assert_allclose(ours.frac_coords, theirs.frac_coords, atol=1e-12)
    np.testing.assert_array_equal(ours.numbers, theirs.numbers)
    assert from_pymatgen(to_pymatgen(ours)).to_dict() == ours.to_dict()


def test_molecules_dummies_and_disorder_in_objects_are_rejected():
    with pytest.raises(RejectedStructure, match="not periodic"):
        from_ase(Atoms("NaCl", positions=[[0, 0, 0], [2, 0, 0]]))
    with pytest.raises(RejectedStructure, match="no element"):
        from_ase(Atoms("NaX", cell=[3, 3, 3], positions=[[0, 0, 0], [1, 1, 1]], pbc=True))
    with pytest.raises(RejectedStructure, match="disordered"):
        from_pymatgen(Structure(Lattice.cubic(3), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]]))
    with pytest.raises(RejectedStructure, match="at least one atom"):
        from_ase(Atoms(cell=[3, 3, 3], pbc=True))
