"""What an atom sees of the atoms placed before it: the nearest of them, and where there is room for it."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.parameters import apply, orbit_operators, place

Reals = NDArray[np.float32]

NEIGHBOURS = 6
"""Nearest atoms that are looked at."""

GRID = 24
"""Values of a coordinate at which room is looked for; multiples of 1/24, on which all symmetry elements lie."""

ROOMY = 2.0
"""Distances count up to so many contact distances."""

_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)), np.float32)


def distances(points: Reals, atoms: Reals, lattices: Reals) -> Reals:
    """Shortest distance between points and atoms over the eight nearest periodic images.

    Args:
        points: (n, g, 3) fractional coordinates.
        atoms: (n, a, 3), or (n, g, a, 3) where every point has atoms of its own.
        lattices: (n, 3, 3) row vectors in Å.

    Returns:
        (n, g, a) in Å.
    """
    apart = points[:, :, None] - (atoms if atoms.ndim == 4 else atoms[:, None])
    apart -= np.rint(apart)
    images = apart[..., None, :] - np.sign(apart)[..., None, :] * _CORNERS
    cartesian = images @ lattices[:, None, None]
    shortest: Reals = np.sqrt(np.einsum("...j,...j->...", cartesian, cartesian).min(-1))
    return shortest


class Placed:
    """The atoms of n drafts of one crystal, orbit after orbit.

    Args:
        lattices: (n, 3, 3) row vectors in Å.
        number: space group.
        contacts: (119, 119) distance in Å at which atoms of two elements touch, by atomic numbers.
    """

    def __init__(self, lattices: NDArray[np.floating], number: int, contacts: Reals) -> None:
        self.lattices = lattices.astype(np.float32)
        self.number = number
        self.contacts = contacts
        self.atoms = np.zeros((len(lattices), 0, 3), np.float32)
        self.elements = np.zeros(0, np.int64)

    def room(self, z: int, letter: str, values: NDArray[np.floating]) -> Reals:
        """How far an orbit's atom would be from the nearest others, in contact distances.

        Args:
            z: its element.
            letter: its Wyckoff letter.
            values: (n, g, d) free coordinates.

        Returns:
            (n, g) at most :data:`ROOMY`.
        """
        points = place(self.number, letter, values).astype(np.float32)
        own = self._orbit(letter, points)[:, :, 1:]
        clear = np.full(points.shape[:2], ROOMY, np.float32)
        if own.shape[2]:
            clear = np.minimum(clear, distances(points, own, self.lattices).min(-1) / self.contacts[z, z])
        if len(self.elements):
            clear = np.minimum(clear, (self._apart(points) / self.contacts[z, self.elements]).min(-1))
        return clear

    def put(self, z: int, letter: str, values: NDArray[np.floating]) -> tuple[Reals, NDArray[np.int64], Reals]:
        """Put an orbit at (n, d) free coordinates.

        Returns:
            (n, m) distances in Å of the nearest atoms to one of its atoms, infinite where there are fewer; (n, m) their
            atomic numbers, 0 where there are fewer; (n, 3) fractional coordinates of that atom.
        """
        point = place(self.number, letter, values).astype(np.float32).reshape(-1, 1, 3)
        orbit = self._orbit(letter, point)[:, 0]
        apart = np.concatenate([distances(point, orbit[:, 1:], self.lattices), self._apart(point)], 2)[:, 0]
        elements = np.concatenate([np.full(orbit.shape[1] - 1, z), self.elements])
        missing = NEIGHBOURS - len(elements)
        if missing > 0:
            apart = np.pad(apart, ((0, 0), (0, missing)), constant_values=np.inf)
            elements = np.pad(elements, (0, missing))
        nearest = np.argpartition(apart, NEIGHBOURS - 1, 1)[:, :NEIGHBOURS]
        self.atoms = np.concatenate([self.atoms, orbit], 1)
        self.elements = np.concatenate([self.elements, np.full(orbit.shape[1], z)])
        return np.take_along_axis(apart, nearest, 1), elements[nearest], point[:, 0]

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the drafts of an index array, which may repeat some."""
        self.lattices, self.atoms = self.lattices[rows], self.atoms[rows]

    def _apart(self, points: Reals) -> Reals:
        return distances(points, self.atoms, self.lattices)

    def _orbit(self, letter: str, points: Reals) -> Reals:
        return apply(orbit_operators(self.number, letter), points.astype(np.float64)).astype(np.float32)


def contact_table(shortest: dict[tuple[int, int], list[float]], *, share: float = 0.05, weight: float = 5.0) -> Reals:
    """Contact distances of all pairs of elements, from those seen in crystals.

    A pair that was seen often takes a low quantile of what was seen; one that was not, the sum of two radii that fit
    the others; between, a mean of both.

    Args:
        shortest: by pair of atomic numbers (ascending), the shortest distance of every crystal with both, in Å.
        share: quantile.
        weight: number of crystals that count as much as the radii.

    Returns:
        (119, 119) in Å, symmetric, by atomic numbers.
    """
    pairs = np.array(list(shortest))
    counts = np.array([len(found) for found in shortest.values()], np.float64)
    seen = np.array([np.quantile(found, share) for found in shortest.values()])
    design = np.zeros((len(pairs), 119))
    np.add.at(design, (np.arange(len(pairs)), pairs[:, 0]), 1.0)
    np.add.at(design, (np.arange(len(pairs)), pairs[:, 1]), 1.0)
    weights = np.sqrt(np.minimum(counts, 50))
    ridge = np.eye(119)
    radii = np.linalg.lstsq(
        np.vstack([weights[:, None] * design, ridge]), np.concatenate([weights * seen, np.full(119, 1.4)]), rcond=None
    )[0]
    table = radii[:, None] + radii[None]
    blended = (counts * seen + weight * table[pairs[:, 0], pairs[:, 1]]) / (counts + weight)
    table[pairs[:, 0], pairs[:, 1]] = table[pairs[:, 1], pairs[:, 0]] = blended
    found: Reals = np.maximum(table, 0.6).astype(np.float32)
    return found


def with_last(settled: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, g, d) coordinates from the (n, d - 1) first and (n, g) values of the last."""
    others = np.broadcast_to(settled[:, None], (*values.shape, settled.shape[1]))
    return np.concatenate([others, values[..., None]], -1).astype(np.float64)
