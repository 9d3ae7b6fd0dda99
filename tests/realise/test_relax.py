from __future__ import annotations

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from tests.realise.metals import alloys, emt

from wyckforge.potential.ase_bridge import PotentialCalculator
from wyckforge.potential.chgnet import energy_per_atom
from wyckforge.potential.contract import Evaluation, Potential, PotentialError
from wyckforge.realise.build import build
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.freedom import Freedom
from wyckforge.realise.relax import relax
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect, operations
from wyckforge.symmetry.gene import WyckoffGene

ROCK_SALT = WyckoffGene.parse("225|Na:a|Cl:b")
WURTZITE = WyckoffGene.parse("186|S:b|Zn:b")
TIGHT = RelaxConfig(fmax_ev_per_angstrom=1e-4, smax_gpa=0.001, max_steps=500)
ALLOYS = alloys(2)


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
    assert 1 < found.calls < 20


def test_free_coordinates_and_cell_relax_within_the_symmetry() -> None:
    start = build(WURTZITE, seed=2)
    before = start.frac_coords.copy()
    found = relax(start)
    assert found.converged
    assert found.energy_ev_per_atom < energy_per_atom(start)
    assert detect(found.crystal, symprec=1e-4).gene.canonical() == WURTZITE.canonical()
    a, c = np.linalg.norm(found.crystal.lattice, axis=1)[[0, 2]]
    assert (a, c) == (pytest.approx(3.82, rel=0.03), pytest.approx(6.26, rel=0.03))
    np.testing.assert_array_equal(start.frac_coords, before)


def test_a_search_without_hope_of_a_low_energy_is_given_up() -> None:
    start = build(WURTZITE, seed=2)
    found = relax(start)
    assert relax(start, below_ev_per_atom=found.energy_ev_per_atom + 0.05).calls == found.calls
    hopeless = relax(start, below_ev_per_atom=found.energy_ev_per_atom - 0.05)
    assert not hopeless.converged
    assert hopeless.calls < found.calls
    assert hopeless.reason.startswith("not expected to fall below ")


def nudged(crystal: Crystal) -> Crystal:
    """Near a minimum, so that there is one answer."""
    start = detect(relax(crystal, TIGHT, emt()).crystal).primitive
    freedom = Freedom(start, operations(start))
    lattice, coords = freedom.place(0.02 * np.random.default_rng(8).normal(size=len(freedom)))
    return Crystal(lattice, start.numbers, coords)


@pytest.mark.parametrize("crystal", ALLOYS[::2], ids=lambda crystal: str(detect(crystal).gene))
def test_the_minimum_is_that_of_ases_own_filters(crystal: Crystal) -> None:
    start = nudged(crystal)
    ours = relax(start, TIGHT, emt())
    assert ours.converged
    atoms = Atoms(numbers=start.numbers, cell=start.lattice, scaled_positions=start.frac_coords, pbc=True)
    atoms.calc = PotentialCalculator(emt())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms.set_constraint(FixSymmetry(atoms, symprec=0.01))
        FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=2e-3, steps=1000)
    assert ours.energy_ev_per_atom == pytest.approx(atoms.get_potential_energy() / len(atoms), abs=1e-4)
    assert ours.calls < atoms.calc.calls / 2


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (RelaxConfig(max_steps=2), "not converged in 2 steps"),
        (RelaxConfig(max_seconds=1e-6), "1e-06 s spent"),
        (RelaxConfig(min_volume_ratio=0.97), "the volume went to 0.9"),
    ],
)
def test_what_does_not_converge_says_why_and_keeps_the_best_sound_structure(config: RelaxConfig, reason: str) -> None:
    found = relax(rock_salt(6.2), config)
    assert not found.converged
    assert reason in found.reason
    assert found.energy_ev_per_atom == pytest.approx(energy_per_atom(found.crystal), abs=1e-4)
    assert max(found.max_force_ev_per_angstrom / 0.05, found.max_stress_gpa / 0.5) > 1


def test_a_relaxed_crystal_costs_one_call() -> None:
    first = relax(rock_salt(5.7), RelaxConfig(smax_gpa=0.05))
    assert first.converged
    assert relax(first.crystal).calls == 1


def test_energies_never_rise_on_the_way() -> None:
    for crystal in ALLOYS[::4]:
        energies = [relax(crystal, RelaxConfig(max_steps=steps), emt()).energy_ev_per_atom for steps in (1, 3, 10, 100)]
        assert energies == sorted(energies, reverse=True)


class _Cliff(Potential):
    """Copper that has no answer, or one of no crystal, as soon as its cell is smaller than that of the minimum."""

    name = tool = "cliff"

    def __init__(self, below: float, energy: float | None) -> None:
        self.right, self.below, self.energy = emt(), below, energy

    def evaluate(self, lattice, numbers, frac_coords) -> Evaluation:
        if np.linalg.det(lattice) / len(numbers) < self.below:
            if self.energy is None:
                raise PotentialError("an atom is isolated")
            return Evaluation(self.energy * len(numbers), np.zeros((len(numbers), 3)), np.zeros((3, 3)))
        return self.right.evaluate(lattice, numbers, frac_coords)


@pytest.mark.parametrize(("energy", "reason"), [(None, "isolated"), (-50.0, "energy fell to -50.0")])
def test_where_the_potential_ends_the_search_goes_as_near_as_it_can(energy: float | None, reason: str) -> None:
    copper = Crystal(3.9 * (np.ones((3, 3)) - np.eye(3)) / 2, np.array([29]), np.zeros((1, 3)))
    found = relax(copper, potential=_Cliff(12.5, energy))
    assert not found.converged
    assert reason in found.reason
    assert found.crystal.volume / 4 == pytest.approx(12.5, abs=0.2)


def test_a_start_that_the_potential_cannot_describe_is_an_error() -> None:
    with pytest.raises(PotentialError, match="isolated"):
        relax(Crystal(20 * np.eye(3), np.array([29]), np.zeros((1, 3))), potential=emt())


class _Moody(Potential):
    """Copper without an answer at the second call, and with ever higher energies from some call on."""

    name = tool = "moody"

    def __init__(self) -> None:
        self.right, self.calls = emt(), 0

    def evaluate(self, lattice, numbers, frac_coords) -> Evaluation:
        self.calls += 1
        if self.calls == 2:
            raise PotentialError("no mood")
        found = self.right.evaluate(lattice, numbers, frac_coords)
        return Evaluation(found.energy_ev + max(0, self.calls - 4), found.forces, found.stress)


def test_a_search_that_went_on_does_not_end_for_what_stopped_it_earlier() -> None:
    copper = Crystal(4.1 * (np.ones((3, 3)) - np.eye(3)) / 2, np.array([29]), np.zeros((1, 3)))
    found = relax(copper, potential=_Moody())
    assert found.energy_ev_per_atom < emt().evaluate(copper.lattice, copper.numbers, copper.frac_coords).energy_ev
    assert found.reason == "no step lowers the energy further"


class Handed(Potential):
    """EMT with forces that inversion forbids, as networks without parity have."""

    name, tool = "handed", "EMT without parity"

    def evaluate(self, lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> Evaluation:
        found = emt().evaluate(lattice, numbers, frac_coords)
        push = np.where(numbers == numbers[0], 1.0, -1.0)[:, None] * np.array([0.003, 0.002, -0.001])
        return Evaluation(found.energy_ev, found.forces + push, found.stress)


def test_forces_that_symmetry_forbids_do_not_keep_a_search_from_its_end() -> None:
    start = rock_salt(4.9)
    start = Crystal(start.lattice, np.where(start.numbers == 11, 29, 79), start.frac_coords)  # Cu and Au

    found = relax(start, TIGHT, Handed())

    assert found.converged
    assert found.max_force_ev_per_angstrom < 1e-6
    assert np.diag(found.crystal.lattice) == pytest.approx(np.diag(relax(start, TIGHT, emt()).crystal.lattice))
