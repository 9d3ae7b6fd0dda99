from __future__ import annotations

import numpy as np
import pytest

from wyckforge.potential.chgnet import energy_per_atom
from wyckforge.realise.build import build
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.relax import relax
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

ROCK_SALT = WyckoffGene.parse("225|Na:a|Cl:b")
WURTZITE = WyckoffGene.parse("186|S:b|Zn:b")


def rock_salt(a: float) -> Crystal:
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Crystal(a * np.eye(3), np.repeat([11, 17], 4), np.concatenate([corners, corners + np.array([0.5, 0, 0])]))


def test_rock_salt_finds_its_lattice_constant() -> None:
    start = build(ROCK_SALT, seed=3)
    found = relax(start)
    assert found.converged
    assert found.reason == ""
    assert np.diag(found.crystal.lattice) == pytest.approx([5.64] * 3, rel=0.02)
    assert detect(found.crystal).gene.canonical() == ROCK_SALT.canonical()
    assert found.max_force_ev_per_angstrom <= 0.05
    assert found.max_stress_gpa <= 0.5
    assert found.energy_ev_per_atom == pytest.approx(energy_per_atom(found.crystal), abs=1e-4)
    assert 1 < found.calls < 60


def test_free_coordinates_and_cell_relax_within_the_symmetry() -> None:
    start = build(WURTZITE, seed=2)
    before = start.frac_coords.copy()
    found = relax(start)
    assert found.converged
    assert found.energy_ev_per_atom < energy_per_atom(start)
    assert detect(found.crystal, symprec=0.01).gene.canonical() == WURTZITE.canonical()
    a, c = np.linalg.norm(found.crystal.lattice, axis=1)[[0, 2]]
    assert (a, c) == (pytest.approx(3.82, rel=0.03), pytest.approx(6.26, rel=0.03))
    np.testing.assert_array_equal(start.frac_coords, before)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (RelaxConfig(max_steps_cell=2), "not converged in 2 steps"),
        (RelaxConfig(max_seconds=1e-6), "1e-06 s spent"),
        (RelaxConfig(min_volume_ratio=0.97), "the volume went to 0.9"),
    ],
)
def test_what_does_not_converge_says_why_and_keeps_the_last_sound_structure(config: RelaxConfig, reason: str) -> None:
    found = relax(rock_salt(6.2), config)
    assert not found.converged
    assert reason in found.reason
    assert found.energy_ev_per_atom == pytest.approx(energy_per_atom(found.crystal), abs=1e-4)
    assert max(found.max_force_ev_per_angstrom / 0.05, found.max_stress_gpa / 0.5) > 1


def test_a_relaxed_crystal_costs_one_call() -> None:
    first = relax(rock_salt(5.7), RelaxConfig(smax_gpa=0.05))
    assert first.converged
    assert relax(first.crystal).calls == 1
