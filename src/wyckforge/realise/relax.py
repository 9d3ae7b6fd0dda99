"""Symmetry-constrained relaxation with CHGNet: positions first, then cell and positions together.

Runs in the primitive cell (fewer atoms, same answer) and returns the standardised conventional one. FIRE drives both
stages, because it survives the large forces of random starts where quasi-Newton searches diverge.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from ase.optimize.optimize import Optimizer
from ase.units import GPa

from wyckforge.errors import StructureError
from wyckforge.potential.ase_bridge import PotentialCalculator
from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.contract import PotentialError
from wyckforge.realise.build import MIN_DISTANCE_ANGSTROM, SYMPREC, shortest_distance
from wyckforge.realise.config import RelaxConfig
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

# No element binds by more than 13 eV/atom in CHGNet; below this the network extrapolates.
LOWEST_ENERGY_EV_PER_ATOM = -20.0


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """Outcome of a relaxation, converged or not.

    Attributes:
        crystal: standardised conventional cell.
        energy_ev_per_atom: CHGNet energy of that structure, MP2020 corrections included.
        max_force_ev_per_angstrom: largest force on an atom.
        max_stress_gpa: largest stress component by magnitude.
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


class _Stop(Exception):
    """A guard ended the relaxation."""


def relax(crystal: Crystal, config: RelaxConfig | None = None) -> Relaxation:
    """Relax a crystal within its own symmetry.

    Args:
        crystal: the start; its space group at symprec 0.01 is kept.
        config: settings; the defaults if omitted.

    Returns:
        The last sound structure, with ``converged`` and the reason where it is not.

    Raises:
        PotentialError: the potential cannot describe even the start.
        StructureError: the start has no symmetry that can be determined.
    """
    config = config or RelaxConfig()
    deadline = time.monotonic() + config.max_seconds
    atoms = _primitive(crystal)
    atoms.calc = calculator = PotentialCalculator(load_potential())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms.set_constraint(FixSymmetry(atoms, symprec=SYMPREC))
    watch = _Watch(atoms, config, deadline)
    reason = ""
    try:
        watch.check()
        if not watch.converged():
            _drive(FIRE(atoms, logfile=None), config.max_steps_positions, watch.forces_converged, watch)
            with warnings.catch_warnings():
                # SciPy warns of logarithms that are wrong in the thirteenth digit
                warnings.filterwarnings("ignore", "logm result may be inaccurate", RuntimeWarning)
                _drive(FIRE(FrechetCellFilter(atoms), logfile=None), config.max_steps_cell, watch.converged, watch)
        if not watch.converged():
            reason = f"not converged in {config.max_steps_cell} steps"
    except _Stop as stop:
        reason = str(stop)
    return watch.result(calculator.calls, reason)


class _Watch:
    """Keeps the last sound state of the atoms and stops what has left physics."""

    def __init__(self, atoms: Atoms, config: RelaxConfig, deadline: float) -> None:
        self.atoms, self.config, self.deadline = atoms, config, deadline
        self.volume = atoms.get_volume()
        self.remember()

    def remember(self) -> None:
        """Take the present state as sound."""
        atoms = self.atoms
        self.crystal = _crystal(atoms)
        self.energy = float(atoms.get_potential_energy() / len(atoms))
        self.force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        self.stress = float(np.abs(atoms.get_stress()).max() / GPa)

    def check(self) -> None:
        """Remember the present state, or raise ``_Stop`` and keep the one before."""
        ratio = self.atoms.get_volume() / self.volume
        if not self.config.min_volume_ratio <= ratio <= self.config.max_volume_ratio:
            raise _Stop(f"the volume went to {ratio:.2f} of its start")
        energy = self.atoms.get_potential_energy() / len(self.atoms)
        if energy < LOWEST_ENERGY_EV_PER_ATOM:
            raise _Stop(f"the energy fell to {energy:.1f} eV/atom, which no crystal has")
        if (distance := shortest_distance(_crystal(self.atoms))) < MIN_DISTANCE_ANGSTROM:
            raise _Stop(f"two atoms came within {distance:.2f} Å")
        self.remember()
        if time.monotonic() > self.deadline:
            raise _Stop(f"{self.config.max_seconds:g} s spent")

    def forces_converged(self) -> bool:
        """Whether the last state fulfils the force limit."""
        return self.force <= self.config.fmax_ev_per_angstrom

    def converged(self) -> bool:
        """Whether the last state fulfils both limits."""
        return self.forces_converged() and self.stress <= self.config.smax_gpa

    def result(self, calls: int, reason: str) -> Relaxation:
        """The last sound state."""
        try:
            crystal = detect(self.crystal, symprec=SYMPREC).crystal
        except StructureError:
            crystal = self.crystal
        return Relaxation(crystal, self.energy, self.force, self.stress, not reason, calls, reason)


def _drive(search: Optimizer, steps: int, done: Callable[[], bool], watch: _Watch) -> None:
    """Step until done, at most ``steps`` times; ASE's own criterion mixes force and stress, so it is switched off."""
    try:
        for _ in search.irun(fmax=0.0, steps=steps):
            watch.check()
            if done():
                return
    except (PotentialError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise _Stop(f"the step failed: {error}") from error


def _crystal(atoms: Atoms) -> Crystal:
    return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


def _primitive(crystal: Crystal) -> Atoms:
    cell = detect(crystal, symprec=SYMPREC).primitive
    return Atoms(numbers=cell.numbers, cell=cell.lattice, scaled_positions=cell.frac_coords, pbc=True)
