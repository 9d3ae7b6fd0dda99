"""A structure in a few numbers: how much room its atoms have, how near they come, and to what.

A gene has no coordinates, so what sees genes only has to guess them. A network that is made to guess these numbers
while it learns properties learns properties better (docs/concepts/orbitvae.md); nothing of them is needed afterwards.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import MAX_ATOMIC_NUMBER, electronegativity

_SHELLS = np.linspace(0.6, 1.6, 9)
"""Distances at which neighbours are counted, in edges of a cube with the volume of an atom."""

_WIDTH = 0.09
_REACH = 1.75
_BOND = 1.2
"""Neighbours up to so many times as far as the nearest one count as bonded."""

_MOST_DISTANCES = 4_000_000
"""Taken at a time, so that a crystal of a thousand atoms takes no more memory than one of a hundred."""

SIZE = 5 + 2 * len(_SHELLS)
"""Numbers of a fingerprint."""


def fingerprint(crystal: Crystal) -> NDArray[np.float64]:
    """(23,) numbers that do not depend on the choice of the cell.

    Logarithms of the volume per atom (Å³) and of the distance from an atom to its nearest neighbour (Å): mean over the
    atoms, largest, smallest; the mean number of neighbours nearly as near as the nearest; then, at nine distances in
    units of the cube root of the volume per atom, the number of neighbours per atom, smeared, and the sum of their
    differences in electronegativity.
    """
    n, edge = len(crystal), (crystal.volume / len(crystal)) ** (1 / 3)
    images = _images(crystal, _REACH * edge)
    at_once = max(1, _MOST_DISTANCES // (n * len(images)))
    blocks = [_seen_from(crystal, np.arange(n)[i : i + at_once], images, edge) for i in range(0, n, at_once)]
    nearest, bonds, near, polar = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    with np.errstate(divide="ignore"):  # atoms on top of each other: minus infinity says so
        sizes = np.log([edge**3, nearest.mean(), nearest.max(), nearest.min()])
    return np.concatenate([sizes, [bonds.mean()], near.sum(0) / n, polar.sum(0) / n])


def _images(crystal: Crystal, reach: float) -> NDArray[np.int64]:
    """(m, 3) cells up to ``reach`` in Å, the own one in the middle."""
    spacing = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    most = np.ceil(reach / spacing).astype(int)
    return np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in most), indexing="ij"), -1).reshape(-1, 3)


def _seen_from(
    crystal: Crystal, atoms: NDArray[np.int64], images: NDArray[np.int64], edge: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """What k atoms see: the nearest neighbour (k,), bonds (k,), and of each pair within reach (p, 9) both counts."""
    reach = _REACH * edge
    apart = crystal.frac_coords[atoms, None] - crystal.frac_coords
    shifted = ((apart - np.rint(apart))[:, :, None] + images) @ crystal.lattice
    distances = np.linalg.norm(shifted, axis=-1)
    distances[np.arange(len(atoms)), atoms, len(images) // 2] = np.inf  # an atom is no neighbour of itself
    nearest = np.minimum(distances.min((1, 2)), reach)
    bonds = (distances < np.minimum(_BOND * nearest, reach)[:, None, None]).sum((1, 2))
    one, other, image = np.nonzero(distances < reach)
    near = np.exp(-0.5 * ((distances[one, other, image][:, None] / edge - _SHELLS) / _WIDTH) ** 2)
    pull = _electronegativities()[crystal.numbers]
    return nearest, bonds, near, near * np.abs(pull[atoms[one]] - pull[other])[:, None]


@cache
def _electronegativities() -> NDArray[np.float64]:
    return np.array([0.0, *map(electronegativity, range(1, MAX_ATOMIC_NUMBER + 1))])
