"""The reference relaxation: ASE's FIRE with FixSymmetry and FrechetCellFilter, to the same limits as ours."""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from ase.units import GPa

from wyckforge.potential.ase_bridge import PotentialCalculator
from wyckforge.potential.contract import Potential, PotentialError
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.relax import Relaxation
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect, standardised


def relax_with_ase(crystal: Crystal, config: RelaxConfig, potential: Potential, *, dt: float = 0.1) -> Relaxation:
    """Relax in the primitive cell, position and cell at once.

    ASE's own criterion mixes force and stress, so ours is tested after every step.

    Args:
        crystal: the start.
        config: limits; its potential is not looked at.
        potential: what gives energies.
        dt: first time step of FIRE, in ASE's unit; the default is ASE's.

    Raises:
        PotentialError: the potential cannot describe the start.
        StructureError: the start has no symmetry that can be determined.
    """
    cell = detect(crystal).primitive
    atoms = Atoms(numbers=cell.numbers, cell=cell.lattice, scaled_positions=cell.frac_coords, pbc=True)
    atoms.calc = calculator = PotentialCalculator(potential)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms.set_constraint(FixSymmetry(atoms))
        last = _state(atoms, config)
        volume, reason = atoms.get_volume(), f"not converged in {config.max_steps} steps"
        try:
            for _ in FIRE(FrechetCellFilter(atoms), logfile=None, dt=dt).irun(fmax=0.0, steps=config.max_steps):
                last = _state(atoms, config)
                ratio = atoms.get_volume() / volume
                if last.converged or not config.min_volume_ratio <= ratio <= config.max_volume_ratio:
                    reason = "" if last.converged else f"the volume went to {ratio:.2f} of its start"
                    break
        except (PotentialError, RuntimeError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            reason = str(error)
    return Relaxation(
        standardised(last.crystal),
        last.energy_ev_per_atom,
        last.max_force_ev_per_angstrom,
        last.max_stress_gpa,
        not reason,
        calculator.calls,
        reason,
    )


def _state(atoms: Atoms, config: RelaxConfig) -> Relaxation:
    """Where the atoms are now."""
    force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    stress = float(np.abs(atoms.get_stress()).max() / GPa)
    return Relaxation(
        Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions()),
        float(atoms.get_potential_energy() / len(atoms)),
        force,
        stress,
        force <= config.fmax_ev_per_angstrom and stress <= config.smax_gpa,
        0,
    )
