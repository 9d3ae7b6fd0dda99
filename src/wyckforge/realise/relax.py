"""Relaxation over the free parameters of a crystal: its symmetry holds by construction.

Runs in the primitive cell (fewer atoms, same answer) and returns the standardised conventional one. A quasi-Newton
search with a trust radius takes few, bold steps: the parameters are few, so that second derivatives are soon learnt,
and steps that lead uphill or out of physics are taken back and shortened.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from ase.units import GPa

from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.contract import Array, Evaluation, Potential, PotentialError, require_room
from wyckforge.realise.build import MIN_DISTANCE_ANGSTROM, shortest_distance
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.freedom import Freedom
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect, operations, standardised

# No element binds by more than 13 eV/atom; below this a potential extrapolates.
LOWEST_ENERGY_EV_PER_ATOM = -20.0

FIRST_RADIUS, LONGEST_RADIUS, SHORTEST_RADIUS = 0.15, 0.4, 1e-5
"""How far a step may move an atom, in Å."""

ANGSTROM_PER_STRAIN = 6.0
"""A strain counts as a step of so many Å: 0.15 Å correspond to 2.5 %."""

SOFTEST, STIFFEST = 0.1, 50.0
"""Bounds of the curvatures believed, relative to the first guess."""

QUIET_EV_PER_ANGSTROM, UNQUIET_STEPS = 0.5, 20
"""The cell stays as it is until no force is larger, for so many steps at most: atoms placed at random repel each other,
and a cell free to give way to them would let the crystal come apart."""

HOPE = 4.0
"""How many times what the learnt curvature promises a search may still gain."""

NOISE_EV_PER_ATOM = 1e-5
"""What energies of networks in single precision do not tell apart; below it the forces decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """Outcome of a relaxation, converged or not.

    Attributes:
        crystal: standardised conventional cell.
        energy_ev_per_atom: energy of that structure by the potential.
        max_force_ev_per_angstrom: largest force on an atom, of what symmetry allows.
        max_stress_gpa: largest stress component by magnitude, likewise.
        converged: both are below their limits.
        calls: evaluations of the potential.
        reason: why it stopped early; empty when converged.
    """

    crystal: Crystal
    energy_ev_per_atom: float
    max_force_ev_per_angstrom: float
    max_stress_gpa: float
    converged: bool
    calls: int
    reason: str = ""


def relax(
    crystal: Crystal,
    config: RelaxConfig | None = None,
    potential: Potential | None = None,
    *,
    below_ev_per_atom: float = math.inf,
) -> Relaxation:
    """Relax a crystal within its own symmetry.

    Args:
        crystal: the start; its space group at symprec 0.01 is kept.
        config: settings; the defaults if omitted.
        potential: who gives energies; the one that the settings name if omitted.
        below_ev_per_atom: of interest is only what ends below this; the search is given up once it is not expected to.

    Returns:
        The best sound structure, with ``converged`` and the reason where it is not.

    Raises:
        PotentialError: the potential cannot describe even the start, or the start is none of a crystal.
        StructureError: the start has no symmetry that can be determined.
    """
    config = config or RelaxConfig()
    search = _Search(crystal, config, potential or load_potential(config.potential), below_ev_per_atom)
    reason = search.run()
    best = search.here
    return Relaxation(
        standardised(best.crystal),
        best.energy / len(best.crystal),
        best.max_force,
        best.max_stress_gpa,
        not reason,
        search.calls,
        reason,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """A place in the space of free parameters, and what the potential says there."""

    parameters: Array
    crystal: Crystal
    found: Evaluation
    gradient: Array

    @property
    def energy(self) -> float:
        return self.found.energy_ev

    @property
    def max_force(self) -> float:
        return float(np.linalg.norm(self.found.forces, axis=1).max())

    @property
    def max_stress_gpa(self) -> float:
        return float(np.abs(self.found.stress).max() / GPa)


class _Search:
    """Quasi-Newton search (BFGS) with a trust radius over the free parameters."""

    def __init__(self, crystal: Crystal, config: RelaxConfig, potential: Potential, below: float) -> None:
        self.config, self.potential, self.below = config, potential, below
        self.deadline = time.monotonic() + config.max_seconds
        self.calls = 0
        start = detect(crystal).primitive
        self.freedom = Freedom(start, operations(start))
        self.here = self._look(np.zeros(len(self.freedom)))
        self.scale = np.sqrt(self.freedom.curvature())
        self.curvature = np.eye(len(self.scale))
        self.radius = FIRST_RADIUS
        self.failures = 0
        self.cell_moves = False

    def run(self) -> str:
        """Move until converged; otherwise the reason why not."""
        unsound = ""
        for count in range(self.config.max_steps):
            if self._converged():
                return ""
            self.cell_moves |= self.here.max_force <= QUIET_EV_PER_ANGSTROM or count >= UNQUIET_STEPS
            if self._hopeless():
                return f"not expected to fall below {self.below:.3f} eV/atom"
            if time.monotonic() > self.deadline:
                return f"{self.config.max_seconds:g} s spent"
            if self.radius < SHORTEST_RADIUS:
                return unsound or "no step lowers the energy further"
            step = self._step()
            try:
                there = self._look(self.here.parameters + step)
            except PotentialError as error:
                unsound = str(error)
                self._retreat(self._size(step))
                continue
            self._move(there, step)
            if self.here is there:
                unsound = ""
        return "" if self._converged() else f"not converged in {self.config.max_steps} steps"

    def _converged(self) -> bool:
        here, config = self.here, self.config
        return here.max_force <= config.fmax_ev_per_angstrom and here.max_stress_gpa <= config.smax_gpa

    def _hopeless(self) -> bool:
        """Whether even much more than what the learnt curvature promises would leave the energy too high."""
        if not self.cell_moves or self.below == math.inf:
            return False
        values, axes = np.linalg.eigh(self.curvature)
        along = axes.T @ (self.here.gradient / self.scale)
        promised = float(along**2 @ (1 / np.clip(np.abs(values), SOFTEST, STIFFEST))) / 2
        return self.here.energy - HOPE * promised > self.below * len(self.here.crystal)

    def _look(self, parameters: Array) -> _Point:
        """Ask the potential, unless physics forbids the structure.

        Raises:
            PotentialError: volume, distances or energy are none of a crystal, or the potential has no answer.
        """
        lattice, coords = self.freedom.place(parameters)
        start = self.freedom.start
        ratio = float(np.linalg.det(lattice) / np.linalg.det(start.lattice))
        if not self.config.min_volume_ratio <= ratio <= self.config.max_volume_ratio:
            raise PotentialError(f"the volume went to {ratio:.2f} of its start")
        crystal = Crystal(lattice, start.numbers, coords)
        require_room(lattice, len(crystal))
        if (distance := shortest_distance(crystal, within=MIN_DISTANCE_ANGSTROM)) < MIN_DISTANCE_ANGSTROM:
            raise PotentialError(f"two atoms came within {distance:.2f} Å")
        self.calls += 1
        found = self.freedom.allowed(self.potential.evaluate(lattice, start.numbers, coords))
        if (energy := found.energy_ev / len(crystal)) < LOWEST_ENERGY_EV_PER_ATOM:
            raise PotentialError(f"the energy fell to {energy:.1f} eV/atom, which no crystal has")
        return _Point(parameters, crystal, found, self.freedom.gradient(parameters, found))

    def _step(self) -> Array:
        """The Newton step, downhill along every principal direction, cut to the trust radius."""
        free = slice(0 if self.cell_moves else len(self.freedom.strains), None)
        values, axes = np.linalg.eigh(self.curvature[free, free])
        slope = (self.here.gradient / self.scale)[free]
        step = np.zeros(len(self.freedom))
        step[free] = -axes @ ((axes.T @ slope) / np.clip(np.abs(values), SOFTEST, STIFFEST)) / self.scale[free]
        return step * min(1.0, self.radius / max(self._size(step), 1e-12))

    def _size(self, step: Array) -> float:
        return self.freedom.size(step, per_strain=ANGSTROM_PER_STRAIN)

    def _move(self, there: _Point, step: Array) -> None:
        """Learn from the step, adapt the trust radius, and go there unless it leads uphill."""
        size, change = self._size(step), there.gradient - self.here.gradient
        gained = there.energy - self.here.energy
        promised = float(self.here.gradient @ step + step * self.scale @ self.curvature @ (step * self.scale) / 2)
        self._learn(step * self.scale, change / self.scale)
        if abs(gained) < NOISE_EV_PER_ATOM * len(there.crystal):
            downhill = np.linalg.norm(there.gradient / self.scale) < np.linalg.norm(self.here.gradient / self.scale)
        else:
            downhill = gained < 0
        if not downhill:
            self._retreat(size)
            return
        self.failures = 0
        if gained > promised / 4:
            self.radius = max(size / 2, SHORTEST_RADIUS)
        elif size > 0.9 * self.radius:
            self.radius = min(1.6 * self.radius, LONGEST_RADIUS)
        self.here = there

    def _retreat(self, size: float) -> None:
        """Shorten the steps; what was learnt is forgotten where it misleads twice in a row."""
        self.failures += 1
        self.radius = size / 4
        if self.failures % 3 == 2:
            self.curvature = np.eye(len(self.scale))

    def _learn(self, step: Array, change: Array) -> None:
        """The update of Broyden, Fletcher, Goldfarb and Shanno; also where the curvature is negative."""
        along = self.curvature @ step
        seen, known = float(step @ change), float(step @ along)
        if min(abs(seen), abs(known)) > 1e-8 * float(step @ step):
            self.curvature += np.outer(change, change) / seen - np.outer(along, along) / known
