"""Labels to numbers of order one and back, with what can be told from them about the property."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import TableError
from wyckforge.properties import LARGEST

_ZERO_SHARE = 0.1
_LONG_TAIL = 2.0
_MOSTLY = 0.99
"""Share of the labels that must be positive for logarithms to be learned."""

_JSON_TYPES = {"str": (str,), "float": (float, int), "bool": (bool,)}
"""What a field can be in JSON, by its type here."""

_ROUNDING = 1e-9
"""Of their size: numbers that differ by no more are the same, but for how they were rounded."""


def are_same(values: NDArray[np.float64]) -> bool:
    """Whether n numbers differ by no more than rounding."""
    return not len(values) or float(np.ptp(values)) <= _ROUNDING * float(np.abs(values).max())


@dataclass(frozen=True, slots=True)
class PropertyScale:
    """A linear map of a property, or of its logarithm, to numbers of mean 0 and standard deviation 1.

    Attributes:
        name: of the property.
        mean: of the training labels (their logarithms), subtracted; 0 where zero has a meaning of its own.
        deviation: standard deviation of the training labels (their logarithms).
        logarithmic: whether the logarithm is learned: labels with a long tail, all but a few of them positive. The few
            have no place on the scale.
        zero_inflated: whether a tenth or more of the labels is exactly zero, as the gaps of metals are.
        non_negative: whether no label is negative.

    Raises:
        TableError: the deviation is not positive, or a number is larger than a label can be.
    """

    name: str
    mean: float
    deviation: float
    logarithmic: bool = False
    zero_inflated: bool = False
    non_negative: bool = False

    def __post_init__(self) -> None:
        if not (abs(self.mean) < LARGEST and 0 < self.deviation < LARGEST):
            raise TableError(
                f"{self.name} has mean {self.mean} and standard deviation {self.deviation}; a property needs at least "
                f"two different labels, smaller than {LARGEST:g}, to be learned"
            )

    @classmethod
    def fit(cls, name: str, labels: NDArray[np.float64]) -> Self:
        """Take the scale of training labels, NaN ignored. Give the training rows only.

        Raises:
            TableError: fewer than two labels that differ by more than rounding.
        """
        known = labels[~np.isnan(labels)]
        if are_same(known):
            raise TableError(
                f"{name} has {len(known)} training labels, none of which differ; a property needs at least two that do"
            )
        zero_inflated = bool((known == 0).mean() >= _ZERO_SHARE)
        if zero_inflated:
            others = known[known != 0]
            deviation = 1.0 if are_same(others) else float(others.std())
            return cls(name, 0.0, deviation, False, True, bool(known.min() >= 0))
        positive = known[known > 0]
        logarithmic = len(positive) >= _MOSTLY * len(known) and _skewness(positive) > _LONG_TAIL
        learned = np.log(positive) if logarithmic else known
        return cls(name, float(learned.mean()), float(learned.std()), logarithmic, False, bool(known.min() >= 0))

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Physical units to scaled ones; NaN stays, and so does zero where it has a meaning of its own."""
        values = np.asarray(values, np.float64)
        if self.logarithmic:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(values > 0, np.log(values), np.nan)
        return (values - self.mean) / self.deviation

    def inverse(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled units to physical ones, or to their logarithm for a logarithmic property."""
        return np.asarray(scaled, np.float64) * self.deviation + self.mean

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`.

        Raises:
            TableError: malformed.
        """
        try:
            scale = cls(**data)
            for field in fields(cls):
                if type(value := getattr(scale, field.name)) not in _JSON_TYPES[str(field.type)]:
                    raise TypeError(f"{field.name} is {value!r}")
            return scale
        except TypeError as error:
            raise TableError(f"{dict(data)!r} is not the scale of a property ({error})") from None


def _skewness(values: NDArray[np.float64]) -> float:
    centred = values - values.mean()
    return float((centred**3).mean() / max(float((centred**2).mean()) ** 1.5, 1e-300))
