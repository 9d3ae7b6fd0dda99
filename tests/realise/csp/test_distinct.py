from __future__ import annotations

import numpy as np
import pytest
from tests.realise.metals import alloys

from wyckforge.realise.csp.distinct import distinct, energy, same_structure
from wyckforge.records import Candidate, Evidence, Origin, Verdict
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

ONE, OTHER = alloys(most_atoms=9)[:2]


def relaxed(name: str, crystal: Crystal, ev_per_atom: float, verdict: Verdict = "pass") -> Candidate:
    found = Evidence("relax", verdict, ev_per_atom, "eV/atom")
    return Candidate(name, detect(crystal).gene.canonical(), Origin("sequential"), {}, crystal, (found,))


def shaken(crystal: Crystal, seed: int, by: float = 0.01) -> Crystal:
    """Atoms displaced a little, the cell doubled and the origin elsewhere."""
    rng = np.random.default_rng(seed)
    coords = crystal.frac_coords + by * rng.standard_normal(crystal.frac_coords.shape) / 5 + rng.random(3)
    cell = np.diag([2.0, 1.0, 1.0]) @ crystal.lattice
    halves = np.concatenate([coords, coords + np.array([1.0, 0.0, 0.0])]) / [2.0, 1.0, 1.0]
    return Crystal(cell, np.tile(crystal.numbers, 2), halves)


def test_structures_are_told_apart_whatever_their_cell() -> None:
    assert same_structure(ONE, shaken(ONE, 1))
    assert not same_structure(ONE, OTHER)
    assert not same_structure(ONE, Crystal(ONE.lattice, ONE.numbers[::-1], ONE.frac_coords))


def test_the_lowest_of_each_comes_first_with_all_that_led_there() -> None:
    candidates = [
        relaxed("t1", OTHER, -3.0),
        relaxed("t2", ONE, -3.500),
        relaxed("t3", shaken(OTHER, 2), -3.001),
        relaxed("t4", shaken(ONE, 3), -3.501),
        relaxed("t5", ONE, -9.0, "unknown"),
    ]
    found = distinct(candidates)
    assert [(one.candidate.id, one.hits) for one in found] == [("t4", ("t2", "t4")), ("t3", ("t1", "t3"))]


def test_what_lies_apart_in_energy_is_not_the_same() -> None:
    found = distinct([relaxed("t1", ONE, -3.0), relaxed("t2", ONE, -3.1)])
    assert [one.candidate.id for one in found] == ["t2", "t1"]


def test_an_energy_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="t1 has no relaxed energy"):
        energy(Candidate("t1", detect(ONE).gene, Origin("random")))
