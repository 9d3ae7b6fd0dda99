"""Γ-centred meshes in the Brillouin zone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import spglib

from wyckforge.dft.results import WHOLE
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

Divisions = tuple[int, int, int]


def divisions(crystal: Crystal, spacing_per_angstrom: float) -> Divisions:
    """Points along the reciprocal axes, no farther apart than the spacing.

    Args:
        crystal: the cell.
        spacing_per_angstrom: with 2π, as VASP's KSPACING and CASTEP's times 2π.
    """
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    a, b, c = (max(1, int(one)) for one in np.ceil(lengths / spacing_per_angstrom - 1e-6))
    return a, b, c


def irreducible(crystal: Crystal, mesh: Divisions) -> tuple[Array, Array]:
    """The points of a mesh that symmetry and time reversal do not make from others, and the share each stands for.

    Returns:
        (k, 3) in units of the reciprocal basis, and (k,) weights that sum to 1.
    """
    cell = (crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    found = spglib.get_ir_reciprocal_mesh(mesh, cell, is_shift=[0, 0, 0], symprec=1e-4)
    if found is None:
        mapping = np.arange(int(np.prod(mesh)))
        grid = np.array(np.unravel_index(mapping, mesh[::-1])).T[:, ::-1]
    else:
        mapping, grid = found
    chosen, counts = np.unique(mapping, return_counts=True)
    return np.array(grid[chosen] / np.array(mesh), np.float64), np.array(counts / counts.sum(), np.float64)


def gap_ev(energies: Array, electrons: Sequence[float]) -> float | None:
    """Gap between the bands that the electrons fill and the others, over all k points; None where they overlap.

    Args:
        energies: (s, k, b) band energies in eV.
        electrons: per spin channel; one number without spin polarisation.
    """
    per_band = 2 if len(electrons) == 1 else 1
    tops, floors = [], []
    for channel, many in zip(energies, electrons, strict=True):
        n = round(many / per_band)
        if abs(many / per_band - n) > WHOLE or n >= channel.shape[1]:
            return None
        tops.append(channel[:, n - 1].max() if n else -np.inf)
        floors.append(channel[:, n].min())
    gap = float(min(floors) - max(tops))
    return gap if gap > 0 else None
