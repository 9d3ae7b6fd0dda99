"""Proofs, in integers, that the normalizer operators are what they claim to be, and comparisons with two libraries."""

from __future__ import annotations

from fractions import Fraction

import moyopy
import numpy as np
import pytest
from numpy.typing import NDArray
from pyxtal.symmetry import Group
from tests.generic import generic_crystal, generic_gene, letters_of_elements

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.augmentation import transform
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.normalizer import letter_permutations, operator_permutations, operators, polar_axes
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, DENOMINATOR, space_group

ALL = range(1, 231)
Operators = NDArray[np.int64]


def compose(left: Operators, right: Operators) -> Operators:
    """Products of (…, 3, 4) operators, translations in 24ths modulo the lattice."""
    matrix = left[..., :3] @ right[..., :3]
    translation = (left[..., :3] @ right[..., 3:])[..., 0] + left[..., 3]
    return np.concatenate([matrix, translation[..., None] % DENOMINATOR], axis=-1)


def inverse(operator: Operators) -> Operators:
    matrix = np.rint(np.linalg.inv(operator[:, :3])).astype(np.int64)
    return np.column_stack([matrix, -matrix @ operator[:, 3] % DENOMINATOR])


def as_set(stack: Operators) -> set[bytes]:
    return {operator.tobytes() for operator in np.ascontiguousarray(stack)}


def coset(number: int, operator: Operators) -> bytes:
    """Name of the coset of the group, modulo polar translations: its least member."""
    members = compose(operator, space_group(number).operators)
    members[:, ["abc".index(axis) for axis in polar_axes(number)], 3] = 0
    return min(as_set(members))


def test_every_operator_maps_its_group_onto_itself() -> None:
    for number in ALL:
        group = space_group(number).operators
        for operator in operators(number):
            assert abs(round(np.linalg.det(operator[:, :3]))) == 1
            conjugate = compose(compose(operator, group), inverse(operator))
            assert as_set(conjugate) == as_set(group), (number, operator)


def test_polar_axes_are_the_directions_every_operator_keeps() -> None:
    for number in ALL:
        fixed = np.all(space_group(number).operators[:, :, :3] == np.eye(3, dtype=int), axis=(0, 1))
        assert polar_axes(number) == "".join(axis for axis, kept in zip("abc", fixed, strict=True) if kept)
        # There are no others: the sum of all matrices projects onto the directions that all of them keep.
        assert np.linalg.matrix_rank(space_group(number).operators[:, :, :3].sum(axis=0)) == len(polar_axes(number))


def test_cosets_are_distinct_and_closed_under_products() -> None:
    for number in ALL:
        stack = operators(number)
        cosets = {coset(number, operator): word for operator, word in _with_words(number)}
        assert len(cosets) == len(stack), number
        for left, outer in _with_words(number):
            for right, inner in _with_words(number):
                product = cosets.get(coset(number, compose(left, right)))
                assert product is not None, (number, left, right)
                letters = space_group(number).letters
                assert product == "".join(outer[letters.index(letter)] for letter in inner), (number, left, right)


def _with_words(number: int) -> list[tuple[Operators, str]]:
    return list(zip(operators(number), operator_permutations(number), strict=True))


def test_the_identity_comes_first() -> None:
    for number in ALL:
        assert operators(number)[0].tolist() == np.eye(3, 4, dtype=int).tolist()
        assert operator_permutations(number)[0] == space_group(number).letters


def test_permutations_keep_multiplicity_freedom_and_kind_of_site_symmetry() -> None:
    for number in ALL:
        group = space_group(number)
        for images in letter_permutations(number):
            assert sorted(images.values()) == sorted(group.letters)
            for letter, image in images.items():
                assert group.multiplicity(letter) == group.multiplicity(image)
                assert group.degrees_of_freedom(letter) == group.degrees_of_freedom(image)
                assert sorted(group.site_symmetry(letter)) == sorted(group.site_symmetry(image))


def test_operators_and_permutations_are_those_of_pyxtal() -> None:
    """PyXtal holds the Bilbao tables, which also write the 27th letter of group 47 as ``A``.

    Its words say which letter arrives at each place, so that an operator stands beside the permutation of its inverse.
    For group 19 the table prints two operators twice and so lacks two others (the permutation is trivial throughout).
    """
    for number in ALL:
        theirs = Group(number).get_alternatives()
        words = [word.replace(" ", "") for word in theirs["Transformed WP"]]
        assert {"".join(images.values()) for images in letter_permutations(number)} == set(words), number
        assert len(operators(number)) == len(words), number

        ours = {coset(number, operator): word for operator, word in _with_words(number)}
        listed = [_from_triplet(text) for text in theirs["Coset Representative"]]
        assert [ours[coset(number, inverse(operator))] for operator in listed] == words, number
        missing = set(ours) - {coset(number, operator) for operator in listed}
        assert len(missing) == (2 if number == 19 else 0), number


def _from_triplet(text: str) -> Operators:
    rows = []
    for part in text.replace(" ", "").lower().split(","):
        row = [0, 0, 0, 0]
        for term in part.replace("-", "+-").split("+"):
            if term.lstrip("-") in ("x", "y", "z"):
                row["xyz".index(term[-1])] += -1 if term[0] == "-" else 1
            elif term:
                row[3] += int(Fraction(term) * DENOMINATOR) % DENOMINATOR
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("system", CRYSTAL_SYSTEMS)
def test_letters_of_transformed_crystals_agree_with_detection(system: str) -> None:
    """Each operator really transforms a crystal; moyopy then says which letter every atom has.

    moyopy may choose another origin or other axes than the ones given. It reports that choice as a transformation,
    which must itself be in the normalizer: the letters must be permuted by both, atom by atom.
    """
    for number in CRYSTAL_SYSTEMS[system]:
        words = {coset(number, operator): word for operator, word in _with_words(number)}
        letters, crystal = space_group(number).letters, generic_crystal(number)
        for operator, word in _with_words(number):
            moved = transform(crystal, operator)
            dataset = _moyo(moved)
            assert dataset.number == number
            chosen = words[coset(number, _choice(number, dataset))]
            once = [word[letters.index(letters_of_elements(number)[z - 1])] for z in moved.numbers]
            assert dataset.wyckoffs == [chosen[letters.index(letter)] for letter in once], (number, operator)


def _moyo(crystal: Crystal) -> moyopy.MoyoDataset:
    cell = moyopy.Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    return moyopy.MoyoDataset(cell, symprec=1e-3, setting=moyopy.Setting.standard())


def _choice(number: int, dataset: moyopy.MoyoDataset) -> Operators:
    """The exact operator from the given to the standardised description, polar components left out."""
    matrix = np.linalg.inv(np.array(dataset.std_linear))
    translation = -matrix @ np.array(dataset.std_origin_shift) * DENOMINATOR
    translation[["abc".index(axis) for axis in polar_axes(number)]] = 0
    exact = np.rint(np.column_stack([matrix, translation])).astype(np.int64)
    np.testing.assert_allclose(exact, np.column_stack([matrix, translation]), atol=0.02)
    return exact


def test_orbits_of_genes_are_those_of_moyopy() -> None:
    """moyopy's own Euclidean normalizer, where the metric is not idealised: all systems but the orthorhombic."""
    for number in set(ALL) - set(CRYSTAL_SYSTEMS["orthorhombic"]):
        dataset = _moyo(generic_crystal(number))
        elements = dataset.std_cell.numbers
        theirs = set()
        for _, positions in dataset.normalizer_wyckoff_positions().coset_representatives:
            theirs.add(frozenset(zip(elements, (position.letter for position in positions), strict=True)))
        assert {frozenset(gene.sites) for gene in generic_gene(number).orbit()} == theirs, number


def test_operator_stacks_have_the_sizes_of_international_tables() -> None:
    sizes = {1: 2, 2: 8, 16: 96, 19: 96, 47: 48, 166: 2, 225: 2, 227: 2}
    assert {number: len(operators(number)) for number in sizes} == sizes


@pytest.mark.parametrize("function", [operators, operator_permutations, letter_permutations, polar_axes])
def test_unknown_groups_are_refused(function) -> None:
    with pytest.raises(InvalidGeneError, match="space group 231 given"):
        function(231)
