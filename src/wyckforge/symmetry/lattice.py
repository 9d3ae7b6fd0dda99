"""Cells as edges and angles, as metric tensors and as row vectors, with what each crystal system leaves free."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wyckforge.errors import StructureError
from wyckforge.symmetry.tables import crystal_system

Floats = NDArray[np.float64]

FREE_CELL: dict[str, tuple[int, ...]] = {
    "triclinic": (0, 1, 2, 3, 4, 5),
    "monoclinic": (0, 1, 2, 4),
    "orthorhombic": (0, 1, 2),
    "tetragonal": (0, 2),
    "trigonal": (0, 2),
    "hexagonal": (0, 2),
    "cubic": (0,),
}
"""Of a, b, c, α, β, γ those that are free, by crystal system."""


def full_cell(number: int, free: ArrayLike) -> Floats:
    """(…, 6) edges in Å and angles in degrees from the (…, l) free ones of a space group."""
    free = np.asarray(free, dtype=np.float64)
    system = crystal_system(number)
    cell = np.empty((*free.shape[:-1], 6))
    cell[..., 3:] = 90.0
    if system in ("trigonal", "hexagonal"):
        cell[..., 5] = 120.0
    cell[..., FREE_CELL[system]] = free
    if system in ("tetragonal", "trigonal", "hexagonal", "cubic"):
        cell[..., 1] = cell[..., 0]
    if system == "cubic":
        cell[..., 2] = cell[..., 0]
    return cell


def metric_tensor(cell: ArrayLike) -> Floats:
    """(…, 3, 3) products of the lattice vectors in Å², from (…, 6) edges and angles."""
    cell = np.asarray(cell, dtype=np.float64)
    cosines = np.ones((*cell.shape[:-1], 3, 3))
    for angle, (i, j) in enumerate(((1, 2), (0, 2), (0, 1)), start=3):
        cosines[..., i, j] = cosines[..., j, i] = np.cos(np.radians(cell[..., angle]))
    metric: Floats = cosines * cell[..., :3, None] * cell[..., None, :3]
    return metric


def lattice_matrix(cell: ArrayLike) -> Floats:
    """(3, 3) row vectors in Å with a along x and b in the plane of x and y, from (6,) edges and angles.

    Raises:
        StructureError: no cell has these angles.
    """
    try:
        # the rows of the Cholesky factor of the metric are lattice vectors with exactly this orientation
        return np.asarray(np.linalg.cholesky(metric_tensor(cell)))
    except np.linalg.LinAlgError:
        raise StructureError(f"no cell has the edges and angles {np.round(np.asarray(cell), 3).tolist()}") from None


def cell_of_metric(metric: Floats) -> Floats:
    """(…, 6) edges in Å and angles in degrees; the inverse of :func:`metric_tensor`."""
    edges = np.sqrt(np.diagonal(metric, axis1=-2, axis2=-1))
    cosines = np.stack([metric[..., i, j] / (edges[..., i] * edges[..., j]) for i, j in ((1, 2), (0, 2), (0, 1))], -1)
    return np.concatenate([edges, np.degrees(np.arccos(np.clip(cosines, -1, 1)))], -1)
