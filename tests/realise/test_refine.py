from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wyckforge.potential.catalogue import load_potential
from wyckforge.realise.config import HullConfig, RefineConfig
from wyckforge.realise.phonon.stage import near_hull
from wyckforge.realise.refine import Refine
from wyckforge.realise.relax import relax
from wyckforge.realise.stages import Build, Hull, Relax
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene


@pytest.fixture(scope="module")
def rock_salt() -> Candidate:
    """Relaxed and placed on the hull by the first potential."""
    candidate = Candidate("one", WyckoffGene.parse("225|Na:a|Cl:b"), Origin("seed"))
    for stage in (Build(1), Relax(1), Hull()):
        candidate = stage(candidate)
    return candidate


def test_the_second_potential_has_an_energy_and_a_hull_of_its_own(rock_salt: Candidate) -> None:
    found = Refine()(rock_salt)
    first, second = found.find("relax"), found.find("refine")
    assert first.tool.startswith("CHGNet")
    assert second.tool.startswith("SevenNet")
    assert second.verdict == "pass"
    cost = found.find("refine_cost")
    assert cost.value == relax(rock_salt.crystal, potential=load_potential("sevennet-0")).calls > 0
    assert (cost.unit, cost.tool) == ("calls", second.tool)
    assert abs(second.value - first.value) > 0.1  # one holds MP2020 corrections, the other none
    assert found.find("refined_hull").verdict == "pass"
    assert found.find("refined_hull").value == pytest.approx(0.0, abs=0.02)  # a known phase
    assert found.find("hull") == rock_salt.find("hull")
    assert found.find("stable").verdict == "pass"
    assert found.find("stable").tool == "SevenNet 0 (sevenn 0.13.0) + MP2020"  # CHGNet has no weight beside it


def test_a_first_hull_of_which_it_is_not_known_what_it_is_worth_has_no_say(rock_salt: Candidate, tmp_path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("formula,energy_per_atom,potential\nNa,-1.3,CHGNet 0.3.0\nCl,-1.8,CHGNet 0.3.0\n")
    placed = replace(rock_salt, evidence=tuple(one for one in rock_salt.evidence if one.stage != "stable"))
    found = Refine(RefineConfig(within_ev_per_atom=9.0), hull=HullConfig(reference=str(few)))(placed).find("stable")
    assert "CHGNet" not in found.reason
    assert found.reason.count("SevenNet 0") == 1


@pytest.mark.parametrize("value", [0.2, None])
def test_what_lies_far_above_the_first_hull_is_left_alone(rock_salt: Candidate, value: float | None) -> None:
    away = rock_salt.with_evidence(Evidence("hull", "fail", value))
    assert Refine()(away) is away
    assert Refine(RefineConfig(within_ev_per_atom=0.3))(rock_salt.with_evidence(Evidence("hull", "fail", 0.2))).find(
        "refine"
    )


def test_the_threshold_is_that_of_the_first_hull(rock_salt: Candidate) -> None:
    strict = Refine(hull=HullConfig(threshold_ev_per_atom=-1.0))(rock_salt)
    assert strict.find("refined_hull").verdict == "fail"


def test_a_structure_that_the_second_potential_cannot_describe_is_unknown(rock_salt: Candidate) -> None:
    lonely = rock_salt.with_evidence(crystal=Crystal(20 * np.eye(3), np.array([11]), np.zeros((1, 3))))
    done = Refine()(lonely)
    found = done.find("refine")
    assert found.verdict == "unknown"
    assert "isolated" in found.reason
    assert done.find("refine_cost").value == 1
    assert done.find("refined_hull") is None


def test_phonons_are_computed_for_what_every_hull_lets_through(rock_salt: Candidate) -> None:
    assert near_hull(rock_salt)
    for out in (Evidence("hull", "fail", 0.3), Evidence("refined_hull", "fail", 0.2), Evidence("hull", "unknown")):
        assert not near_hull(rock_salt.with_evidence(out))
