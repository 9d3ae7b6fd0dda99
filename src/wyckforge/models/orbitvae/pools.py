"""The orbits that a space group still offers to a partial gene.

What can still be reached from a partial gene depends on multiplicities only: how many unused positions without free
parameters there are of each, and which multiplicities have a position with free parameters, whose orbits never run out.
Such a stock is called a *pool*; most space groups share theirs with others, so that there are few.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.tables import DEGREES_OF_FREEDOM, LETTERS, MULTIPLICITY

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_POINT = DEGREES_OF_FREEDOM == 0
POINT_BIT = np.where(_POINT, 1 << (np.cumsum(_POINT, axis=1) - 1), 0)
"""(230, 27) the bit of a position without free parameters among those of its group; 0 for all other letters."""

MULTIPLICITIES = np.unique(MULTIPLICITY[MULTIPLICITY > 0])
"""(m,) every multiplicity there is, ascending."""


class Pools(NamedTuple):
    """All p different pools.

    Attributes:
        points: (p, m) unused positions without free parameters, by multiplicity.
        free: (p, m) whether a position with free parameters has that multiplicity.
        of: (230, 2^b, 27) the pool of the letters from one on, by zero-based group and the bits of the used positions
            (``POINT_BIT``); the first letter stands for the whole group.
    """

    points: Ints
    free: Bools
    of: NDArray[np.int16]


@cache
def pools() -> Pools:
    """The pools of all groups."""
    ids: dict[bytes, int] = {}
    of = np.zeros((230, int(POINT_BIT.max()) * 2, len(LETTERS)), np.int16)
    for group, content in enumerate(map(_contents, range(230))):
        n_used, n_letters, _ = content.shape
        rows = (row.tobytes() for row in content.reshape(n_used * n_letters, -1))
        of[group, :n_used, :n_letters] = np.reshape([ids.setdefault(row, len(ids)) for row in rows], (n_used, -1))
    distinct = np.array([np.frombuffer(row, np.int8) for row in ids], np.int64)
    points, free = np.split(distinct, 2, axis=1)
    return Pools(points, free > 0, of)


def _contents(group: int) -> NDArray[np.int8]:
    """(2^b, letters, 2 m) points, then whether free, of each pool of a group."""
    letters = slice(0, np.count_nonzero(MULTIPLICITY[group]))
    bits, point = POINT_BIT[group, letters], _POINT[group, letters]
    one_hot = MULTIPLICITY[group, letters, None] == MULTIPLICITIES
    unused = point & (np.arange(int(bits.max()) * 2 or 1)[:, None] & bits == 0)
    from_here = np.cumsum((unused[..., None] & one_hot)[:, ::-1], axis=1, dtype=np.int8)[:, ::-1]
    free = np.logical_or.accumulate((~point[:, None] & one_hot)[::-1], axis=0)[::-1]
    return np.concatenate([from_here, np.broadcast_to(free, from_here.shape)], axis=2, dtype=np.int8)
