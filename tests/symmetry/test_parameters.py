from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import genes

from wyckforge.data.embedded import load_embedded
from wyckforge.errors import StructureError
from wyckforge.symmetry.augmentation import transform
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.lattice import FREE_CELL
from wyckforge.symmetry.normalizer import operator_permutations, operators, polar_axes
from wyckforge.symmetry.parameters import (
    Parameters,
    canonical_parameters,
    free_axes,
    orbit_operators,
    parameters_of,
    place,
)
from wyckforge.symmetry.tables import LETTERS, space_group

seeds = st.integers(0, 2**32 - 1)


def generic(gene: WyckoffGene, seed: int) -> Parameters:
    """Values without a symmetry of their own."""
    rng = np.random.default_rng(seed)
    every = np.array([5.0, 7.0, 11.0, 81.0, 98.0, 104.0]) + rng.uniform(-0.7, 0.7, 6)
    cell = every[list(FREE_CELL[gene.table.crystal_system])]
    sites = [gene.table.degrees_of_freedom(letter) for _, letter in gene.sites]
    return Parameters(gene, cell, tuple(rng.random(d) for d in sites))


def letters_of(gene: WyckoffGene) -> list[str]:
    return [letter for _, letter in gene.sites for _ in range(gene.table.multiplicity(letter))]


def assert_same_atoms(one: Crystal, other: Crystal) -> None:
    assert sorted(one.numbers) == sorted(other.numbers)
    apart = one.frac_coords[:, None] - other.frac_coords
    apart = np.abs(apart - np.rint(apart)).max(-1)
    apart[one.numbers[:, None] != other.numbers] = np.inf
    assert apart.min(0).max() < 1e-6
    assert apart.min(1).max() < 1e-6


@pytest.mark.parametrize("number", range(1, 231))
def test_every_position_has_its_multiplicity_and_its_own_symmetry(number: int) -> None:
    group = space_group(number)
    values = np.array([0.3127, 0.1871, 0.4419])
    for letter, position in group.positions.items():
        axes = free_axes(number, letter)
        assert len(axes) == position.degrees_of_freedom
        chosen = orbit_operators(number, letter)
        assert len(chosen) == position.multiplicity
        assert (chosen[0] == group.operators[0]).all()
        point = place(number, letter, values[: len(axes)])
        full = np.zeros(3)
        full[list(axes)] = values[: len(axes)]
        expected = position.representative[:, :3] @ full + position.representative[:, 3] / 24
        np.testing.assert_allclose(point, expected)


@settings(max_examples=150, deadline=None)
@given(genes(max_orbits=4), seeds)
def test_the_way_there_and_back_keeps_every_atom(gene: WyckoffGene, seed: int) -> None:
    given_ = generic(gene, seed)
    crystal = given_.crystal()
    assert len(crystal) == gene.n_atoms
    back = parameters_of(gene, crystal, letters_of(gene))
    np.testing.assert_allclose(back.cell, given_.cell, atol=1e-9)
    assert_same_atoms(back.crystal(), crystal)
    again = parameters_of(gene, back.crystal(), letters_of(gene))
    for one, other in zip(back.coordinates, again.coordinates, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(genes(max_orbits=3), seeds, st.data())
def test_every_description_of_a_crystal_has_the_same_canonical_one(
    gene: WyckoffGene, seed: int, data: st.DataObject
) -> None:
    number = gene.space_group
    crystal = generic(gene, seed).crystal()
    wanted = canonical_parameters(parameters_of(gene, crystal, letters_of(gene)))
    assert wanted.gene == gene.canonical()
    row = data.draw(st.integers(0, len(operators(number)) - 1))
    shift = np.zeros(3)
    shift[["abc".index(axis) for axis in polar_axes(number)]] = data.draw(st.floats(0, 1))
    moved = transform(crystal, operators(number)[row])
    moved = Crystal(moved.lattice, moved.numbers, moved.frac_coords + shift)
    images = operator_permutations(number)[row]
    letters = [images[LETTERS.index(letter)] for letter in letters_of(gene)]
    sites = tuple((z, images[LETTERS.index(letter)]) for z, letter in gene.sites)
    found = canonical_parameters(parameters_of(WyckoffGene(number, sites), moved, letters))
    np.testing.assert_allclose(found.cell, wanted.cell, atol=1e-6)
    for one, other in zip(found.coordinates, wanted.coordinates, strict=True):
        np.testing.assert_allclose(np.abs(one - other - np.rint(one - other)), 0, atol=1e-6)


def test_real_crystals_come_back_with_their_gene() -> None:
    table = load_embedded()
    assert table.crystals is not None
    for row in np.random.default_rng(3).choice(len(table), 120, replace=False):
        found = detect(table.crystals[row])
        direct = parameters_of(found.gene, found.crystal, found.site_letters)
        assert_same_atoms(direct.crystal(), found.crystal)
        canonical = canonical_parameters(direct)
        assert canonical.gene == found.gene.canonical()
        rebuilt = canonical.crystal()
        assert rebuilt.volume == pytest.approx(found.crystal.volume, rel=1e-6)
        # a looser search finds at least this symmetry; a tolerance at the edge may find more
        assert len(detect(rebuilt).primitive) <= len(found.primitive)


def test_wrong_numbers_are_refused() -> None:
    gene = WyckoffGene.parse("136|Ti:a|O:f")
    with pytest.raises(StructureError, match="2 numbers of the cell"):
        Parameters(gene, np.array([4.6]), (np.array([0.3]), np.zeros(0)))
    rutile = Parameters(gene, np.array([4.6, 2.95]), (np.array([0.305]), np.zeros(0))).crystal()
    with pytest.raises(StructureError, match="lacks an orbit"):
        parameters_of(gene, rutile, ["c"] * 6)
    with pytest.raises(StructureError, match="multiplicity"):
        parameters_of(gene, Crystal(rutile.lattice, rutile.numbers, rutile.frac_coords * 0.9 + 0.01), list("ffffaa"))
