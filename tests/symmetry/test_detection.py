from __future__ import annotations

import re
from collections import Counter

import moyopy
import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generic import generic_crystal, generic_gene
from tests.strategies import space_groups

from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import SYMPREC, detect, standardised
from wyckforge.symmetry.gene import WyckoffGene

ALL = range(1, 231)
FCC = np.array([[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]])


def rock_salt() -> Crystal:
    return Crystal(FCC, np.array([11, 17]), np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]))


def test_a_primitive_cell_gives_the_conventional_gene() -> None:
    found = detect(rock_salt())
    assert str(found.gene.canonical()) == "225|Na:a|Cl:b"
    assert len(found.crystal) == found.gene.n_atoms == 8
    np.testing.assert_allclose(found.crystal.lattice, 5.6 * np.eye(3), atol=1e-12)
    assert found.symprec == SYMPREC


def test_a_crystal_without_symmetry_to_be_found_stays_as_it_is() -> None:
    assert len(standardised(rock_salt())) == 8
    on_top = Crystal(FCC, np.array([11, 17]), np.zeros((2, 3)))
    assert standardised(on_top) is on_top


def test_every_group_is_found_from_its_generic_crystal() -> None:
    for number in ALL:
        found = detect(generic_crystal(number), symprec=1e-3)
        assert found.gene.canonical() == generic_gene(number).canonical(), number
        # The standard cell is in the setting of the tables: detecting it again tells the same story.
        again = detect(found.crystal, symprec=1e-3)
        assert again.gene.canonical() == found.gene.canonical(), number


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_groups_and_occupied_letters_are_those_of_spglib() -> None:
    """In the same setting spglib may still choose another origin: the genes agree up to the normalizer."""
    settings_by_number = {entry.number: entry.hall_number for entry in _standard_settings()}
    for number in ALL:
        crystal = generic_crystal(number)
        cell = (crystal.lattice, crystal.frac_coords, crystal.numbers)
        data = spglib.get_symmetry_dataset(cell, 1e-3, hall_number=settings_by_number[number])
        assert data is not None
        assert data.number == number
        gene = WyckoffGene(number, tuple({(int(z), w) for z, w in zip(crystal.numbers, data.wyckoffs, strict=True)}))
        assert gene.canonical() == detect(crystal, symprec=1e-3).gene.canonical(), number


def _standard_settings() -> list[moyopy.HallSymbolEntry]:
    """The first setting of each group, the second where there are two origins: b1, hexagonal axes, origin choice 2."""
    entries = [moyopy.HallSymbolEntry(number) for number in range(1, 531)]
    first = {entry.number: entry for entry in reversed(entries)}
    second_origins = {entry.number: entry for entry in entries if entry.setting == "2"}
    return list((first | second_origins).values())


@given(space_groups)
@settings(max_examples=40)
def test_letters_of_the_atoms_add_up_to_the_gene(number: int) -> None:
    found = detect(generic_crystal(number), symprec=1e-3)
    atoms = Counter(zip(found.crystal.numbers.tolist(), found.site_letters, strict=True))
    expected: Counter[tuple[int, str]] = Counter()
    for element, letter in found.gene.sites:
        expected[element, letter] += found.gene.table.multiplicity(letter)
    assert atoms == expected


@given(space_groups, st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_gene_does_not_depend_on_the_description(number: int, seed: int) -> None:
    """Another origin, orientation, order of atoms, and cell (a supercell, or axes sheared by lattice vectors)."""
    rng = np.random.default_rng(seed)
    crystal = generic_crystal(number)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    shear = np.eye(3)
    shear[0, 1] = rng.integers(-1, 2)
    order = rng.permutation(len(crystal))
    moved = Crystal(
        shear @ crystal.lattice @ rotation,
        crystal.numbers[order],
        ((crystal.frac_coords + rng.uniform(size=3)) @ np.linalg.inv(shear))[order],
    )
    doubled = Crystal(
        moved.lattice * np.array([[1], [2], [1]]),
        np.tile(moved.numbers, 2),
        np.concatenate([moved.frac_coords, moved.frac_coords + np.array([0, 1, 0])]) / [1, 2, 1],
    )
    expected = generic_gene(number).canonical()
    assert detect(moved, symprec=1e-3).gene.canonical() == expected
    assert detect(doubled, symprec=1e-3).gene.canonical() == expected


def test_tolerance_decides_what_counts_as_symmetric() -> None:
    strained = Crystal(FCC * [1.0, 1.0, 1.003], np.array([11, 17]), rock_salt().frac_coords)
    assert detect(strained, symprec=0.1).gene.space_group == 225
    assert detect(strained, symprec=1e-4).gene.space_group == 139
    assert detect(strained, symprec=0.1, angle_tolerance=1e-5).gene.space_group == 139


def test_several_orbits_on_one_letter_are_counted() -> None:
    found = detect(generic_crystal(225), symprec=1e-3)
    assert sum(letter == "l" for _, letter in found.gene.sites) == 3


@pytest.mark.parametrize("elements", [[1, 1], [1, 2]])
@pytest.mark.parametrize("distance", [0.0, 0.001, 0.009])
def test_overlapping_atoms_are_refused(elements: list[int], distance: float) -> None:
    crystal = Crystal(4 * np.eye(3), np.array(elements), np.array([[0, 0, 0], [0, 0, 1 - distance / 4]]))
    with pytest.raises(StructureError, match=r"overlapping atoms|closer than the tolerance"):
        detect(crystal)


def test_the_message_names_the_atoms_that_overlap() -> None:
    crystal = Crystal(4 * np.eye(3), np.array([1, 2, 3]), np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.501]]))
    with pytest.raises(StructureError, match=re.escape("atoms 1 and 2 (counted from 0) are 0.0040 Å apart")):
        detect(crystal)


@pytest.mark.parametrize("symprec", [0.0, -0.01, float("nan")])
def test_tolerances_without_a_length_are_refused(symprec: float) -> None:
    with pytest.raises(StructureError, match=f"symmetry tolerance {symprec} Å given; allowed are positive lengths"):
        detect(rock_salt(), symprec=symprec)


@pytest.mark.parametrize("sheared", [0, 40])
def test_cells_thinner_than_the_tolerance_can_resolve_are_refused(sheared: int) -> None:
    lattice = np.array([[0.6, sheared * 3.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 12.0]])
    crystal = Crystal(lattice, np.array([19, 81]), np.array([[0, 0, 0], [0.3, 0.4, 0.5]]))
    with pytest.raises(StructureError, match=re.escape("repeats every 0.600 Å, which a tolerance of 0.1 Å cannot")):
        detect(crystal, symprec=0.1)
    assert detect(crystal, symprec=0.01).gene.n_atoms == 2


@pytest.mark.parametrize("edge", [0.4, 1500.0])
def test_cells_no_crystal_has_are_refused(edge: float) -> None:
    with pytest.raises(StructureError, match=r"cell edges .* given; allowed are 0.5 to 1000.0 Å; check the unit"):
        detect(Crystal(np.diag([3.0, 4.0, edge]), np.array([1]), np.zeros((1, 3))))
