"""Which partial genes can still be completed, as far as orbits and atoms go.

Two ways of counting, one interface: :class:`AtomCount` where only the atoms of the conventional cell are bounded, and
:class:`~wyckforge.models.orbitvae.stoichiometry.Stoichiometry` where the atoms of every element are. Both are exact: a
way is open if and only if a completion exists. Which elements may come is the business of the grammar.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.orbitvae.pools import MULTIPLICITIES, POINT_BIT, Bools, Ints, pools
from wyckforge.models.orbitvae.state import State
from wyckforge.symmetry.tables import LETTERS, MULTIPLICITY


class Ways(NamedTuple):
    """How a gene can go on once it has an orbit more.

    Attributes:
        closes: whether it can be completed without a further element.
        opens: the most further elements with which it can be completed. Fewer, down to one, are possible as well unless
            the way of counting fixes the number of elements.
    """

    closes: Bools
    opens: Ints


class Counting(Protocol):
    """What can be reached from partial genes, given bounds on their orbits and atoms."""

    def complete(self, state: State) -> Bools:
        """(n,) whether the atoms so far are as asked for."""

    def opens(self, state: State) -> Ints:
        """(n,) the most further elements, as in :class:`Ways`, when the last element so far gets no further orbit."""

    def letters(self, state: State, fresh: Bools) -> Ways:
        """What each letter as the next orbit leads to.

        Args:
            state: n partial genes.
            fresh: (n,) whether the orbit belongs to a new element; the last one goes on otherwise.

        Returns:
            Ways of shape (n, 27).
        """


def usable_letters(state: State, fresh: Bools) -> Bools:
    """(n, 27) letters that exist, have room, and respect the order within an element."""
    unused = (state.used[:, None] & POINT_BIT[state.group]) == 0
    in_order = fresh[:, None] | (np.arange(len(LETTERS)) >= state.letter[:, None])
    return np.asarray((MULTIPLICITY[state.group] > 0) & unused & in_order)


class AtomCount:
    """Bounds on the atoms of the conventional cell; elements take any share.

    For every pool and number of atoms there is one integer whose bits are the numbers of orbits that lead from there
    into the bounds.

    Args:
        low: least atoms, at least 1.
        high: most atoms, or ``None``.
        max_sites: most orbits, at most 61.
    """

    def __init__(self, low: int, high: int | None, max_sites: int) -> None:
        self._max_sites = max_sites
        # the last column stands for all higher numbers as well: too many, or enough
        inside = np.arange((low if high is None else high + 1) + 1) >= low
        inside[-1] = high is None
        self._inside = inside
        self._known = np.zeros(len(pools().points), bool)
        self._ways = np.zeros((len(self._known), len(inside)), np.int64)

    def complete(self, state: State) -> Bools:
        """(n,) whether the number of atoms is within the bounds."""
        return np.asarray(self._inside[np.minimum(state.n_atoms, len(self._inside) - 1)])

    def opens(self, state: State) -> Ints:
        """(n,) the most further elements, each of at least one orbit."""
        pool = pools().of[state.group, state.used, 0]
        return _highest_bit(self._orbits(pool, state.n_atoms, self._max_sites - state.n_sites))

    def letters(self, state: State, fresh: Bools) -> Ways:
        """What each letter as the next orbit leads to; see :class:`Counting`."""
        used = state.used[:, None] | POINT_BIT[state.group]
        atoms = state.n_atoms[:, None] + MULTIPLICITY[state.group]
        left = self._max_sites - 1 - state.n_sites[:, None]
        group, usable = state.group[:, None], usable_letters(state, fresh)
        closes = self._orbits(pools().of[group, used, np.arange(len(LETTERS))], atoms, left) > 0
        opens = _highest_bit(self._orbits(pools().of[group, used, 0], atoms, left))
        return Ways(usable & closes, np.where(usable, opens, -1))

    def _orbits(self, pool: NDArray[np.int16], atoms: Ints, left: Ints) -> Ints:
        """Bits of the numbers of orbits, at most ``left``, that lead into the bounds."""
        for missing in np.unique(pool[~self._known[pool]]):
            self._ways[missing] = self._ways_into_bounds(int(missing))
            self._known[missing] = True
        within = (1 << (left + 1)) - 1
        return self._ways[pool, np.minimum(atoms, len(self._inside) - 1)] & within

    def _ways_into_bounds(self, pool: int) -> Ints:
        ways = self._inside.astype(np.int64)
        column = np.arange(len(ways))
        limit = (2 << self._max_sites) - 1

        def may_add(orbits: int, multiplicity: int) -> None:
            there = np.minimum(column + orbits * multiplicity, len(ways) - 1)
            np.bitwise_or(ways, ways[there] << orbits & limit, out=ways)

        for multiplicity, points, free in zip(MULTIPLICITIES, pools().points[pool], pools().free[pool], strict=True):
            for _ in range(points):
                may_add(1, multiplicity)
            for power in range(self._max_sites.bit_length() if free else 0):
                may_add(1 << power, multiplicity)  # any number of orbits is a sum of powers of two
        return ways


def _highest_bit(values: Ints) -> Ints:
    """Index of the highest set bit, -1 for zero."""
    alone = values & ~(values >> 1)  # the next lower bit is cleared, so that rounding cannot carry into a higher one
    return np.frexp(alone.astype(np.float64))[1].astype(np.int64) - 1
