"""Metrics as pure functions of arrays."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened.

    Attributes:
        hits: how often it did.
        n: how often it could have.
    """

    hits: int
    n: int

    @classmethod
    def of(cls, happened: NDArray[np.bool_]) -> Self:
        """The rate of a yes in an array (n,)."""
        return cls(int(happened.sum()), len(happened))

    @property
    def value(self) -> float | None:
        """The share; ``None`` of nothing."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval by :func:`wilson_interval`; ``None`` of nothing."""
        return wilson_interval(self.hits, self.n) if self.n else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"value": self.value, "interval": self.interval and list(self.interval), "hits": self.hits, "n": self.n}


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its 95 % interval; a part that the data leave open is ``None``."""

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"value": self.value, "interval": [self.low, self.high]}


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Cases of similar claimed probability.

    Attributes:
        low: claims lie above it; of the first bin, also on it.
        high: claims lie below or on it.
        claimed: mean claim.
        achieved: how often it came true.
    """

    low: float
    high: float
    claimed: float
    achieved: Rate


@dataclass(frozen=True, slots=True)
class Calibration:
    """What claimed probabilities are worth.

    Attributes:
        bins: ascending, without empty ones.
        error: expected calibration error: the mean over all cases of how far claim and share of their bin are apart.
        n: cases.
    """

    bins: tuple[CalibrationBin, ...]
    error: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        bins = [{**asdict(one), "achieved": one.achieved.to_dict()} for one in self.bins]
        return {"expected_calibration_error": self.error, "n": self.n, "bins": bins}


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


def rate_ratio(one: Rate, other: Rate, z: float = Z_95) -> Ratio:
    """How many times ``one`` is as frequent as ``other``.

    The logarithm of the ratio is taken as normal with variance 1/a - 1/n + 1/b - 1/m for a of n and b of m. Where one
    of a and b is zero, the bound that can be given is that of a + 1/2 of n + 1/2 and b + 1/2 of m + 1/2, and the other
    is zero or open; where both are, nothing can be said.

    Source: Katz et al., Biometrics 34, 469 (1978); for zeros, Walter, Biometrika 62, 371 (1975).
    """
    if not one.n or not other.n or not (one.hits or other.hits):
        return Ratio(None, None, None)
    half = 0.0 if one.hits and other.hits else 0.5
    a, n, b, m = one.hits + half, one.n + half, other.hits + half, other.n + half
    spread = z * math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    low, high = (a / n) / (b / m) * math.exp(-spread), (a / n) / (b / m) * math.exp(spread)
    if not one.hits:
        return Ratio(0.0, 0.0, high)
    if not other.hits:
        return Ratio(None, low, None)
    return Ratio((a / n) / (b / m), low, high)


def calibration(claimed: NDArray[np.float64], achieved: NDArray[np.bool_], *, bins: int = 10) -> Calibration:
    """Compare claimed probabilities with what came true, in bins of equal width.

    Args:
        claimed: (n,) probabilities.
        achieved: (n,) whether it came true.
        bins: number of bins from 0 to 1.

    Raises:
        ValueError: a claim is no probability.

    Source: Guo et al., Proc. 34th Int. Conf. Machine Learning, 1321 (2017).
    """
    if not ((claimed >= 0) & (claimed <= 1)).all():
        raise ValueError(f"claims from {claimed.min()} to {claimed.max()} given; allowed are probabilities, 0 to 1")
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], claimed)
    found = [
        CalibrationBin(
            float(edges[i]), float(edges[i + 1]), float(claimed[place == i].mean()), Rate.of(achieved[place == i])
        )
        for i in np.unique(place)
    ]
    gaps = [abs(one.claimed - one.achieved.hits / one.achieved.n) * one.achieved.n for one in found]
    return Calibration(tuple(found), sum(gaps) / len(claimed) if found else None, len(claimed))


def bootstrap_interval(
    values: NDArray[np.float64], rng: np.random.Generator, *, resamples: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of values (n,), n at least 1."""
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
