from __future__ import annotations

import numpy as np
import pytest
from tests.realise.metals import alloys, emt

from wyckforge.potential.contract import Evaluation
from wyckforge.realise.freedom import Freedom
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect, operations
from wyckforge.symmetry.tables import crystal_system

STRAINS = {
    "triclinic": 6,
    "monoclinic": 4,
    "orthorhombic": 3,
    "tetragonal": 2,
    "trigonal": 2,
    "hexagonal": 2,
    "cubic": 1,
}
ALLOYS = alloys(3)


def system_of(crystal: Crystal) -> str:
    return crystal_system(detect(crystal).gene.space_group)


def freedom_of(crystal: Crystal) -> Freedom:
    return Freedom(crystal, operations(crystal))


def test_the_crystals_of_these_tests_are_of_all_systems() -> None:
    assert {system_of(crystal) for crystal in ALLOYS} == STRAINS.keys()


@pytest.mark.parametrize("crystal", ALLOYS, ids=system_of)
def test_as_many_parameters_are_free_as_the_group_and_the_positions_allow(crystal: Crystal) -> None:
    gene, freedom = detect(crystal).gene, freedom_of(crystal)
    assert len(freedom.strains) == STRAINS[crystal_system(gene.space_group)]
    assert len(freedom) == len(freedom.strains) + gene.degrees_of_freedom


@pytest.mark.parametrize("crystal", ALLOYS, ids=system_of)
def test_whatever_the_parameters_the_gene_stays(crystal: Crystal) -> None:
    freedom, rng = freedom_of(crystal), np.random.default_rng(4)
    strains = 0.02 * rng.normal(size=len(freedom.strains))
    moves = 0.03 * rng.normal(size=len(freedom) - len(strains))
    lattice, coords = freedom.place(np.concatenate([strains, moves]))
    moved = Crystal(lattice, crystal.numbers, coords)
    assert np.abs(lattice - crystal.lattice).max() > 1e-3
    # to far below any tolerance: the symmetry is exact, not approximate
    assert detect(moved, symprec=1e-5).gene.canonical() == detect(crystal).gene.canonical()


@pytest.mark.parametrize("crystal", ALLOYS, ids=system_of)
def test_gradients_are_derivatives_of_the_energy_also_far_from_the_start(crystal: Crystal) -> None:
    freedom, potential, rng = freedom_of(crystal), emt(), np.random.default_rng(5)
    here = np.concatenate([0.05 * rng.normal(size=len(freedom.strains)), np.zeros(len(freedom) - len(freedom.strains))])
    here[len(freedom.strains) :] += 0.05 * rng.normal(size=len(freedom) - len(freedom.strains))

    def energy(parameters: np.ndarray) -> float:
        lattice, coords = freedom.place(parameters)
        return potential.evaluate(lattice, crystal.numbers, coords).energy_ev

    lattice, coords = freedom.place(here)
    given = freedom.gradient(here, potential.evaluate(lattice, crystal.numbers, coords))
    step = 1e-5 * np.eye(len(freedom))
    numerical = [(energy(here + one) - energy(here - one)) / 2e-5 for one in step]
    np.testing.assert_allclose(given, numerical, atol=2e-4 * max(1.0, np.abs(given).max()))


def test_the_size_of_a_step_is_how_far_the_atoms_go() -> None:
    for crystal in ALLOYS:
        freedom = freedom_of(crystal)
        step = np.random.default_rng(6).normal(size=len(freedom))
        step[: len(freedom.strains)] = 0.0
        moved = (freedom.place(step)[1] - crystal.frac_coords) @ crystal.lattice
        assert freedom.size(step, per_strain=5.0) == pytest.approx(np.linalg.norm(moved, axis=1).max())
    strain = np.zeros(len(freedom))
    strain[0] = 0.1
    assert freedom.size(strain, per_strain=5.0) == pytest.approx(0.5)


@pytest.mark.parametrize("crystal", ALLOYS, ids=system_of)
def test_forces_of_a_symmetric_potential_are_allowed_and_what_is_forbidden_is_left_out(crystal: Crystal) -> None:
    freedom, rng = freedom_of(crystal), np.random.default_rng(6)
    here = 0.03 * rng.normal(size=len(freedom))
    lattice, coords = freedom.place(here)
    found = emt().evaluate(lattice, crystal.numbers, coords)
    noise = rng.normal(size=found.forces.shape), rng.normal(size=(3, 3))

    allowed = freedom.allowed(found)
    noisy = Evaluation(found.energy_ev, found.forces + noise[0], found.stress + noise[1] + noise[1].T)

    assert allowed.forces == pytest.approx(found.forces, abs=1e-8)
    assert allowed.stress == pytest.approx(found.stress, abs=1e-8)
    # what is left out would not have moved anything
    assert freedom.gradient(here, freedom.allowed(noisy)) == pytest.approx(freedom.gradient(here, noisy), abs=1e-8)
