"""Which partial genes can still be completed to a given stoichiometry."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.orbitvae.feasibility import Ways, usable_letters
from wyckforge.models.orbitvae.pools import POINT_BIT, Bools, Ints, pools
from wyckforge.models.orbitvae.state import State
from wyckforge.models.orbitvae.stock import IMPOSSIBLE, Stock
from wyckforge.symmetry.tables import LETTERS, MULTIPLICITY

_REMEMBERED = 1 << 17
"""Results to keep of each kind; partial genes repeat themselves within a batch and between batches."""


class _Reading(NamedTuple):
    """Formula units in the conventional cell to choose from, and the coefficients that no complete element has."""

    units: Ints
    rest: tuple[int, ...]


class _Openings(NamedTuple):
    """The k different situations that the letters of a partial gene lead to.

    Attributes:
        own: (k,) pool from which the element can go on.
        whole: (k,) pool for all further elements.
        atoms: (k,) atoms of the letter.
        of_letter: (27,) the situation of each letter.
    """

    own: Ints
    whole: Ints
    atoms: Ints
    of_letter: Ints


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
        self._low, self._high = low, max_sites * int(MULTIPLICITY.max()) if high is None else high
        remember = lru_cache(maxsize=_REMEMBERED)
        self._stock = remember(partial(Stock, ratio=ratio, high=self._high, max_sites=max_sites))
        self._readings = remember(self._read)
        self._least_to_open = remember(self._find_least_to_open)
        self._least_by_letter = remember(self._find_least_by_letter)

    def complete(self, state: State) -> Bools:
        """(n,) whether the ratio and the number of atoms are as asked for."""
        counts = map(_ascending, _element_counts(state))
        return np.array([any(not reading.rest for reading in self._readings(row)) for row in counts], bool)

    def opens(self, state: State) -> Ints:
        """(n,) further elements, all that the ratio asks for, or -1."""
        rows = zip(state.group.tolist(), state.used.tolist(), _element_counts(state), strict=True)
        least = [self._least_to_open(group, used, _ascending(counts)) for group, used, counts in rows]
        possible = np.array(least, np.int64) <= self._max_sites - state.n_sites
        return np.where(possible, len(self._ratio) - state.n_elements, -1)

    def letters(self, state: State, fresh: Bools) -> Ways:
        """What each letter as the next orbit leads to; see :class:`~wyckforge.models.orbitvae.feasibility.Counting`."""
        counts = _element_counts(state)
        split = [(row, 0) if new else (row[:-1], row[-1]) for row, new in zip(counts, fresh.tolist(), strict=True)]
        rows = zip(state.group.tolist(), state.used.tolist(), split, strict=True)
        least = [self._least_by_letter(group, used, _ascending(done), atoms) for group, used, (done, atoms) in rows]
        left = self._max_sites - 1 - state.n_sites
        ways = usable_letters(state, fresh) & (np.reshape(least, (-1, len(LETTERS))) <= left[:, None])
        further = (len(self._ratio) - state.n_elements - fresh)[:, None]
        return Ways(ways & (further == 0), np.where(ways, further, -1))

    def _find_least_by_letter(self, group: int, used: int, done: tuple[int, ...], atoms: int) -> NDArray[np.int16]:
        """(27,) least orbits that complete the gene once a letter was added to an element.

        Args:
            group: zero-based.
            used: bits of the occupied points.
            done: atoms of the complete elements, ascending.
            atoms: those of the element so far.
        """
        stock, openings = self._stock(int(pools().of[group, 0, 0])), _openings(group, used)
        least = np.full(len(openings.own), IMPOSSIBLE)
        for units, rest in self._readings(done):
            for coefficient in set(rest):
                others = _without(rest, coefficient)
                orbits = stock.fill(openings.own, openings.whole, coefficient, atoms + openings.atoms, others, units)
                np.minimum(least, orbits, out=least)
        return least[openings.of_letter].astype(np.int16)

    def _find_least_to_open(self, group: int, used: int, done: tuple[int, ...]) -> int:
        """Least orbits that fill the elements still to come, at least one."""
        root, whole = pools().of[group, [0, used], 0].tolist()
        stock, readings = self._stock(root), self._readings(done)
        return min((stock.fill_all(whole, rest, units) for units, rest in readings if rest), default=IMPOSSIBLE)

    def _read(self, done: tuple[int, ...]) -> list[_Reading]:
        """The ways to read the atoms of the complete elements as multiples of coefficients."""
        total = sum(self._ratio)
        units = range(-(-self._low // total), self._high // total + 1)
        if not done:
            return [_Reading(np.array(units, np.int64), self._ratio)]
        readings = []
        for n in {done[0] // coefficient for coefficient in self._ratio}.intersection(units):
            rest = Counter(self._ratio)
            rest.subtract([count // n if count % n == 0 else 0 for count in done])
            if min(rest.values()) >= 0:
                readings.append(_Reading(np.array([n]), tuple(sorted(rest.elements()))))
        return readings


@lru_cache(maxsize=_REMEMBERED)
def _openings(group: int, used: int) -> _Openings:
    of, after = pools().of[group], used | POINT_BIT[group]
    every = np.stack([of[after, np.arange(len(LETTERS))], of[after, 0], MULTIPLICITY[group]])
    (own, whole, atoms), of_letter = np.unique(every, axis=1, return_inverse=True)
    return _Openings(own, whole, atoms, of_letter.ravel())  # numpy 2.0 keeps two dimensions


def _ascending(counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(counts))


def _without(coefficients: tuple[int, ...], one: int) -> tuple[int, ...]:
    at = coefficients.index(one)
    return coefficients[:at] + coefficients[at + 1 :]


def _element_counts(state: State) -> list[tuple[int, ...]]:
    """Atoms of each element so far, in order of appearance."""
    return [tuple(row[:n]) for row, n in zip(state.counts.tolist(), state.n_elements.tolist(), strict=True)]
