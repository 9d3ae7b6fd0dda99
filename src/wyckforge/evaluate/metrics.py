"""Metrics as pure functions of arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the standard normal distribution."""


def absolute_errors(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """|predicted - true| of the rows that have a true value; (n,) each, NaN where there is none."""
    known = ~np.isnan(true)
    return np.abs(predicted[known] - true[known])


def wilson_interval(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Score interval of a rate.

    Args:
        successes: how often it happened.
        n: how often it was tried, at least once.
        z: quantile of the normal distribution, for the confidence.

    Source: Wilson, J. Am. Stat. Assoc. 22, 209 (1927).
    """
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_interval(
    values: NDArray[np.float64], rng: np.random.Generator, *, resamples: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of values (n,), n at least 1."""
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def rows_equal(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether everything of a row is equal, for arrays of n rows and any further axes."""
    equal: NDArray[np.bool_] = (one == other).reshape(len(one), -1).all(axis=1)
    return equal
