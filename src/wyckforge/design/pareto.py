"""The Pareto front: candidates that no other one beats in every respect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Direction = Literal["min", "max"]
_SIGNS: dict[Direction, float] = {"min": 1.0, "max": -1.0}


def pareto_front(values: NDArray[np.float64], directions: Sequence[Direction]) -> NDArray[np.bool_]:
    """Which rows no other row dominates.

    A row dominates another if it is nowhere worse and somewhere better. Equal rows do not dominate each other, so that
    all of them are on the front or none is. A row with a NaN is not on the front, and dominates nothing.

    Args:
        values: (n, k) n candidates, k criteria.
        directions: whether the least or the greatest value of each criterion is the best.

    Returns:
        (n,) whether the row is on the front.

    Raises:
        ValueError: not one direction per criterion, or a direction is unknown.
    """
    if values.ndim != 2 or values.shape[1] != len(directions) or not set(directions) <= set(_SIGNS):
        raise ValueError(
            f"values of shape {values.shape} with directions {list(directions)} given; allowed are (n, k) values with "
            f"one of {', '.join(_SIGNS)} for each of the k columns"
        )
    costs = values * np.array([_SIGNS[direction] for direction in directions])
    on_front = np.zeros(len(costs), bool)
    known = np.flatnonzero(~np.isnan(costs).any(axis=1))
    # In lexicographic order no row is dominated by a later one, so that each is compared with the front so far.
    order = known[np.lexsort(costs[known].T[::-1])] if len(directions) else known
    front = np.empty_like(costs)
    size = 0
    for row in order:
        better = front[:size]
        if not ((better <= costs[row]).all(axis=1) & (better < costs[row]).any(axis=1)).any():
            on_front[row] = True
            front[size] = costs[row]
            size += 1
    return on_front
