from __future__ import annotations

import pytest
from ase.build import bulk
from tests.realise.test_phonon import crystal_of, emt

from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.follow import follow
from wyckforge.realise.phonon.stability import study


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
