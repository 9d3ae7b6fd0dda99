"""Which partial genes can still be completed to a given stoichiometry."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from wyckforge.models.orbitvae.feasibility import Ways, usable_letters
from wyckforge.models.orbitvae.pools import MULTIPLICITIES, POINT_BIT, Bools, Ints, pools
from wyckforge.models.orbitvae.state import State
from wyckforge.symmetry.tables import LETTERS, MULTIPLICITY

_IMPOSSIBLE = 10_000
"""Orbits that the impossible takes; the sum of a few of them does not overflow."""


class _Reading(NamedTuple):
    """Formula units in the conventional cell, and the coefficients that no complete element has."""

    units: Ints
    rest: tuple[int, ...]


class Stoichiometry:
    """Atoms of the elements in a given ratio, within bounds on the atoms of the conventional cell.

    The complete elements are read as multiples of coefficients in every possible way; for each, the least number of
    orbits that fills the others is looked for.

    Args:
        ratio: coefficients in ascending order, without a common divisor.
        low: least atoms, at least 1.
        high: most atoms, or ``None``.
        max_sites: most orbits.
    """

    def __init__(self, ratio: tuple[int, ...], low: int, high: int | None, max_sites: int) -> None:
        self._ratio = ratio
        self._max_sites = max_sites
        most = max_sites * int(MULTIPLICITIES[-1])
        self._low, self._high = low, most if high is None else min(high, most)
        self._stocks: dict[int, _Stock] = {}
        self._readings: dict[tuple[int, ...], list[_Reading]] = {}
        self._opening: dict[tuple[object, ...], int] = {}
        self._adding: dict[tuple[object, ...], int] = {}
        self._rows: dict[tuple[object, ...], Ints] = {}

    def complete(self, state: State) -> Bools:
        """(n,) whether the ratio and the number of atoms are as asked for."""
        counts = _element_counts(state)
        return np.array([any(not reading.rest for reading in self._read(row)) for row in counts], bool)

    def opens(self, state: State) -> Ints:
        """(n,) further elements, all that the ratio asks for, or -1."""
        least = [
            self._least_to_open(group, used, counts)
            for group, used, counts in zip(
                state.group.tolist(), state.used.tolist(), _element_counts(state), strict=True
            )
        ]
        further = len(self._ratio) - state.n_elements
        return np.where(np.array(least, np.int64) <= self._max_sites - state.n_sites, further, -1)

    def letters(self, state: State, fresh: Bools) -> Ways:
        """What each letter as the next orbit leads to; see :class:`~wyckforge.models.orbitvae.feasibility.Counting`."""
        left = self._max_sites - 1 - state.n_sites
        least = [
            self._least_by_letter(group, used, counts if new else counts[:-1], 0 if new else counts[-1])
            for group, used, counts, new in zip(
                state.group.tolist(), state.used.tolist(), _element_counts(state), fresh.tolist(), strict=True
            )
        ]
        further = (len(self._ratio) - state.n_elements - fresh)[:, None]
        ways = usable_letters(state, fresh) & (np.reshape(least, (-1, len(LETTERS))) <= left[:, None])
        return Ways(ways & (further == 0), np.where(ways, further, -1))

    def _least_by_letter(self, group: int, used: int, done: tuple[int, ...], count: int) -> Ints:
        """(27,) least orbits that complete the gene once a letter was added to an element of ``count`` atoms."""
        key = (group, used, done, count)
        if key not in self._rows:
            of = pools().of[group]
            root, after = int(of[0, 0]), used | POINT_BIT[group]
            own, whole = of[after, np.arange(len(LETTERS))].tolist(), of[after, 0].tolist()
            self._rows[key] = np.array(
                [
                    self._least_to_close(root, own[letter], whole[letter], done, count + multiplicity)
                    for letter, multiplicity in enumerate(MULTIPLICITY[group].tolist())
                ]
            )
        return self._rows[key]

    def _least_to_close(self, root: int, own: int, whole: int, done: tuple[int, ...], count: int) -> int:
        """Least orbits that fill an element of ``count`` atoms from its own pool and the others from the whole one."""
        key = (root, own, whole, done, count)
        if key not in self._adding:
            stock = self._stock(root)
            self._adding[key] = min(
                (
                    stock.fill(own, whole, coefficient, _without(rest, coefficient), count, units)
                    for units, rest in self._read(done)
                    for coefficient in set(rest)
                ),
                default=_IMPOSSIBLE,
            )
        return self._adding[key]

    def _least_to_open(self, group: int, used: int, done: tuple[int, ...]) -> int:
        """Least orbits that fill the elements still to come, at least one."""
        of = pools().of[group]
        key = root, whole, done = int(of[0, 0]), int(of[used, 0]), done
        if key not in self._opening:
            stock = self._stock(root)
            self._opening[key] = min(
                (stock.fill_rest(whole, rest, units) for units, rest in self._read(done) if rest),
                default=_IMPOSSIBLE,
            )
        return self._opening[key]

    def _read(self, done: tuple[int, ...]) -> list[_Reading]:
        """The ways to read the atoms of the complete elements."""
        done = tuple(sorted(done))
        if done not in self._readings:
            self._readings[done] = self._readings_of(done)
        return self._readings[done]

    def _readings_of(self, done: tuple[int, ...]) -> list[_Reading]:
        total = sum(self._ratio)
        units = np.arange(-(-self._low // total), self._high // total + 1)
        if not done:
            return [_Reading(units, self._ratio)]
        candidates = {done[0] // coefficient for coefficient in self._ratio if done[0] % coefficient == 0}
        readings = []
        for n in candidates & set(units.tolist()):
            rest = Counter(self._ratio)
            rest.subtract([count // n if count % n == 0 else 0 for count in done])
            if min(rest.values()) >= 0:
                readings.append(_Reading(np.array([n]), tuple(sorted(rest.elements()))))
        return readings

    def _stock(self, root: int) -> _Stock:
        if root not in self._stocks:
            self._stocks[root] = _Stock(root, self._ratio, self._high, self._max_sites)
        return self._stocks[root]


class _Stock:
    """The orbits of all groups that share a pool, and what they fill.

    The positions without free parameters that a pool still holds are numbered with mixed radices, one digit per
    multiplicity, so that taking some of them away is a difference of numbers.

    Args:
        root: the pool of the unoccupied group.
        ratio: coefficients.
        high: most atoms.
        max_sites: most orbits.
    """

    def __init__(self, root: int, ratio: tuple[int, ...], high: int, max_sites: int) -> None:
        self._root = root
        self._max_sites = max_sites
        points = pools().points[root]
        self._kinds = np.flatnonzero(points)
        bases = points[self._kinds] + 1
        self._strides = np.cumprod([1, *bases], dtype=np.int64)[:-1]
        self._points = np.arange(np.prod(bases, dtype=np.int64))[:, None] // self._strides % bases
        self._atoms = self._points @ MULTIPLICITIES[self._kinds]
        largest = int(MULTIPLICITIES[pools().free[root]].max())
        self.units = min(high, max_sites * largest) // sum(ratio)
        """Most formula units that fit."""
        self._most = self.units * max(ratio)  # atoms of one element
        self._filled: dict[tuple[int, ...], Ints] = {(): np.zeros((len(self._points), self.units + 1), np.int64)}
        self._free: dict[int, Ints] = {}

    def fill(self, own: int, whole: int, coefficient: int, rest: tuple[int, ...], count: int, units: Ints) -> int:
        """Least orbits that fill an element from its own pool and the others from what that leaves of the whole one.

        Args:
            own: the pool open to the element, a part of ``whole``.
            whole: the pool open to the others.
            coefficient: that of the element.
            rest: those of the others.
            count: atoms that the element has already.
            units: formula units to choose from.
        """
        units = units[units <= self.units]
        others = self._orbits(rest)[:, units]
        lacking = coefficient * units - count
        orbits = self._split(self._free_orbits(own), self._index(own), self._index(whole), lacking, others)
        return int(orbits.min(initial=_IMPOSSIBLE))

    def fill_rest(self, whole: int, rest: tuple[int, ...], units: Ints) -> int:
        """Least orbits that fill elements of these coefficients from a pool, given formula units to choose from."""
        orbits = self._orbits(rest)[self._index(whole), units[units <= self.units]]
        return int(orbits.min(initial=_IMPOSSIBLE))

    def _index(self, pool: int) -> int:
        """The number of what a pool holds."""
        return int(pools().points[pool, self._kinds] @ self._strides)

    def _orbits(self, rest: tuple[int, ...]) -> Ints:
        """(number of what a pool holds, units) least orbits that fill elements of these coefficients."""
        if rest not in self._filled:
            units = np.arange(self.units + 1)
            self._filled[rest] = np.array(
                [
                    self._split(self._free_orbits(self._root), held, held, rest[0] * units, self._orbits(rest[1:]))
                    for held in range(len(self._points))
                ]
            )
        return self._filled[rest]

    def _split(self, free: Ints, own: int, whole: int, atoms: Ints, others: Ints) -> Ints:
        """(k,) least orbits over all ways to take points; ``others`` (number of what is left, k) is what it leaves."""
        taken = np.flatnonzero((self._points <= self._points[own]).all(axis=1))
        lacking = np.maximum(atoms - self._atoms[taken, None], -1)  # the last entry of free is the impossible
        orbits = self._points[taken].sum(axis=1)[:, None] + free[lacking] + others[whole - taken]
        return np.asarray(orbits.min(axis=0))

    def _free_orbits(self, pool: int) -> Ints:
        """(most + 2,) least orbits with free parameters that hold 0, 1, 2 … atoms; the last entry is the impossible."""
        if pool not in self._free:
            least = np.full(self._most + 2, _IMPOSSIBLE)
            least[0] = 0
            inside = least[:-1]
            for multiplicity in MULTIPLICITIES[pools().free[pool]].tolist():
                for orbits in (1 << power for power in range(self._max_sites.bit_length())):
                    atoms = orbits * multiplicity  # any number of orbits is a sum of powers of two
                    inside[atoms:] = np.minimum(inside[atoms:], inside[:-atoms] + orbits)
            self._free[pool] = least
        return self._free[pool]


def _without(coefficients: tuple[int, ...], one: int) -> tuple[int, ...]:
    at = coefficients.index(one)
    return coefficients[:at] + coefficients[at + 1 :]


def _element_counts(state: State) -> list[tuple[int, ...]]:
    """Atoms of each element so far, in order of appearance."""
    return [tuple(row[:n]) for row, n in zip(state.counts.tolist(), state.n_elements.tolist(), strict=True)]
