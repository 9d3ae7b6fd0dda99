"""Electron counts against chemistry by hand, charge balance against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from tests.strategies import elements, genes

from wyckforge.models.forward.electrons import OF_ELECTRONS, element, of_electrons, primitive_cells
from wyckforge.symmetry.elements import atomic_number
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import space_group

CELLS = {"P": 1, "A": 2, "C": 2, "I": 2, "R": 3, "F": 4}
known = genes(elements=elements.filter(lambda number: number <= 94))


@pytest.mark.parametrize(
    ("name", "electrons"),
    [("H", 1), ("Na", 1), ("Ca", 2), ("Ti", 4), ("Fe", 8), ("Cu", 11), ("Zn", 2), ("Hg", 2), ("Ga", 3), ("Pb", 4),
     ("Bi", 5), ("Se", 6), ("Cl", 7), ("La", 3), ("Gd", 10), ("Hf", 4), ("W", 6), ("U", 6)],
)  # fmt: skip
def test_valence_electrons_are_those_of_the_group(name: str, electrons: int) -> None:
    assert element(atomic_number(name)).valence == electrons


def test_an_element_beyond_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="known are 1 to 94"):
        element(95)


@pytest.mark.parametrize("number", range(1, 231))
def test_primitive_cells_follow_from_the_centring(number: int) -> None:
    assert primitive_cells(number) == CELLS[space_group(number).symbol[0]]


@pytest.mark.parametrize(
    ("gene", "per_cell"), [("225|Na:a|Cl:b", 8), ("229|Na:a", 1), ("225|Al:a", 3), ("194|Mg:c", 4), ("227|Si:a", 8)]
)
def test_electrons_are_counted_in_the_primitive_cell(gene: str, per_cell: int) -> None:
    found = of_electrons(WyckoffGene.parse(gene))
    assert found[1] == per_cell
    assert found[2] == per_cell % 2


def test_charges_of_a_salt_and_of_an_alloy() -> None:
    salt, suboxide = (of_electrons(WyckoffGene.parse(text)) for text in ("225|Na:a|Cl:b", "225|Na:c|O:a"))
    assert salt[3] == suboxide[3] == 0
    assert salt[5:9].tolist() == [1 / 2, 0, 0, 0]  # chlorine needs one electron, sodium gives it
    assert of_electrons(WyckoffGene.parse("221|Na:a|O:b"))[3] == 1 / 2  # NaO: one electron short


@settings(max_examples=100, deadline=None)
@given(known)
def test_the_least_charge_is_that_of_brute_force(gene: WyckoffGene) -> None:
    counts = gene.reduced_composition
    choices = itertools.product(*(element(number).common for number in counts))
    least = min(abs(sum(state * n for state, n in zip(states, counts.values(), strict=True))) for states in choices)
    assert of_electrons(gene)[3] == pytest.approx(least / sum(counts.values()))


@settings(max_examples=60, deadline=None)
@given(known)
def test_all_descriptions_of_a_crystal_have_the_same_electrons(gene: WyckoffGene) -> None:
    found = of_electrons(gene)
    assert found.shape == (OF_ELECTRONS,)
    assert np.isfinite(found).all()
    for other in gene.orbit():
        np.testing.assert_array_equal(of_electrons(other), found)
