"""Mirror images of crystals: what the table of pairs says, against crystals that are really inverted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generic import generic_crystal, generic_gene
from tests.strategies import genes

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, ENANTIOMORPHIC_PAIRS, mirror_group, space_group

PAIRED = tuple(number for pair in ENANTIOMORPHIC_PAIRS for number in pair)
HANDED = tuple(
    number
    for number in range(1, 231)
    if (np.linalg.det(space_group(number).operators[:, :, :3].astype(float)) > 0).all()
)
RIGHT_QUARTZ, LEFT_QUARTZ = WyckoffGene.parse("152|Si:a|O:c"), WyckoffGene.parse("154|Si:a|O:c")


def test_there_are_22_groups_in_pairs_among_the_65_that_handed_crystals_have() -> None:
    assert len(set(PAIRED)) == 22
    assert len(HANDED) == 65
    assert set(PAIRED) < set(HANDED)
    assert all(mirror_group(mirror_group(number)) == number for number in range(1, 231))


@pytest.mark.parametrize("system", CRYSTAL_SYSTEMS)
def test_inverted_crystals_are_found_to_have_the_gene_of_the_mirror_image(system: str) -> None:
    """Every letter has an element of its own, so that one crystal shows where all letters go.

    Groups with improper operators need no test: their crystals are their own mirror images.
    """
    for number in set(HANDED).intersection(CRYSTAL_SYSTEMS[system]):
        crystal = generic_crystal(number)
        inverted = Crystal(crystal.lattice, crystal.numbers, -crystal.frac_coords % 1.0)
        found = detect(inverted, symprec=1e-3).gene
        assert found.space_group == mirror_group(number)
        assert found.canonical() == generic_gene(number).mirror_image().canonical(), number


@pytest.mark.parametrize("pair", ENANTIOMORPHIC_PAIRS, ids=str)
def test_both_groups_of_a_pair_have_the_same_positions_and_permutations(pair: tuple[int, int]) -> None:
    one, other = map(space_group, pair)
    assert [(p.letter, p.multiplicity, p.degrees_of_freedom) for p in one.positions.values()] == [
        (p.letter, p.multiplicity, p.degrees_of_freedom) for p in other.positions.values()
    ]
    permutations = ({"".join(images.values()) for images in letter_permutations(number)} for number in pair)
    assert next(permutations) == next(permutations)


@given(st.one_of(genes(), genes(numbers=st.sampled_from(PAIRED))))
def test_a_gene_and_its_mirror_image_are_one_without_hand(gene: WyckoffGene) -> None:
    image = gene.mirror_image()
    assert image == WyckoffGene(mirror_group(gene.space_group), gene.sites)
    assert image.mirror_image() == gene
    assert image.canonical() == gene.canonical().mirror_image()
    assert {member.without_hand() for member in (*gene.orbit(), *image.orbit())} == {gene.without_hand()}
    assert gene.without_hand() in (gene.canonical(), image.canonical())


def test_quartz_has_two_hands_and_rock_salt_one() -> None:
    assert RIGHT_QUARTZ.mirror_image() == LEFT_QUARTZ
    assert RIGHT_QUARTZ.canonical() != LEFT_QUARTZ.canonical()
    assert RIGHT_QUARTZ.without_hand() == LEFT_QUARTZ.without_hand()
    rock_salt = WyckoffGene.parse("225|Na:a|Cl:b")
    assert rock_salt.mirror_image() == rock_salt


def test_unknown_groups_have_no_mirror_image() -> None:
    with pytest.raises(InvalidGeneError, match="space group 231 given"):
        mirror_group(231)
