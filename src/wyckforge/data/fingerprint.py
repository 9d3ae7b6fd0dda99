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

SIZE = 5 + 2 * len(_SHELLS)
"""Numbers of a fingerprint."""


def fingerprint(crystal: Crystal) -> NDArray[np.float64]:
    """(23,) numbers that do not depend on the choice of the cell.

    Logarithms of the volume per atom (Å³) and of the distance from an atom to its nearest neighbour (Å): mean over the
    atoms, largest, smallest; the mean number of neighbours nearly as near as the nearest; then, at nine distances in
    units of the cube root of the volume per atom, the number of neighbours per atom, smeared, and the sum of their
    differences in electronegativity.
    """
    edge = (crystal.volume / len(crystal)) ** (1 / 3)
    distances = _distances(crystal, _REACH * edge)
    nearest = np.minimum(distances.min((1, 2)), _REACH * edge)
    bonded = np.minimum(_BOND * nearest, _REACH * edge)[:, None, None]
    bonds = (distances < bonded).sum((1, 2)).mean()
    one, other, image = np.nonzero(distances < _REACH * edge)
    apart = distances[one, other, image] / edge
    near = np.exp(-0.5 * ((apart[:, None] - _SHELLS) / _WIDTH) ** 2)
    pull = _electronegativities()[crystal.numbers]
    polar = near * np.abs(pull[one] - pull[other])[:, None]
    sizes = np.log([edge**3, nearest.mean(), nearest.max(), nearest.min()])
    return np.concatenate([sizes, [bonds], near.sum(0) / len(crystal), polar.sum(0) / len(crystal)])


def _distances(crystal: Crystal, reach: float) -> NDArray[np.float64]:
    """(n, n, images) distances in Å from atoms to atoms in all cells up to ``reach``; infinite from one to itself."""
    spacing = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    most = np.ceil(reach / spacing).astype(int)
    images = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in most), indexing="ij"), -1).reshape(-1, 3)
    apart = crystal.frac_coords[:, None] - crystal.frac_coords
    shifted = ((apart - np.rint(apart))[:, :, None] + images) @ crystal.lattice
    distances: NDArray[np.float64] = np.linalg.norm(shifted, axis=-1)
    distances[np.arange(len(crystal)), np.arange(len(crystal)), len(images) // 2] = np.inf
    return distances


@cache
def _electronegativities() -> NDArray[np.float64]:
    return np.array([0.0, *map(electronegativity, range(1, MAX_ATOMIC_NUMBER + 1))])
