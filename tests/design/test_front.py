"""The front of candidates against the definition of dominance, and what may be asked of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.orbit import CRYSTALS

from wyckforge.design.front import Criterion, criteria_of, mark_front
from wyckforge.errors import TargetError
from wyckforge.records import Candidate, Interval, Origin, Target

PAPER = Target(properties={"band_gap": Interval(0.5, 2.0), "formation_energy": Interval(high=-0.5)})
NAMES = ("formation_energy", "band_gap")
values = st.floats(-3, 3).map(lambda value: round(value, 1))


def candidate(number: int, gap: float, energy: float) -> Candidate:
    return Candidate(f"g{number}", CRYSTALS[0], Origin("prior"), {"band_gap": gap, "formation_energy": energy})


@given(st.lists(st.tuples(values, values), max_size=12))
def test_the_front_is_what_nothing_dominates(pairs):
    drawn = [candidate(i, *pair) for i, pair in enumerate(pairs)]
    marked = mark_front(drawn, criteria_of("", PAPER, NAMES))
    costs = [(abs(gap - 1.25), energy) for gap, energy in pairs]
    for found, (one, two) in zip(marked, costs, strict=True):
        dominated = any(a <= one and b <= two and (a, b) != (one, two) for a, b in costs)
        assert (found.find("pareto") is None) == dominated


def test_by_default_the_open_side_or_the_middle():
    gap, energy = criteria_of("", PAPER, NAMES)
    assert gap == Criterion("band_gap", "middle", 1.25)
    assert energy == Criterion("formation_energy", "min")
    assert criteria_of("", Target(properties={"a": Interval(low=1), "b": Interval(high=1)}), NAMES)[0].goal == "max"
    assert criteria_of("", Target(properties={"band_gap": Interval(1, 2)}), NAMES) == ()
    assert mark_front([candidate(0, 1, 1)], ()) == [candidate(0, 1, 1)]


def test_criteria_as_asked():
    asked = criteria_of("formation_energy:min, band_gap:max", Target(), NAMES)
    assert asked == (Criterion("formation_energy", "min"), Criterion("band_gap", "max"))
    assert asked[1].to_dict() == {"property": "band_gap", "goal": "max"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("band_gap", "allowed are NAME:min"),
        ("hardness:max,band_gap:min", "among formation_energy, band_gap"),
        ("band_gap:min", "two or more"),
        ("band_gap:min,band_gap:max", "two or more"),
        ("formation_energy:middle,band_gap:max", "no two-sided interval of formation_energy"),
    ],
)
def test_a_malformed_front_is_refused(text, words):
    with pytest.raises(TargetError, match=words):
        criteria_of(text, PAPER, NAMES)
