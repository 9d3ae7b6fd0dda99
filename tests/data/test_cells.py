from __future__ import annotations

import math

import pytest

from wyckforge.data.cells import TextCells, flaw, read_number, text_in
from wyckforge.errors import TableError
from wyckforge.properties import KNOWN


def gathered(*texts: str) -> TextCells:
    cells = TextCells()
    for number, text in enumerate(texts):
        cells.add(f"m{number}", "kappa", read_number(text), text_in(text))
    return cells


@pytest.mark.parametrize(("cell", "number"), [("1.5", 1.5), (" 2e3 ", 2000.0), (7, 7.0), ("", None), (None, None)])
def test_a_cell_holds_a_number_or_nothing(cell: object, number: float | None) -> None:
    assert read_number(cell) == number
    assert text_in(cell) is None


@pytest.mark.parametrize("cell", ["1,5", "1_000", "high", "1.5 eV"])
def test_what_is_no_number_is_text(cell: str) -> None:
    assert math.isnan(read_number(cell))
    assert text_in(cell) == cell


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", math.nan, math.inf])
def test_what_is_not_finite_is_no_text_but_no_label_either(cell: object) -> None:
    assert text_in(cell) is None
    assert flaw("kappa", read_number(cell)) == "not a finite number"


def test_only_what_cannot_be_negative_has_a_flaw_below_zero() -> None:
    never = {name for name in KNOWN if flaw(name, -1e-6) == "below zero"}
    assert never == {"band_gap", "bulk_modulus", "shear_modulus", "debye_temperature", "thermal_conductivity"}
    assert flaw("kappa", -1.0) is None
    assert flaw("band_gap", 0.0) is flaw("band_gap", None) is None


def test_some_text_is_counted_and_the_first_is_shown() -> None:
    notes = gathered("1.5", "high", "low, or not", "").notes("a.csv")
    assert notes == {"kappa is text, not a finite number (the first is 'high' in row m1)": 2}
    assert gathered("1.5", "nan", "").notes("a.csv") == {}


@pytest.mark.parametrize("cell", ["1,5", "-0,25", "1.234,5", "1,000", "1,5e-3"])
def test_decimal_commas_are_refused_although_other_labels_can_be_read(cell: str) -> None:
    words = (
        f"1 label cells of kappa in a.csv cannot be read as numbers, the first is '{cell}' in row m2; use a decimal p"
    )
    with pytest.raises(TableError, match=words):
        gathered("2", "high", cell).notes("a.csv")


def test_labels_that_are_all_text_are_refused() -> None:
    with pytest.raises(TableError, match=r"2 label cells of kappa .* the first is 'high' in row m1; give numbers"):
        gathered("", "high", "low", "inf").notes("a.csv")


def test_a_long_text_is_shortened() -> None:
    (note,) = gathered("1", "x" * 10_000).notes("a.csv")
    assert len(note) < 120
