from __future__ import annotations

import time

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from tests.realise.test_phonon import crystal_of, emt

from wyckforge.potential.ase_bridge import AsePotential
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.follow import follow, study_and_follow
from wyckforge.realise.phonon.stability import study
from wyckforge.symmetry.crystal import Crystal

POLAR = Crystal(
    4.0 * np.eye(3),
    np.array([13, 29, 28, 28, 28]),
    np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
)
"""A perovskite of metals, which EMT finds unstable at Γ."""


class Stalling(AsePotential):
    """EMT that takes its time from one call on."""

    def __init__(self, swift: int, seconds: float) -> None:
        super().__init__(EMT(), name="stalling", tool="EMT that stalls")
        self.calls, self.swift, self.seconds = 0, swift, seconds

    def evaluate(self, lattice, numbers, frac_coords):
        self.calls += 1
        if self.calls > self.swift:
            time.sleep(self.seconds)
        return super().evaluate(lattice, numbers, frac_coords)


def test_copper_goes_from_bcc_to_hcp() -> None:
    """Along the mode at N, as Burgers described for zirconium (Physica 1, 561, 1934)."""
    config = PhononConfig()
    parent = study(crystal_of(bulk("Cu", "bcc", a=2.9)), config, emt())
    assert parent.verdict.stability == "unstable"
    found = follow(parent, config, emt())
    assert found.reason == ""
    assert [one.gene for one in found.studies] == ["229|Cu:a", "194|Cu:c"]
    assert found.studies[-1].verdict.stability == "stable"
    energies = [one.relaxation.energy_ev_per_atom for one in found.studies if one.relaxation]
    assert found.gain_ev_per_atom == pytest.approx(energies[0] - energies[1])
    assert found.gain_ev_per_atom > 0.01
    assert found.calls > found.studies[-1].calls


def test_modes_are_followed_again_and_again_within_bounds() -> None:
    start = crystal_of(bulk("Ni", "sc", a=2.3))
    for allowed, groups in ((1, [221, 139]), (3, [221, 139, 194])):
        config = PhononConfig(max_generations=allowed)
        found = follow(study(start, config, emt()), config, emt())
        assert [int(one.gene.split("|")[0]) for one in found.studies] == groups
        energies = [one.relaxation.energy_ev_per_atom for one in found.studies if one.relaxation]
        assert energies == sorted(energies, reverse=True)
        assert found.reason == ("" if allowed == 3 else "still unstable; generations allowed: 1")


def test_a_stable_crystal_is_not_followed() -> None:
    parent = study(crystal_of(bulk("Cu", "fcc", a=3.6)), PhononConfig(), emt())
    found = follow(parent, PhononConfig(), emt())
    assert found.studies == (parent,)
    assert (found.reason, found.calls) == ("", 0)


def test_one_budget_for_a_crystal_and_all_that_its_modes_lead_to() -> None:
    config = PhononConfig(mesh=False, follow=True, max_seconds=2.0)
    calls = study(POLAR, config, emt()).calls
    potential = Stalling(calls + 1, config.max_seconds)
    found = study_and_follow(POLAR, config, potential)
    (parent,) = found.studies
    assert parent.gamma.stability == "unstable"
    assert parent.gamma.lowest_per_cm < -100
    assert found.reason == "the time allowed is spent"
    assert (parent.calls, found.calls, potential.calls) == (calls, 2, calls + 2)


def test_what_is_known_at_gamma_outlives_the_budget() -> None:
    config = PhononConfig(max_seconds=2.0)
    calls = study(POLAR, PhononConfig(mesh=False), emt()).calls
    found = study(POLAR, config, Stalling(calls, config.max_seconds))
    assert found.verdict is found.gamma
    assert found.verdict.stability == "unstable"
    assert found.mesh is not None
    assert (found.mesh.stability, found.mesh.reason) == ("unknown", "the time allowed is spent")
    assert found.calls == calls + 1


def test_an_instability_at_gamma_is_followed_where_the_mesh_has_no_answer() -> None:
    config = PhononConfig(max_atoms=4, max_directions=1, max_generations=1, follow=True)
    found = study_and_follow(POLAR, config, emt())
    parent, child = found.studies
    assert parent.mesh is not None
    assert (parent.mesh.stability, parent.verdict.stability) == ("unknown", "unstable")
    assert found.gain_ev_per_atom > 0
    assert child.gene != parent.gene


def test_the_budget_ends_the_tight_relaxation_too() -> None:
    found = study(POLAR, PhononConfig(max_seconds=0.05), Stalling(0, 0.1))
    assert (found.gamma.stability, found.gamma.reason) == ("unknown", "the time allowed is spent")
    assert found.calls == 1


def test_nothing_is_followed_after_the_deadline() -> None:
    config = PhononConfig(mesh=False)
    parent, potential = study(POLAR, config, emt()), Stalling(0, 0.0)
    found = follow(parent, config, potential, deadline=time.monotonic() - 1)
    assert (found.studies, found.calls, potential.calls) == ((parent,), 0, 0)
    assert found.reason == "the time allowed is spent"
