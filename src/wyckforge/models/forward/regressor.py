"""A network on vectors of descriptors, with the scaling of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from wyckforge.models.forward.architecture import Answer, Pace, Tensors, as_heads

Floats = NDArray[np.float64]
_FARTHEST = 4.0
"""Standard deviations at which inputs are cut off."""


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Brings descriptors to mean 0 and standard deviation 1; what is unknown becomes the median.

    Attributes:
        median: (d,) of the training rows.
        mean: (d,) of the same, after filling.
        deviation: (d,) of the same; 0 for what never differs, and is dropped.
    """

    median: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def fit(cls, x: Floats) -> Self:
        """From training rows (n, d)."""
        known = np.isfinite(x).any(0)
        median = np.where(known, np.nanmedian(np.where(known, x, 0.0), axis=0), 0.0)
        filled = np.where(np.isfinite(x), x, median)
        deviation = filled.std(0)
        return cls(median, filled.mean(0), np.where(deviation > 1e-9, deviation, 0.0))

    def __call__(self, x: Floats) -> NDArray[np.float32]:
        """(n, d) to (n, kept)."""
        kept = self.deviation > 0
        filled = np.where(np.isfinite(x), x, self.median)[:, kept]
        return np.clip((filled - self.mean[kept]) / self.deviation[kept], -_FARTHEST, _FARTHEST).astype(np.float32)

    @property
    def kept(self) -> int:
        """Descriptors that differ between the training rows."""
        return int((self.deviation > 0).sum())

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], *, inputs: int) -> Self:
        """Inverse of :meth:`to_arrays`, for so many descriptors.

        Raises:
            ValueError: there are others, or a number is not finite.
        """
        found = [arrays[name].astype(np.float64) for name in ("median", "mean", "deviation")]
        if any(part.shape != (inputs,) for part in found) or not np.isfinite(found).all():
            raise ValueError("the scaling of the descriptors is malformed")
        return cls(*found)

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays by name."""
        return {"median": self.median, "mean": self.mean, "deviation": self.deviation}


@dataclass(frozen=True)
class Regressor:
    """A perceptron on standardised descriptors.

    Attributes:
        inputs: number of descriptors.
        width: of its layers.
    """

    inputs: int
    width: int = 384

    pace: ClassVar = Pace(epochs=60, learning_rate=2e-3, batch_size=64, weight_decay=0.05)

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _Regressor(self.inputs, self.width, outputs)


class _Regressor(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(0.1))
        for before in (inputs, width):
            self.layers.extend((nn.Linear(before, width), nn.LayerNorm(width), nn.SiLU(), nn.Dropout(0.3)))
        self.layers.append(nn.Linear(width, 3 * outputs))

    def forward(self, batch: Tensors) -> Answer:
        """Properties of descriptors ``x`` (n, inputs)."""
        found: Tensor = self.layers(batch["x"])
        return Answer(as_heads(found), found.new_zeros(()))
