"""Support vector regression on standardised descriptors, fitted by scikit-learn and kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MOST_ROWS = 8000
"""Rows up to which it is fitted: its time grows with their square."""

_COST, _TUBE, _RATE = 3.0, 0.02, 0.5
"""Price of an error, error that costs nothing, and the kernel's rate times the number of descriptors."""

_AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class Kernel:
    """A radial kernel around training rows, for t properties at once.

    Attributes:
        anchors: (m, d) training rows.
        weights: (t, m) of each.
        offset: (t,).
    """

    anchors: Singles
    weights: Floats
    offset: Floats

    @classmethod
    def fit(cls, x: Singles, labels: Floats) -> Self:
        """Fit to rows (m, d) and scaled labels (m, t), NaN where missing."""
        from sklearn.svm import SVR

        weights, offset = np.zeros((labels.shape[1], len(x))), np.zeros(labels.shape[1])
        for column, values in enumerate(labels.T):
            rows = np.flatnonzero(np.isfinite(values))
            if not len(rows):
                continue
            machine = SVR(C=_COST, epsilon=_TUBE, gamma=_RATE / x.shape[1]).fit(x[rows], values[rows])
            weights[column, rows[machine.support_]] = machine.dual_coef_[0]
            offset[column] = machine.intercept_[0]
        return cls(x, weights, offset)

    def __call__(self, x: Singles) -> Floats:
        """(n, d) to (n, t)."""
        parts = [self._part(x[start : start + _AT_ONCE]) for start in range(0, len(x), _AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.offset)))

    def _part(self, x: Singles) -> Floats:
        ours, theirs = x.astype(np.float64), self.anchors.astype(np.float64)
        squared = (ours**2).sum(1)[:, None] + (theirs**2).sum(1) - 2 * ours @ theirs.T
        near = np.exp(-_RATE / x.shape[1] * np.maximum(squared, 0))
        found: Floats = near @ self.weights.T + self.offset
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays by name, in single precision."""
        return {
            "anchors": self.anchors,
            "weights": self.weights.astype(np.float32),
            "offset": self.offset.astype(np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, inputs: int, outputs: int) -> Self:
        """Inverse of :meth:`to_arrays`.

        Raises:
            ValueError: shapes disagree, or a number is not finite.
        """
        anchors, weights, offset = (arrays[name] for name in ("anchors", "weights", "offset"))
        if anchors.shape[1:] != (inputs,) or weights.shape != (outputs, len(anchors)) or offset.shape != (outputs,):
            raise ValueError(f"a kernel of shapes {anchors.shape}, {weights.shape} and {offset.shape}")
        if not all(np.isfinite(part).all() for part in (anchors, weights, offset)):
            raise ValueError("a kernel with numbers that are not finite")
        return cls(anchors.astype(np.float32), weights.astype(np.float64), offset.astype(np.float64))
