from __future__ import annotations

import pytest
from ase.data import chemical_symbols
from smact import Element

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.elements import (
    F_BLOCK,
    MAX_ATOMIC_NUMBER,
    RADIOACTIVE,
    UNDEFINED_ELECTRONEGATIVITY,
    atomic_number,
    electronegativity,
    symbol,
)

ALL = range(1, MAX_ATOMIC_NUMBER + 1)


def test_symbols_are_those_of_ase() -> None:
    assert [symbol(number) for number in ALL] == chemical_symbols[1:]


def test_symbol_and_number_are_inverse() -> None:
    assert [atomic_number(symbol(number)) for number in ALL] == list(ALL)


@pytest.mark.parametrize("name", ["H", "Li", "O", "F", "Na", "Si", "Fe", "Cs", "La"])
def test_electronegativities_are_close_to_those_of_smact(name: str) -> None:
    assert electronegativity(atomic_number(name)) == pytest.approx(Element(name).pauling_eneg, abs=0.03)


def test_undefined_electronegativity_lies_above_every_defined_one() -> None:
    undefined = {number for number in ALL if electronegativity(number) == UNDEFINED_ELECTRONEGATIVITY}
    assert undefined == {2, 10, 18, *range(104, 119)}
    assert max(electronegativity(number) for number in set(ALL) - undefined) == electronegativity(9) < 5


def test_classes_of_elements() -> None:
    assert frozenset(range(57, 72)) | frozenset(range(89, 104)) == F_BLOCK
    assert frozenset([43, 61, *range(84, 119)]) == RADIOACTIVE


@pytest.mark.parametrize("number", [0, -1, 119])
def test_atomic_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(InvalidGeneError, match=f"atomic number {number} given; allowed are 1 to 118"):
        symbol(number)


@pytest.mark.parametrize("name", ["", "Xx", "na", "NA", "D"])
def test_unknown_symbols_are_refused(name: str) -> None:
    with pytest.raises(InvalidGeneError, match="allowed are the symbols H to Og"):
        atomic_number(name)
