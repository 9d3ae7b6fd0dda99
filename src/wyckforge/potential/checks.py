"""What a potential promises, as checks: each raises ``AssertionError`` where the promise is broken.

For the tests of whoever offers a potential by entry point::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_potential_keeps_the_contract(check):
        check(load_potential("mine"), crystal)

The crystal is any that the potential knows, with forces and stress that do not vanish: rattled and of low symmetry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np

from wyckforge.potential.contract import Array, Corrections, Evaluation, Potential, PotentialError
from wyckforge.symmetry.crystal import Crystal

ENERGY_TOLERANCE = 1e-4
"""In eV/atom: single precision in the networks."""

FORCE_TOLERANCE = 5e-4
"""In eV/Å."""

STEP = 0.01
"""Of the numerical derivatives, in Å and in strain: energies in single precision allow no smaller one."""

SLOPE_TOLERANCE = 0.02
"""Of a numerical derivative, relative to the largest one of its kind."""


def says_what_it_is(potential: Potential, crystal: Crystal) -> None:
    """It has a name, a tool and known corrections; the answer has its shapes and is finite, the stress is symmetric."""
    found = _ask(potential, crystal)
    assert potential.name
    assert potential.tool
    allowed = get_args(Corrections)
    assert potential.corrections in allowed, f"corrections are {potential.corrections!r}; allowed are {allowed}"
    assert np.isfinite(found.energy_ev)
    assert found.forces.shape == (len(crystal), 3)
    assert found.stress.shape == (3, 3)
    assert np.isfinite(found.forces).all()
    np.testing.assert_allclose(found.stress, found.stress.T, atol=1e-5)


def leaves_its_input_alone(potential: Potential, crystal: Crystal) -> None:
    """The arrays given are not written to, and the same question has the same answer."""
    before = [part.copy() for part in (crystal.lattice, crystal.numbers, crystal.frac_coords)]
    first, second = _ask(potential, crystal), _ask(potential, crystal)
    for old, new in zip(before, (crystal.lattice, crystal.numbers, crystal.frac_coords), strict=True):
        np.testing.assert_array_equal(old, new)
    assert abs(first.energy_ev - second.energy_ev) <= ENERGY_TOLERANCE
    np.testing.assert_allclose(first.forces, second.forces, atol=FORCE_TOLERANCE)


def does_not_care_how_a_crystal_is_described(potential: Potential, crystal: Crystal) -> None:
    """Another origin, another order of the atoms, other images and axes turned in space change nothing."""
    found = _ask(potential, crystal)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(crystal))
    coords = crystal.frac_coords + rng.uniform(-1, 1, 3) + rng.integers(-1, 2, (len(crystal), 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    other = _ask(potential, Crystal(crystal.lattice @ turn, crystal.numbers[order], coords[order]))
    assert abs(other.energy_ev - found.energy_ev) <= ENERGY_TOLERANCE * len(crystal)
    np.testing.assert_allclose(other.forces, (found.forces @ turn)[order], atol=FORCE_TOLERANCE)
    np.testing.assert_allclose(other.stress, turn.T @ found.stress @ turn, atol=FORCE_TOLERANCE)


def counts_every_atom_once(potential: Potential, crystal: Crystal) -> None:
    """Two cells have twice the energy of one, and the same forces and stress."""
    found = _ask(potential, crystal)
    doubled = np.concatenate([crystal.frac_coords, crystal.frac_coords + np.eye(3)[0]]) / [2.0, 1.0, 1.0]
    pair = _ask(potential, Crystal(crystal.lattice * [[2.0], [1.0], [1.0]], np.tile(crystal.numbers, 2), doubled))
    assert abs(pair.energy_ev - 2 * found.energy_ev) <= 2 * ENERGY_TOLERANCE * len(crystal)
    np.testing.assert_allclose(pair.forces, np.tile(found.forces, (2, 1)), atol=FORCE_TOLERANCE)
    np.testing.assert_allclose(pair.stress, found.stress, atol=FORCE_TOLERANCE)


def forces_are_slopes_of_the_energy(potential: Potential, crystal: Crystal) -> None:
    """Each force on the first atom equals a numerical derivative."""
    found = _ask(potential, crystal)
    inverse = np.linalg.inv(crystal.lattice)
    slopes = np.empty(3)
    for axis in range(3):
        energies = []
        for sign in (-1, 1):
            coords = crystal.frac_coords.copy()
            coords[0] += sign * STEP * inverse[axis]
            energies.append(_ask(potential, Crystal(crystal.lattice, crystal.numbers, coords)).energy_ev)
        slopes[axis] = -(energies[1] - energies[0]) / (2 * STEP)
    _close(slopes, found.forces[0], np.abs(found.forces).max())


def stress_is_the_slope_of_the_energy(potential: Potential, crystal: Crystal) -> None:
    """Each component of the stress equals a numerical derivative by the strain."""
    found = _ask(potential, crystal)
    slopes = np.empty((3, 3))
    for one, other in np.ndindex(3, 3):
        energies = []
        for sign in (-1, 1):
            strain = np.zeros((3, 3))
            strain[one, other] += sign * STEP / 4
            strain[other, one] += sign * STEP / 4
            lattice = crystal.lattice @ (np.eye(3) + strain)
            energies.append(_ask(potential, Crystal(lattice, crystal.numbers, crystal.frac_coords)).energy_ev)
        slopes[one, other] = (energies[1] - energies[0]) / STEP / crystal.volume
    _close(slopes, found.stress, np.abs(found.stress).max())


def refuses_what_it_cannot_see(potential: Potential, crystal: Crystal) -> None:
    """An isolated atom is an error, not an energy."""
    try:
        potential.evaluate(30 * np.eye(3), crystal.numbers[:1], np.zeros((1, 3)))
    except PotentialError:
        return
    raise AssertionError(f"{potential.tool} gave an energy for an atom with no neighbour")


def refuses_what_is_too_dense(potential: Potential, crystal: Crystal) -> None:
    """A cell that holds more atoms than any crystal is an error, not thousands of neighbours."""
    try:
        potential.evaluate(np.eye(3), crystal.numbers[:1], np.zeros((1, 3)))
    except PotentialError:
        return
    raise AssertionError(f"{potential.tool} gave an energy for an atom in 1 Å³")


CHECKS: tuple[Callable[[Potential, Crystal], None], ...] = (
    says_what_it_is,
    leaves_its_input_alone,
    does_not_care_how_a_crystal_is_described,
    counts_every_atom_once,
    forces_are_slopes_of_the_energy,
    stress_is_the_slope_of_the_energy,
    refuses_what_it_cannot_see,
    refuses_what_is_too_dense,
)


def _ask(potential: Potential, crystal: Crystal) -> Evaluation:
    return potential.evaluate(crystal.lattice, crystal.numbers, crystal.frac_coords)


def _close(numerical: Array, given: Array, scale: float) -> None:
    np.testing.assert_allclose(numerical, given, atol=SLOPE_TOLERANCE * max(scale, 1e-3))
