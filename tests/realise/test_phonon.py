from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.spacegroup import crystal as of_group
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from wyckforge.potential.ase_bridge import AsePotential
from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.contract import Potential
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.dynamics import PER_CM_PER_THZ, Dynamics, divisions_of, supercells
from wyckforge.realise.phonon.patterns import patterns
from wyckforge.realise.phonon.stability import study
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

GAMMA = np.zeros(3)


def emt() -> AsePotential:
    return AsePotential(EMT(), name="emt", tool="ASE EMT")


def crystal_of(atoms: Atoms) -> Crystal:
    return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


ALUMINIUM = crystal_of(bulk("Al", "fcc", a=3.99))
ORDERED = crystal_of(bulk("CuAu", "cesiumchloride", a=3.05))
ROCK_SALT = crystal_of(bulk("NaCl", "rocksalt", a=5.69))
PEROVSKITE = crystal_of(
    of_group(
        ("Ba", "Ti", "O"), [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221, cellpar=[4.03] * 3 + [90] * 3
    )
)


def dynamics_of(crystal: Crystal, repeats: tuple[int, int, int], potential: Potential, step: float = 0.01) -> Dynamics:
    return Dynamics(Path.of(crystal).cell, repeats, potential, displacement_angstrom=step)


def test_frequencies_are_those_of_phonopy_with_the_calculator_itself() -> None:
    cell = Path.of(ALUMINIUM).cell
    start = PhonopyAtoms(numbers=cell.numbers, cell=cell.lattice, scaled_positions=cell.frac_coords)
    plain = Phonopy(start, 3 * np.eye(3, dtype=int))
    plain.generate_displacements(distance=0.01)
    forces = []
    for moved in plain.supercells_with_displacements:
        atoms = Atoms(numbers=moved.numbers, cell=moved.cell, scaled_positions=moved.scaled_positions, pbc=True)
        atoms.calc = EMT()
        forces.append(atoms.get_forces())
    plain.forces = forces
    plain.produce_force_constants()
    plain.symmetrize_force_constants()
    q_points = np.random.default_rng(0).uniform(-0.5, 0.5, (8, 3))
    expected = plain.run_qpoints(q_points).frequencies * PER_CM_PER_THZ
    found = dynamics_of(ALUMINIUM, (3, 3, 3), emt()).frequencies(q_points)
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert found.max() > 150


@pytest.mark.parametrize("name", ["emt", "sevennet-0"])
def test_the_primitive_cell_gives_the_modes_at_gamma_that_a_supercell_gives(name: str) -> None:
    potential, crystal = (emt(), ORDERED) if name == "emt" else (load_potential(name), ROCK_SALT)
    small, large = (dynamics_of(crystal, repeats, potential) for repeats in ((1, 1, 1), (2, 2, 2)))
    np.testing.assert_allclose(small.optical(), large.optical(), atol=0.5)
    assert small.optical().min() > 100


def test_acoustic_modes_vanish_at_gamma_and_an_unstable_optical_one_is_not_taken_for_them() -> None:
    dynamics = dynamics_of(PEROVSKITE, (1, 1, 1), load_potential("sevennet-0"))
    frequencies, _ = dynamics.modes(GAMMA)
    assert np.sort(np.abs(frequencies))[:3].max() < 0.05
    optical = dynamics.optical()
    assert len(optical) == 12
    assert np.abs(optical).min() > 50
    np.testing.assert_allclose(optical[:3], optical[0], atol=0.1)
    assert optical[0] < -200


def test_the_sum_rule_holds_where_the_measured_force_constants_break_it() -> None:
    class Dragging(AsePotential):
        """Forces that do not add up: a spring ties the atoms to places in space."""

        def evaluate(self, lattice, numbers, frac_coords):
            found = super().evaluate(lattice, numbers, frac_coords)
            away = frac_coords * 2 - np.rint(frac_coords * 2)
            found.forces[:] -= 0.3 * (away / 2) @ lattice
            return found

    dynamics = dynamics_of(ORDERED, (1, 1, 1), Dragging(EMT(), name="dragging", tool="one that drags"))
    assert dynamics.drift > 0.1
    assert np.abs(dynamics.modes(GAMMA)[0][:3]).max() < 0.05


def test_meshes_hold_the_points_of_supercells_which_grow_where_they_are_thin() -> None:
    cell = Crystal(np.diag([4.0, 4.0, 9.0]), np.array([29]), np.zeros((1, 3)))
    assert divisions_of(cell, 40.0) == (12, 12, 12)
    assert divisions_of(cell, 60.0) == (24, 24, 12)
    assert list(supercells(cell, 8.0, 30)) == [(2, 2, 1), (3, 3, 1), (3, 3, 2)]


def test_a_metal_is_stable_and_the_account_adds_up() -> None:
    found = study(ALUMINIUM, PhononConfig(), emt())
    assert found.verdict.stability == "stable"
    assert found.verdict.lowest_per_cm is not None
    assert found.verdict.lowest_per_cm > 0
    assert found.gamma.lowest_per_cm is None
    assert found.optical_per_cm == []
    assert found.relaxation is not None
    assert found.relaxation.max_force_ev_per_angstrom <= 1e-4
    assert found.calls == found.relaxation.calls + found.displacements
    assert [one.n_atoms for one in found.measured][:3] == [1, 8, 27]
    path = found.path
    assert path is not None
    assert path.segments[0].labels == ("GAMMA", "X")
    assert [len(bands) for bands in found.dispersion()] == [len(one.q_points) for one in path.segments]


def test_an_instability_at_the_zone_boundary_is_proved_where_gamma_is_stable() -> None:
    found = study(ORDERED, PhononConfig(), emt())
    assert found.gamma.stability == "stable"
    assert found.mesh is not None
    assert found.mesh.stability == "unstable"
    assert found.mesh.exact
    assert sorted(np.abs(found.mesh.q_point or ())) == [0, 0.5, 0.5]
    assert study(ORDERED, PhononConfig(mesh=False), emt()).verdict.stability == "stable"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (PhononConfig(max_atoms=10), "the smallest supercell has more than 10 atoms"),
        (
            PhononConfig(max_atoms=16, tolerance_per_cm=50),
            "no convergence with 16 atoms, where the lowest frequency is ",
        ),
        (PhononConfig(max_atoms=60, tolerance_per_cm=50, convergence_per_cm=0.01), "no convergence with 54 atoms"),
        (PhononConfig(max_seconds=1e-9), "the time allowed is spent"),
        (
            PhononConfig(relax=PhononConfig().relax.model_copy(update={"max_steps": 1})),
            "the tight relaxation failed: not converged in 1 steps",
        ),
    ],
)
def test_what_cannot_be_told_is_unknown_with_the_reason(config: PhononConfig, reason: str) -> None:
    found = study(ORDERED, config, emt())
    assert found.verdict.stability == "unknown"
    assert reason in found.verdict.reason
    assert found.verdict.lowest_per_cm is None


def test_bad_crystals_are_unknown_with_the_reason() -> None:
    lonely = Crystal(20 * np.eye(3), np.array([29]), np.zeros((1, 3)))
    colliding = Crystal(4 * np.eye(3), np.array([29, 29]), np.array([[0, 0, 0], [0, 0, 1e-4]]))
    unsound = Crystal(4 * np.eye(3), np.array([29, 29]), np.array([[0, 0, 0], [0, 0, 0.1]]))
    for crystal, reason in ((lonely, "isolated"), (colliding, "overlapping atoms"), (unsound, "within 0.40 Å")):
        found = study(crystal, PhononConfig(), emt())
        assert found.gamma.stability == found.verdict.stability == "unknown"
        assert reason in found.gamma.reason
        assert found.dispersion() == []


def test_a_threefold_polar_mode_offers_the_three_directions_of_high_symmetry() -> None:
    dynamics = dynamics_of(PEROVSKITE, (1, 1, 1), load_potential("sevennet-0"))
    supercell, found = patterns(dynamics, (0.0, 0.0, 0.0))
    inverse = np.linalg.inv(supercell.lattice)
    groups = []
    for pattern in found:
        assert np.linalg.norm(pattern.moves, axis=1).max() == pytest.approx(1)
        assert pattern.signs == (1,)
        coords = supercell.frac_coords + 0.1 * pattern.moves @ inverse
        groups.append(detect(Crystal(supercell.lattice, supercell.numbers, coords)).gene.space_group)
    assert groups == [99, 160, 38]


@pytest.mark.parametrize(
    ("q_point", "repeats", "atoms"),
    [((0.5, 0, 0), (2, 2, 2), 4), ((0.5, 0.5, 0.5), (2, 2, 2), 16), ((1 / 3, 0, 0), (3, 3, 3), 6)],
)
def test_a_frozen_mode_costs_the_energy_that_its_frequency_promises(
    q_point: tuple[float, ...], repeats: tuple[int, int, int], atoms: int
) -> None:
    dynamics = dynamics_of(crystal_of(bulk("CuAu", "cesiumchloride", a=2.95)), repeats, emt())
    frequency = dynamics.modes(np.array(q_point))[0][0]
    supercell, found = patterns(dynamics, q_point)
    assert len(supercell) == atoms
    assert found[0].symmetry == max(one.symmetry for one in found)
    step, masses = 0.02, np.repeat(dynamics.masses, atoms // 2)
    for pattern in found:
        moves = step * pattern.moves @ np.linalg.inv(supercell.lattice)
        back, still, ahead = (
            emt().evaluate(supercell.lattice, supercell.numbers, supercell.frac_coords + sign * moves).energy_ev
            for sign in (-1, 0, 1)
        )
        stiffness = (back + ahead - 2 * still) / step**2  # eV/Å²
        inertia = (masses[:, None] * pattern.moves**2).sum()
        terahertz = np.sqrt(stiffness / inertia) * 15.633302  # root of eV/Å²/u over 2π
        assert terahertz * PER_CM_PER_THZ == pytest.approx(frequency, rel=0.002)


def test_the_path_fits_the_cell_equivalent_points_have_equal_frequencies() -> None:
    path = Path.of(ALUMINIUM)
    places = {
        label: q
        for one in path.segments
        for label, q in zip(one.labels, (one.q_points[0], one.q_points[-1]), strict=True)
    }
    assert {"GAMMA", "X", "L", "W", "U", "K"} == set(places)
    at_u, at_k, at_x = dynamics_of(ALUMINIUM, (3, 3, 3), emt()).frequencies(
        np.array([places[label] for label in ("U", "K", "X")])
    )
    np.testing.assert_allclose(at_u, at_k, atol=0.01)
    assert at_x[0] == pytest.approx(at_x[1], abs=0.01)
    assert abs(at_u[0] - at_u[1]) > 10


@pytest.mark.parametrize(
    ("strain", "group"), [((0, 0, 0.05, 0, 0), 123), ((0, 0.03, 0.05, 0, 0), 47), ((0.01, 0.02, 0.05, 0.02, 0.03), 2)]
)
def test_crystals_of_low_symmetry_have_a_path_and_as_many_modes(strain: tuple[float, ...], group: int) -> None:
    atoms = bulk("CuAu", "cesiumchloride", a=3.0)
    tensor = np.diag(np.array(strain[:3]))
    tensor[1, 2], tensor[0, 1] = strain[3:]
    crystal = Crystal(atoms.cell.array @ (np.eye(3) + tensor), atoms.numbers, atoms.get_scaled_positions())
    assert detect(crystal).gene.space_group == group
    path = Path.of(crystal)
    assert path.cell.volume == pytest.approx(crystal.volume)
    dynamics = Dynamics(path.cell, (1, 1, 1), emt(), displacement_angstrom=0.01)
    assert dynamics.frequencies(path.segments[0].q_points).shape == (len(path.segments[0].q_points), 6)
    assert len(dynamics.optical()) == 3


def test_imaginary_frequencies_by_interpolation_alone_prove_nothing() -> None:
    small = study(ORDERED, PhononConfig(tolerance_per_cm=15, max_atoms=60), emt())
    interpolated = small.measured[-1].branch((24, 24, 24))[1].min()
    exact = small.measured[-1].branch((3, 3, 3))[1].min()
    assert interpolated < -20 < -15 < exact
    assert small.verdict.stability == "unknown"
    assert f"the lowest frequency is {interpolated:.1f} cm⁻¹ by interpolation" in small.verdict.reason
    larger = study(ORDERED, PhononConfig(tolerance_per_cm=15, max_atoms=130), emt()).verdict
    assert larger.stability != "unstable"
