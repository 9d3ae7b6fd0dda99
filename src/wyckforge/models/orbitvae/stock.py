"""How few orbits fill elements that need given numbers of atoms."""

from __future__ import annotations

import numpy as np

from wyckforge.models.orbitvae.pools import MULTIPLICITIES, Ints, pools

IMPOSSIBLE = 10_000
"""Orbits that the impossible takes; the sum of a few of them does not overflow."""


class Stock:
    """The orbits of all groups that share a pool, and what they fill.

    What a pool holds of the points is numbered with mixed radices, one digit per multiplicity, so that taking some of
    them is a difference of numbers. Multiplicities ascend with the letters, so that a pool of the letters from one on
    lacks the lowest multiplicities among the free positions.

    Args:
        root: the pool of the unoccupied group.
        ratio: coefficients of the elements.
        high: most atoms.
        max_sites: most orbits.
    """

    def __init__(self, root: int, ratio: tuple[int, ...], high: int, max_sites: int) -> None:
        n_points, free = pools().points[root], MULTIPLICITIES[pools().free[root]].tolist()
        self._kinds = np.flatnonzero(n_points)
        bases = n_points[self._kinds] + 1
        self._strides = np.cumprod([1, *bases], dtype=np.int64)[:-1]
        points = np.arange(np.prod(bases, dtype=np.int64))[:, None] // self._strides % bases
        self._n_points = points.sum(axis=1)
        self._atoms = points @ MULTIPLICITIES[self._kinds]
        self._holds = (points <= points[:, None]).all(axis=2)  # whether a number (row) includes another (column)
        self._units = np.arange(min(high, max_sites * max(free)) // sum(ratio) + 1)
        self._free_orbits = _free_orbits(free, int(self._units[-1]) * max(ratio), max_sites)
        self._filled: dict[tuple[int, ...], Ints] = {(): np.zeros((len(points), len(self._units)), np.int64)}

    def fill(self, own: Ints, whole: Ints, coefficient: int, atoms: Ints, others: tuple[int, ...], units: Ints) -> Ints:
        """Least orbits that fill an element from its own pool, and the others from what that leaves of the whole one.

        Args:
            own: (k,) pool open to the element, a part of ``whole``.
            whole: (k,) pool open to the others.
            coefficient: that of the element.
            atoms: (k,) atoms that the element has already.
            others: coefficients of the others.
            units: formula units to choose from.

        Returns:
            (k,) orbits, at least :data:`IMPOSSIBLE` where there is no way.
        """
        units = self._fitting(units)
        n_free = pools().free[own].sum(axis=1)
        lacking = coefficient * units - atoms[:, None]
        left = self._fill_all(others)[:, units]
        orbits = self._share(self._number(own), self._number(whole), n_free, lacking, left)
        return np.asarray(orbits.min(axis=1, initial=IMPOSSIBLE))

    def fill_all(self, whole: int, coefficients: tuple[int, ...], units: Ints) -> int:
        """Least orbits that fill elements from a pool, given formula units to choose from."""
        orbits = self._fill_all(coefficients)[self._number(np.array(whole)), self._fitting(units)]
        return int(orbits.min(initial=IMPOSSIBLE))

    def _fill_all(self, coefficients: tuple[int, ...]) -> Ints:
        """(number of the points, units) least orbits that fill elements of these coefficients."""
        if coefficients not in self._filled:
            every = np.arange(len(self._atoms))
            n_free = np.full(len(every), len(self._free_orbits) - 1)
            lacking = np.broadcast_to(coefficients[0] * self._units, (len(every), len(self._units)))
            self._filled[coefficients] = self._share(every, every, n_free, lacking, self._fill_all(coefficients[1:]))
        return self._filled[coefficients]

    def _share(self, own: Ints, whole: Ints, n_free: Ints, lacking: Ints, left: Ints) -> Ints:
        """(k, u) least orbits over all ways to take points for one element.

        Args:
            own: (k,) number of the points open to the element.
            whole: (k,) number of all points.
            n_free: (k,) multiplicities of free positions open to the element.
            lacking: (k, u) atoms that the element lacks.
            left: (number of the points that are left, u) least orbits for the other elements.
        """
        taken = np.arange(len(self._atoms))
        by_free = np.maximum(lacking[:, None] - self._atoms[:, None], -1)  # the last column is the impossible
        orbits = self._n_points[:, None] + self._free_orbits[n_free[:, None, None], by_free]
        orbits += left[whole[:, None] - taken]
        return np.asarray(np.where(self._holds[own][:, :, None], orbits, IMPOSSIBLE).min(axis=1))

    def _number(self, pool: Ints) -> Ints:
        """The number of the points that a pool holds."""
        return np.asarray(pools().points[pool][..., self._kinds] @ self._strides)

    def _fitting(self, units: Ints) -> Ints:
        return units[units < len(self._units)]


def _free_orbits(multiplicities: list[int], most: int, max_sites: int) -> Ints:
    """Least orbits with free parameters that hold exactly so many atoms.

    Args:
        multiplicities: k, ascending.
        most: most atoms.
        max_sites: no answer beyond this many orbits is needed.

    Returns:
        (k + 1, most + 2): by how many multiplicities are open, the highest first, and by atoms. The last column is
        impossible.
    """
    least = np.full((len(multiplicities) + 1, most + 2), IMPOSSIBLE)
    least[:, 0] = 0
    for row, multiplicity in enumerate(reversed(multiplicities), start=1):
        inside = least[row, :-1]
        inside[:] = least[row - 1, :-1]
        for orbits in (1 << power for power in range(max_sites.bit_length())):
            atoms = orbits * multiplicity  # any number of orbits is a sum of powers of two
            inside[atoms:] = np.minimum(inside[atoms:], inside[:-atoms] + orbits)
    return least
