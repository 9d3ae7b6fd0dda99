"""A linear rule that comes first: what composition and the potential's energy say about a property by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WORTHWHILE = 0.25
"""A rule is used if it leaves less than this share of the mean absolute deviation."""

_ROUNDS, _SMALLEST = 12, 1e-3
"""Rounds of reweighting, and the error, scaled, below which errors count alike."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Weights of the columns of x for t properties; the formation energy is nearly linear in what it sees.

    A property that is not nearly linear has no weights, and all of it is left.

    Attributes:
        weights: (d, t).
        spread: (t,) size of what is left, scaled units; 1 without a rule.
    """

    weights: Floats
    spread: Floats

    @classmethod
    def fit(cls, x: Floats, labels: Floats, zero_inflated: NDArray[np.bool_]) -> Self:
        """The rule with the least absolute errors on rows (n, d) and scaled labels (n, t), NaN where missing.

        Found by weighted least squares, each row weighted by the inverse of its last error: labels have outliers.
        """
        outputs = labels.shape[1]
        weights, spread = np.zeros((x.shape[1], outputs)), np.ones(outputs)
        for column, values in enumerate(labels.T):
            known: NDArray[np.bool_] = np.isfinite(np.column_stack([x, values])).all(axis=1)
            if zero_inflated[column] or known.sum() <= x.shape[1]:
                continue
            seen, own = x[known], values[known]
            found = np.linalg.lstsq(seen, own)[0]
            for _ in range(_ROUNDS):
                root = 1 / np.sqrt(np.maximum(np.abs(own - seen @ found), _SMALLEST))
                found = np.linalg.lstsq(seen * root[:, None], own * root)[0]
            left = np.abs(own - seen @ found).mean()
            if left < _WORTHWHILE * np.abs(own - np.median(own)).mean():
                weights[:, column], spread[column] = found, left
        return cls(weights, spread)

    def says(self, x: Floats) -> Floats:
        """(n, d) to (n, t), scaled units; NaN for rows of which something is not known."""
        found: Floats = x @ self.weights
        return found

    def left(self, x: Floats, labels: Floats) -> Floats:
        """(n, t) what the rule leaves of scaled labels, of order one."""
        found: Floats = (labels - self.says(x)) / self.spread
        return found

    def joined(self, x: Floats, heads: Floats) -> Floats:
        """(3, n, t) heads that say what the rule leaves as heads that say the whole."""
        location, log_scale, zero = heads
        return np.stack([self.says(x) + self.spread * location, log_scale + np.log(self.spread), zero])

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays by name."""
        return {"weights": self.weights, "spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, inputs: int, outputs: int) -> Self:
        """Inverse of :meth:`to_arrays`.

        Raises:
            ValueError: shapes disagree, or a number is not finite or not positive.
        """
        weights, spread = (arrays[name].astype(np.float64) for name in ("weights", "spread"))
        if weights.shape != (inputs, outputs) or spread.shape != (outputs,):
            raise ValueError(f"a rule of shape {weights.shape} for {inputs} inputs and {outputs} properties")
        if not (np.isfinite(weights).all() and np.isfinite(spread).all()):
            raise ValueError("a rule with numbers that are not finite")
        if not (spread > 0).all():
            raise ValueError("a rule without spread")
        return cls(weights, spread)
