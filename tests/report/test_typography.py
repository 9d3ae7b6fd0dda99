from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyckforge.records import Interval, Target
from wyckforge.report.typography import (
    formula_html,
    formula_text,
    interval_words,
    number,
    runs,
    space_group_html,
    target_interval,
    target_words,
)
from wyckforge.symmetry.tables import space_group


def test_counts_of_a_formula_are_subscripts():
    assert formula_html("Cs2Pt3Se7") == "Cs<sub>2</sub>Pt<sub>3</sub>Se<sub>7</sub>"
    assert formula_text("Al6Ge5S11") == "Al₆Ge₅S₁₁"


def test_markup_in_a_formula_is_escaped():
    assert "<script>" not in formula_html("<script>")


@pytest.mark.parametrize(
    ("number", "html"),
    [
        (19, "P2<sub>1</sub>2<sub>1</sub>2<sub>1</sub>"),
        (62, "Pnma"),
        (136, "P4<sub>2</sub>/mnm"),
        (150, "P321"),
        (154, "P3<sub>2</sub>21"),
        (166, 'R<span class="bar">3</span>m'),
    ],
)
def test_space_group_symbols_are_set_as_in_the_tables(number, html):
    assert space_group_html(number) == html


def test_the_symbol_of_every_group_is_that_of_the_symmetry_tables():
    for group in range(1, 231):
        html = str(space_group_html(group))
        plain = (
            html.replace('<span class="bar">', "-").replace("</span>", "").replace("<sub>", "").replace("</sub>", "")
        )
        assert plain == space_group(group).symbol.replace("_", "")


@given(st.frozensets(st.integers(1, 230), min_size=1))
def test_runs_name_every_number_once(numbers):
    named = set()
    for part in runs(numbers).split(", "):
        low, _, high = part.partition("–")
        named |= set(range(int(low), int(high or low) + 1))
    assert named == numbers


def test_numbers_have_a_true_minus_and_missing_ones_a_dash():
    assert number(-0.5, 2) == "−0.50"
    assert number(None) == number(math.nan) == "–"


def test_intervals_in_words():
    assert interval_words(Interval(0.5, 2.0), "eV") == "0.5 to 2 eV"
    assert interval_words(Interval(high=-0.5), "eV/atom") == "at most −0.5 eV/atom"
    assert interval_words(Interval(low=143)) == "at least 143"
    assert interval_words(Interval(3, 3)) == "3"


def test_every_constraint_of_a_target_is_named():
    target = Target(
        properties={"band_gap": Interval(0.5, 2)},
        space_groups=frozenset(range(143, 231)),
        elements=frozenset({55, 78, 34}),
        must_contain=frozenset({78}),
        stoichiometry=(2, 3, 7),
        n_elements=Interval(3, 3),
        n_atoms=Interval(high=40),
    )
    words = dict(target_words(target.to_dict()))
    assert words == {
        "Band gap": "0.5 to 2 eV",
        "Space group": "143–230",
        "Elements": "Se, Cs, Pt",
        "Must contain": "Pt",
        "Stoichiometry": "2 : 3 : 7",
        "Distinct elements": "3",
        "Atoms in the conventional cell": "at most 40",
    }


def test_a_property_without_a_target_is_unbounded():
    assert target_interval({"band_gap": "0.5:2"}, "formation_energy") == Interval()
    assert target_interval({"band_gap": "0.5:2"}, "band_gap") == Interval(0.5, 2)
