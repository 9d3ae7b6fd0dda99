"""Labels to the unit interval and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import TableError


@dataclass(frozen=True)
class MinMaxScaler:
    """Linear maps that take the range of the training labels to [0, 1].

    Attributes:
        ranges: (low, high) by property name, in the unit of the property.

    Raises:
        TableError: a range is empty or not finite.
    """

    ranges: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for name, (low, high) in self.ranges.items():
            if not (np.isfinite([low, high]).all() and low < high):
                raise TableError(f"{name} ranges from {low} to {high}; training needs at least two different values")

    @classmethod
    def fit(cls, labels: Mapping[str, NDArray[np.float64]]) -> Self:
        """Take the ranges of training labels, NaN ignored. Give the training rows only.

        Raises:
            TableError: a property has fewer than two different values.
        """
        ranges = {}
        for name, values in labels.items():
            known = np.asarray(values)[~np.isnan(values)]
            if known.size == 0:
                raise TableError(f"{name} has no training label; training needs at least two different values")
            ranges[name] = (float(known.min()), float(known.max()))
        return cls(ranges)

    def transform(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Physical units to the unit interval; values outside the training range map outside it, NaN stays."""
        low, high = self.ranges[name]
        return (np.asarray(values) - low) / (high - low)

    def inverse(self, name: str, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """The unit interval to physical units."""
        low, high = self.ranges[name]
        return np.asarray(scaled) * (high - low) + low

    def to_dict(self) -> dict[str, list[float]]:
        """JSON-ready form."""
        return {name: [low, high] for name, (low, high) in self.ranges.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, list[float]]) -> Self:
        """Inverse of :meth:`to_dict`.

        Raises:
            TableError: malformed.
        """
        try:
            return cls({name: (float(low), float(high)) for name, (low, high) in data.items()})
        except (TypeError, ValueError) as error:
            raise TableError(f"{data!r} is not a scaler ({error}); give (low, high) by property name") from None
