"""The predicted distribution of a property: Laplace, with a chance of being exactly zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distribution:
    """One property of n genes.

    With probability ``zero`` the property is exactly zero, else it follows a Laplace distribution. Of a property that
    cannot be negative, what lies below zero counts as zero too; of a logarithmic one, the Laplace distribution is
    that of the logarithm.

    Attributes:
        location: (n,) middle, in the unit of the property or its logarithm.
        scale: (n,) mean absolute deviation from it.
        zero: (n,) probability of exactly zero.
        non_negative: whether negative values cannot be.
        logarithmic: whether ``location`` and ``scale`` are of the natural logarithm.
    """

    location: Floats
    scale: Floats
    zero: Floats
    non_negative: bool = False
    logarithmic: bool = False

    def value(self) -> Floats:
        """(n,) zero where that is the likelier case, else the median of the Laplace distribution.

        In two steps on purpose: what is not zero is predicted as if known not to be, so that its size is not drawn
        towards zero by a doubt about its kind, as the median of the whole would be.
        """
        if self.logarithmic:
            return np.exp(self.location)
        middle = np.maximum(self.location, 0) if self.non_negative else self.location
        return np.where(self.zero > 0.5, 0.0, middle)

    def below(self, bound: float | Floats, *, inclusive: bool = True) -> Floats:
        """(n,) probability of a value of at most ``bound`` (less than it if not ``inclusive``)."""
        bound = np.broadcast_to(np.asarray(bound, np.float64), self.location.shape)
        if self.logarithmic:
            with np.errstate(divide="ignore"):
                continuous = self._laplace(np.log(np.maximum(bound, 0)))
        else:
            continuous = self._laplace(bound)
        reaches_zero = bound >= 0 if inclusive else bound > 0
        if self.non_negative:
            continuous = np.where(reaches_zero, continuous, 0.0)
        return self.zero * reaches_zero + (1 - self.zero) * continuous

    def probability(self, low: float, high: float) -> Floats:
        """(n,) probability of a value from ``low`` to ``high``, both included."""
        return np.clip(self.below(high) - self.below(low, inclusive=False), 0, 1)

    def quantile(self, share: float) -> Floats:
        """(n,) least value that a share of the distribution, between 0 and 1, does not exceed."""
        below_zero, up_to_zero = self.below(0.0, inclusive=False), self.below(0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = np.where(share <= below_zero, share, share - self.zero) / (1 - self.zero)
        rest = np.clip(np.nan_to_num(rest, nan=0.5), 1e-300, 1 - 1e-16)
        side = np.minimum(rest, 1 - rest)
        value = self.location + np.sign(rest - 0.5) * self.scale * -np.log(2 * side)
        value = np.exp(np.minimum(value, 700)) if self.logarithmic else value
        return np.where((share > below_zero) & (share <= up_to_zero), 0.0, value)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """(n,) bounds that hold the central share ``level`` of the distribution."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def _laplace(self, bound: Floats) -> Floats:
        distance = (bound - self.location) / self.scale
        tail = 0.5 * np.exp(-np.abs(distance))
        return np.where(distance < 0, tail, 1 - tail)
