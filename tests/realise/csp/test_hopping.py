from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from tests.realise.metals import alloys, emt

from wyckforge.errors import StructureError
from wyckforge.realise.build import shortest_distance
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.csp.config import HopConfig
from wyckforge.realise.csp.hopping import Hop, hops, perturbed
from wyckforge.realise.relax import relax
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

ALLOYS = alloys(most_atoms=9)


def walk(start: Crystal, energy: float, seed: int, n: int) -> list[Hop]:
    return list(islice(hops(start, energy, emt(), np.random.default_rng(seed)), n))


@pytest.mark.parametrize("crystal", ALLOYS, ids=lambda crystal: str(detect(crystal).gene))
def test_a_perturbation_keeps_the_symmetry_and_moves_as_far_as_asked(crystal: Crystal) -> None:
    rng = np.random.default_rng(2)
    moved = perturbed(crystal, rng, step_angstrom=0.3, strain=0.05)
    assert detect(moved).gene.canonical() == detect(crystal).gene.canonical()
    assert moved.content() != crystal.content()
    still = perturbed(crystal, np.random.default_rng(2), step_angstrom=0.3, strain=0.0)
    assert np.allclose(still.lattice, detect(crystal).primitive.lattice)
    apart = still.frac_coords - detect(crystal, symprec=0.01).primitive.frac_coords
    assert np.linalg.norm((apart - np.rint(apart)) @ still.lattice, axis=1).max() == pytest.approx(0.3, abs=1e-6)


def test_atoms_are_kept_apart_or_there_is_no_hop() -> None:
    crystal = ALLOYS[0]
    assert shortest_distance(perturbed(crystal, np.random.default_rng(0), step_angstrom=1.0, strain=0.05)) >= 1.0
    squeezed = Crystal(0.3 * crystal.lattice, crystal.numbers, crystal.frac_coords)
    with pytest.raises(StructureError, match="keeps the atoms apart"):
        perturbed(squeezed, np.random.default_rng(0), step_angstrom=0.1, strain=0.01)


def test_hops_lead_below_where_a_relaxation_ends() -> None:
    lowered = 0
    for crystal in ALLOYS[:4]:
        start = relax(crystal, RelaxConfig(), emt())
        done = walk(start.crystal, start.energy_ev_per_atom, seed=1, n=5)
        energies = [hop.found.energy_ev_per_atom for hop in done if hop.found is not None and hop.found.converged]
        lowered += min(energies, default=np.inf) < start.energy_ev_per_atom - 0.005
    assert lowered


def test_accepted_hops_have_the_gene_and_others_a_reason() -> None:
    crystal = ALLOYS[1]
    start = relax(crystal, RelaxConfig(), emt())
    gene = detect(start.crystal, symprec=0.01).gene.canonical()
    done = walk(start.crystal, start.energy_ev_per_atom, seed=3, n=5)
    assert any(hop.accepted for hop in done)
    for hop in done:
        assert hop.accepted == (not hop.reason)
        if hop.accepted:
            assert hop.found is not None
            assert hop.found.converged
            assert detect(hop.found.crystal, symprec=0.01).gene.canonical() == gene


def test_a_cold_walk_never_climbs() -> None:
    start = relax(ALLOYS[-1], RelaxConfig(), emt())
    cold = HopConfig(temperature_ev_per_atom=1e-9)
    here = start.energy_ev_per_atom
    for hop in islice(hops(start.crystal, here, emt(), np.random.default_rng(5), hop=cold), 4):
        if hop.accepted and hop.found is not None:
            assert hop.found.energy_ev_per_atom <= here + 1e-7
            here = hop.found.energy_ev_per_atom


def test_same_seed_same_walk() -> None:
    start = relax(ALLOYS[1], RelaxConfig(), emt())
    one, again, other = (walk(start.crystal, start.energy_ev_per_atom, seed=seed, n=3) for seed in (7, 7, 8))
    assert [hop.reason for hop in one] == [hop.reason for hop in again]
    energies = [[hop.found and hop.found.energy_ev_per_atom for hop in hops] for hops in (one, again, other)]
    assert energies[0] == energies[1] != energies[2]
