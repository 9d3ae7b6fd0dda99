from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generic import cell, generic_crystal, generic_gene
from tests.strategies import genes

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.augmentation import augment_crystal, augment_genes, transform
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import operator_permutations, operators


def distances(crystal: Crystal) -> np.ndarray:
    """Sorted distances between the atoms of a block of 3×3×3 cells around the shortest vectors to the origin cell."""
    offsets = crystal.frac_coords[:, None] - crystal.frac_coords[None]
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 1, 1, 3)
    return np.sort(np.linalg.norm((offsets - np.rint(offsets) + shifts) @ crystal.lattice, axis=-1).min(axis=0).ravel())


@given(st.lists(genes(), max_size=5))
def test_every_gene_counts_once(given_genes: list[WyckoffGene]) -> None:
    descriptions, index, weights = augment_genes(given_genes)
    assert len(descriptions) == len(index) == len(weights)
    totals = np.bincount(index, weights, minlength=len(given_genes))
    np.testing.assert_allclose(totals, np.ones(len(given_genes)))
    for place, gene in enumerate(given_genes):
        own = [description for description, of in zip(descriptions, index, strict=True) if of == place]
        assert gene in own
        assert len(set(own)) == len(own)
        assert {description.canonical() for description in own} == {gene.canonical()}


def test_no_genes_give_no_descriptions() -> None:
    descriptions, index, weights = augment_genes([])
    assert (descriptions, index.size, weights.size) == ([], 0, 0)


@pytest.mark.parametrize("number", [1, 2, 4, 9, 19, 25, 47, 62, 70, 82, 99, 146, 152, 166, 178, 194])
def test_transformation_keeps_distances_volume_and_handedness(number: int) -> None:
    crystal = generic_crystal(number)
    expected = distances(crystal)
    for operator in operators(number):
        moved = transform(crystal, operator)
        assert np.linalg.det(moved.lattice) == pytest.approx(np.linalg.det(crystal.lattice))
        assert ((moved.frac_coords >= 0) & (moved.frac_coords < 1)).all()
        np.testing.assert_allclose(distances(moved), expected, atol=1e-9)


def test_axes_of_an_orthorhombic_cell_are_exchanged_with_the_coordinates() -> None:
    crystal = Crystal(cell(47), np.array([1]), np.array([[0.1, 0.2, 0.3]]))
    lengths = sorted(np.linalg.norm(crystal.lattice, axis=1))
    seen = set()
    for operator in operators(47):
        moved = transform(crystal, operator)
        assert sorted(np.linalg.norm(moved.lattice, axis=1)) == pytest.approx(lengths)
        seen.add(tuple(np.linalg.norm(moved.lattice, axis=1).round(6)))
    assert len(seen) == 6


def test_every_system_but_the_orthorhombic_keeps_its_metric() -> None:
    for number in (1, 2, 5, 15, 75, 98, 122, 143, 155, 167, 180, 195, 214, 230):
        lattice = cell(number)
        for operator in operators(number):
            moved = transform(Crystal(lattice, np.array([1]), np.zeros((1, 3))), operator).lattice
            np.testing.assert_allclose(moved @ moved.T, lattice @ lattice.T, atol=1e-9)


@pytest.mark.parametrize("number", [2, 47, 166])
def test_crystals_are_described_once_per_operator(number: int) -> None:
    crystal = generic_crystal(number)
    images, weights = augment_crystal(crystal, number)
    assert len(images) == len(weights) == len(operators(number))
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(images[0].frac_coords, crystal.frac_coords % 1)
    np.testing.assert_array_equal(images[0].lattice, crystal.lattice)
    assert all((image.numbers == crystal.numbers).all() for image in images)


def test_the_crystal_given_is_not_changed() -> None:
    crystal = generic_crystal(19)
    before = crystal.to_dict()
    augment_crystal(crystal, 19)
    assert crystal.to_dict() == before


def test_gene_and_operator_augmentation_give_the_same_genes() -> None:
    for number in range(1, 231):
        by_operator = {generic_gene(number, images=word) for word in operator_permutations(number)}
        assert by_operator == set(generic_gene(number).orbit()), number


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(InvalidGeneError, match="space group 0 given"):
        augment_crystal(generic_crystal(1), 0)
