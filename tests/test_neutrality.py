"""Charge neutrality against every choice of oxidation states, written out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smact import Element, metals

from wyckforge.neutrality import is_neutral, tool
from wyckforge.symmetry.elements import atomic_number, symbol

ELEMENTS = tuple(
    map(atomic_number, ("H", "O", "F", "Na", "S", "Cl", "K", "Fe", "Se", "Br", "Te", "I", "Cs", "Ce", "U", "Po", "He"))
)


def neutral_by_hand(composition: dict[int, int], *, alloys: bool = True) -> bool:
    """Every choice of one state per element, with the sum and the Pauling criterion written out."""
    elements = [Element(symbol(z)) for z in composition]
    if len(elements) == 1 or (alloys and all(element.symbol in metals for element in elements)):
        return True
    states = [element.oxidation_states_icsd24 or [] for element in elements]
    for choice in itertools.product(*states):
        if sum(q * n for q, n in zip(choice, composition.values(), strict=True)):
            continue
        ions = [(q, element.pauling_eneg) for q, element in zip(choice, elements, strict=True)]
        if any(eneg is None for _, eneg in ions):
            continue
        if all(cation < anion for q, cation in ions if q > 0 for p, anion in ions if p < 0):
            return True
    return False


@given(st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 8), min_size=1, max_size=4))
def test_neutrality_equals_brute_force(composition):
    assert is_neutral(tuple(composition.items())) == neutral_by_hand(composition)


def test_an_element_without_oxidation_states_is_never_neutral():
    """Trap: an empty list of states fell back to all sets. Radium has states in the older set only."""
    radium_oxide = ((8, 1), (88, 1))
    assert Element("Ra").oxidation_states_icsd24 is None
    assert not is_neutral(radium_oxide)
    assert is_neutral(radium_oxide, oxidation_states="icsd16")


@pytest.mark.parametrize("number", range(1, 119))
def test_every_element_has_an_answer(number):
    assert is_neutral(((number, 1),)) == (number <= 103)


def test_settings_of_neutrality_matter():
    brass = ((29, 1), (30, 1))
    assert is_neutral(brass)
    assert not is_neutral(brass, alloys=False)
    inverted = ((9, 1), (17, 1))
    assert is_neutral(inverted)
    assert is_neutral(((11, 1), (17, 1)))
    assert not is_neutral(((11, 1), (17, 2)))


def test_the_tool_names_version_and_set():
    assert tool("icsd16").startswith("SMACT ")
    assert tool("icsd16").endswith(", icsd16")
