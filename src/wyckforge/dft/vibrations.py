"""Vibrations at Γ from force constants, Born charges and the dielectric tensor."""

from __future__ import annotations

import math

import numpy as np
from ase.data import atomic_masses
from scipy.constants import atomic_mass, c, e

from wyckforge.dft.results import GammaModes
from wyckforge.dft.units import COULOMB_EV_ANGSTROM
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

PER_CM = math.sqrt(e / atomic_mass) * 1e10 / (2 * math.pi * c * 100)
"""Wave number in cm⁻¹ of a mode whose force constant over its mass is 1 eV/(Å² u)."""

DISPLACEMENT_ANGSTROM = 0.02
"""How far an atom is moved to measure force constants."""


def gamma_modes(
    crystal: Crystal,
    force_constants: Array,
    born_charges: Array | None,
    dielectric: Array | None,
    *,
    method: str,
    tool: str,
) -> GammaModes:
    """Modes with the acoustic sum rule imposed, transverse and, with Born charges, longitudinal.

    The sum rule decides what moving an atom does to itself: minus what it does to all others. That is where the grid
    of an engine errs, as an atom that moves against it is not seen as the same one. Born charges lose their mean.

    Args:
        crystal: primitive cell of n atoms.
        force_constants: (3n, 3n) in eV/Å².
        born_charges: (n, 3, 3) in units of e: atom, field, displacement.
        dielectric: (3, 3) high-frequency dielectric tensor.
        method: how the force constants were found.
        tool: what found them.
    """
    n = len(crystal)
    raw = (force_constants + force_constants.T) / 2
    translations = np.kron(np.ones((n, 1)), np.eye(3)) / math.sqrt(n)
    rest = np.eye(3 * n) - translations @ translations.T
    constants = rest @ _invariant(raw) @ rest  # what is left to project out is rounding
    longitudinal = None
    if born_charges is not None and dielectric is not None:
        born_charges = born_charges - born_charges.mean(axis=0)
        directions = np.linalg.inv(crystal.lattice).T
        longitudinal = np.array(
            [
                frequencies_per_cm(crystal, constants + _field(crystal, born_charges, dielectric, one))
                for one in directions
            ]
        )
    acoustic = translations.T @ raw @ translations
    drift = np.abs(np.linalg.eigvalsh(acoustic)).max() / atomic_masses[crystal.numbers].mean()
    return GammaModes(
        crystal,
        frequencies_per_cm(crystal, constants),
        longitudinal,
        born_charges,
        dielectric,
        method,
        PER_CM * math.sqrt(drift),
        tool,
    )


def frequencies_per_cm(crystal: Crystal, force_constants: Array) -> Array:
    """(3n,) frequencies in cm⁻¹ of force constants (3n, 3n) in eV/Å², ascending; imaginary ones negative."""
    root = np.sqrt(np.repeat(atomic_masses[crystal.numbers], 3))
    squares = np.linalg.eigvalsh(force_constants / np.outer(root, root))
    found: Array = PER_CM * np.sign(squares) * np.sqrt(np.abs(squares))
    return found


def _invariant(force_constants: Array) -> Array:
    """(3n, 3n) force constants with self terms by which a rigid translation meets no force."""
    n = len(force_constants) // 3
    blocks = force_constants.reshape(n, 3, n, 3).copy()
    for atom in range(n):
        blocks[atom, :, atom] = 0.0
        own = -blocks[atom].sum(axis=1)
        blocks[atom, :, atom] = (own + own.T) / 2
    return blocks.reshape(3 * n, 3 * n)


def _field(crystal: Crystal, born_charges: Array, dielectric: Array, direction: Array) -> Array:
    """(3n, 3n) what the macroscopic field of a wave adds (Gonze & Lee, Phys. Rev. B 55, 10355, 1997, eq. 60)."""
    charges = np.einsum("i,nij->nj", direction, born_charges).reshape(-1)
    screening = direction @ dielectric @ direction
    added: Array = 4 * math.pi * COULOMB_EV_ANGSTROM / crystal.volume * np.outer(charges, charges) / screening
    return added
