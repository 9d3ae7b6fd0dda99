from __future__ import annotations

import numpy as np
import pytest

from wyckforge.errors import ConfigError
from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.chgnet import TOOL, energy_per_atom
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.hull import ReferenceHull
from wyckforge.realise.materials_project import fetch, subsystems
from wyckforge.realise.phases import REFERENCE, Computed, Phase, ReferenceEnergy, table_of
from wyckforge.realise.reference import bundled_table
from wyckforge.symmetry.crystal import Crystal

FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def rock_salt(edge: float, numbers: tuple[int, int] = (11, 17)) -> Crystal:
    return Crystal(edge * FACES, np.array(numbers), np.array([[0.0] * 3, [0.5] * 3]))


def lonely() -> Crystal:
    return Crystal(20 * np.eye(3), np.array([11]), np.zeros((1, 3)))


def computed(phase: Phase, potential: str, *, relaxed: bool) -> Computed:
    stage = ReferenceEnergy(RelaxConfig(potential=potential), relaxed)
    return stage.outcome(phase, stage(stage.candidate(phase)))


def test_a_phase_as_given_and_relaxed() -> None:
    """The relaxed one is that of the bundled table, which was made by another optimiser."""
    strained = Phase("salt", rock_salt(5.4))
    given, relaxed = (computed(strained, "chgnet", relaxed=relaxed) for relaxed in (False, True))
    assert (given.method, given.formula, given.id) == ("single-point", "NaCl", "salt")
    assert given.energy_per_atom == pytest.approx(energy_per_atom(strained.crystal), abs=1e-4)
    assert relaxed.method == "relaxed"
    hull = ReferenceHull.load(bundled_table(TOOL))
    assert hull.energy_above_hull({11: 1, 17: 1}, relaxed.energy_per_atom, tool=TOOL).value == pytest.approx(
        0, abs=2e-3
    )


def test_energies_get_the_corrections_that_the_potential_lacks() -> None:
    phase = Phase("salt", rock_salt(5.69))
    stage = ReferenceEnergy(RelaxConfig(potential="sevennet-0"), relaxed=False)
    found = stage(stage.candidate(phase)).find(REFERENCE)
    cell = phase.crystal
    raw = load_potential("sevennet-0").evaluate(cell.lattice, cell.numbers, cell.frac_coords).energy_ev / 2
    assert found.value == pytest.approx(raw - 0.614 / 2, abs=1e-4)
    assert found.tool == "SevenNet 0 (sevenn 0.13.0) + MP2020"


def test_a_phase_without_an_energy_has_a_reason() -> None:
    found = computed(Phase("far", lonely()), "chgnet", relaxed=False)
    assert (found.energy_per_atom, found.method) == (None, "failed")
    assert "neighbo" in found.reason or "isolated" in found.reason


def test_an_unconverged_energy_is_an_upper_bound() -> None:
    stage = ReferenceEnergy(RelaxConfig(max_steps=1))
    phase = Phase("salt", rock_salt(5.0))
    candidate = stage(stage.candidate(phase))
    assert candidate.find(REFERENCE).verdict == "unknown"
    found = stage.outcome(phase, candidate)
    assert found.method == "unconverged"
    assert found.energy_per_atom == candidate.find(REFERENCE).value


def test_a_phase_is_known_again_by_what_its_energy_depends_on() -> None:
    salt = Phase("salt", rock_salt(5.6))
    stages = [
        ReferenceEnergy(RelaxConfig(potential=potential, max_steps=steps), relaxed)
        for potential, steps, relaxed in (
            ("chgnet", 200, True), ("chgnet", 50, True), ("chgnet", 200, False), ("sevennet-0", 200, False)
        )
    ]  # fmt: skip
    ids = [stage.candidate(salt).id for stage in stages]
    assert len(set(ids)) == 4
    assert stages[2].candidate(Phase("twin", rock_salt(5.6))).id == ids[2]
    assert stages[2].candidate(Phase("other", rock_salt(5.7))).id != ids[2]


def test_the_table_has_the_lowest_energy_of_every_formula() -> None:
    rows = [("a", "NaCl", -3.0), ("b", "NaCl", -3.1), ("c", "Na", -1.0), ("d", "Cl2", None)]
    table = table_of([Computed(name, formula, energy, "relaxed") for name, formula, energy in rows], TOOL, "mine")
    assert table.rows[["formula", "energy_per_atom", "id"]].to_numpy().tolist() == [
        ["Na", -1.0, "c"],
        ["NaCl", -3.1, "b"],
    ]
    assert table.tool == TOOL


def test_chemical_systems_within_one() -> None:
    assert subsystems("O-Li-Fe") == ["Fe", "Li", "O", "Fe-Li", "Fe-O", "Li-O", "Fe-Li-O"]
    with pytest.raises(ConfigError, match="'LiFe-O' given; write elements"):
        subsystems("LiFe-O")


def test_without_a_key_it_is_said_where_to_get_one(monkeypatch) -> None:
    monkeypatch.delenv("MP_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="MP_API_KEY is not set; put the key that https"):
        fetch("Li-O")
    monkeypatch.setenv("MP_API_KEY", "short")
    with pytest.raises(ConfigError, match="the key in MP_API_KEY is refused"):
        fetch("Li-O")
