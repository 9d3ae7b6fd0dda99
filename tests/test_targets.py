"""Targets as people write them: what is read, what is refused, and what the target then lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyckforge.errors import TargetError
from wyckforge.records import Interval
from wyckforge.symmetry.elements import F_BLOCK, RADIOACTIVE, atomic_number, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, crystal_system
from wyckforge.targets import TargetConfig, parse_properties, parse_target


def target(**parts: str):
    return parse_target(TargetConfig(**parts))


def test_the_target_of_the_paper():
    asked = parse_target(
        TargetConfig(
            properties={"band_gap": "0.5:2.0", "formation_energy": ":-0.5"},
            space_group="143:",
            exclude="radioactive,f-block",
        )
    )
    assert asked.properties["band_gap"] == Interval(0.5, 2.0)
    assert asked.properties["formation_energy"].contains(-3)
    assert not asked.properties["formation_energy"].contains(-0.4)
    assert asked.space_groups == frozenset(range(143, 231))
    assert asked.exclude == F_BLOCK | RADIOACTIVE


def test_lists_and_intervals_of_space_groups():
    assert target(space_group="62, 139,225:227").space_groups == {62, 139, 225, 226, 227}
    assert target(space_group=":3").space_groups == {1, 2, 3}


@given(st.sets(st.sampled_from(sorted(CRYSTAL_SYSTEMS)), min_size=1), st.integers(1, 230), st.integers(1, 230))
def test_systems_and_groups_are_intersected(systems, one, other):
    low, high = sorted((one, other))
    expected = {n for n in range(low, high + 1) if crystal_system(n) in systems}
    parts = {"space_group": f"{low}:{high}", "crystal_system": ",".join(systems)}
    if expected:
        assert target(**parts).space_groups == expected
    else:
        with pytest.raises(TargetError, match="contradicts crystal system"):
            target(**parts)


def test_contradiction_names_both_sides():
    with pytest.raises(TargetError, match=r"225 contradicts crystal system trigonal .*143–167"):
        target(space_group="225", crystal_system="trigonal")


@given(
    st.lists(st.sampled_from(["Na", "Cl", "K", "O", "Cs", "Br"]), min_size=1, max_size=3, unique=True),
    st.sets(st.sampled_from(["Na", "Cl", "K"])),
    st.sets(st.sampled_from(["O", "Br"])),
)
def test_element_constraints_hold_as_set_algebra_says(present, must, exclude):
    gene = WyckoffGene(1, tuple((atomic_number(name), "a") for name in present))
    asked = target(must_contain=",".join(must), exclude=",".join(exclude))
    allowed = must <= set(present) and not exclude & set(present)
    assert (asked.rejects(gene) is None) == allowed


def test_stoichiometry_in_any_order():
    perovskite = WyckoffGene.parse("221|O:c|Ti:b|Ba:a")
    for text in ("1:1:3", "3:1:1", "2:6:2"):
        assert target(stoichiometry=text).rejects(perovskite) is None
    assert target(stoichiometry="1:2:4").rejects(perovskite) is not None


def test_atoms_are_those_of_the_conventional_cell():
    rock_salt = WyckoffGene.parse("225|Na:a|Cl:b")
    assert target(atoms=":8").rejects(rock_salt) is None
    assert target(atoms=":7").rejects(rock_salt) is not None
    assert target(n_elements="3").rejects(rock_salt) is not None


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"space_group": "0"}, "at least 1|1 to 230"),
        ({"space_group": "231"}, "1 to 230"),
        ({"space_group": "200:300"}, "1 to 230"),
        ({"space_group": "1.5"}, "whole numbers"),
        ({"space_group": "Fm-3m"}, "not an interval"),
        ({"space_group": "9:3"}, "empty"),
        ({"crystal_system": "trigonall"}, "allowed are triclinic"),
        ({"elements": "Cs,Pt,Xx"}, "'Xx' given"),
        ({"elements": "radioactive"}, "allowed are element symbols"),
        ({"exclude": "noble"}, "f-block"),
        ({"must_contain": "O", "exclude": "O"}, "drop one"),
        ({"must_contain": "O", "elements": "Na,Cl"}, "not among the allowed"),
        ({"elements": "U", "exclude": "radioactive"}, "all allowed elements"),
        ({"stoichiometry": "1:x"}, "whole numbers"),
        ({"stoichiometry": "0:1"}, "positive"),
        ({"stoichiometry": "1:1:3", "n_elements": "2"}, "make the two agree"),
        ({"atoms": ":0"}, "at least 1"),
        ({"atoms": "many"}, "not an interval"),
        ({"properties": {"band_gap": "2:1"}}, "empty"),
        ({"properties": {"band_gap": "nan:1"}}, "empty"),
        ({"properties": {"band_gap": "wide"}}, "not an interval"),
    ],
)
def test_bad_targets_say_what_is_allowed(parts, said):
    with pytest.raises(TargetError, match=said):
        target(**parts)


def test_generic_properties():
    assert parse_properties(["bulk_modulus=100:", " band_gap = 1:2 "]) == {"bulk_modulus": "100:", "band_gap": "1:2"}
    for bad in (["bulk_modulus"], ["=1:2"], ["x="], ["x=1", "x=2"]):
        with pytest.raises(TargetError):
            parse_properties(bad)


@given(st.integers(1, 118))
def test_every_element_can_be_excluded_by_symbol(number):
    assert target(exclude=symbol(number)).exclude == {number}


@pytest.mark.parametrize("weights", [{"band_gap": 0.0}, {"band_gap": -1.0}, {"other": 1.0}])
def test_weights_are_positive_and_of_properties_asked_for(weights):
    asked = {"properties": {"band_gap": "1:"}}
    assert parse_target(TargetConfig(**asked, weights={"band_gap": 2.5})) == parse_target(TargetConfig(**asked))
    with pytest.raises(TargetError, match="allowed are positive numbers for the properties of the target"):
        parse_target(TargetConfig(**asked, weights=weights))
