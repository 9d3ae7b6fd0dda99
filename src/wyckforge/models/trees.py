"""Ensembles of boosted decision trees, fitted by scikit-learn and kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_AT_ONCE = 256
"""Rows that are sent through the trees together."""


@dataclass(frozen=True, eq=False)
class Trees:
    """m boosted classifiers of t trees with up to k nodes each.

    A row goes to the left of a node if its number is not above the threshold. A leaf leads to itself, whatever comes,
    so that all rows can make the same number of steps.

    Attributes:
        feature: (m, t, k) which number of a row a node looks at.
        threshold: (m, t, k) what it is compared with; infinite at a leaf.
        left: (m, t, k) node for numbers up to the threshold.
        right: (m, t, k) node for numbers above it.
        value: (m, t, k) log-odds that a leaf adds.
        base: (m,) log-odds before any tree.
    """

    feature: NDArray[np.int16]
    threshold: Singles
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: Singles
    base: Singles

    @classmethod
    def of(cls, fitted: Sequence[Any]) -> Self:
        """From m fitted ``HistGradientBoostingClassifier`` of two classes and of as many trees each."""
        # scikit-learn has no public way to the nodes; tests hold what is read here against its own answers
        grown = [[stage[0].nodes for stage in one._predictors] for one in fitted]
        shape = len(grown), len(grown[0]), max(len(nodes) for trees in grown for nodes in trees)
        own = np.broadcast_to(np.arange(shape[2], dtype=np.int16), shape)
        feature, left, right = np.zeros(shape, np.int16), own.copy(), own.copy()
        threshold, value = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
        for m, trees in enumerate(grown):
            for t, nodes in enumerate(trees):
                leaf = nodes["is_leaf"].astype(bool)
                inner = np.flatnonzero(~leaf)
                feature[m, t, inner] = nodes["feature_idx"][inner]
                threshold[m, t, inner] = nodes["num_threshold"][inner]
                left[m, t, inner], right[m, t, inner] = nodes["left"][inner], nodes["right"][inner]
                value[m, t, : len(nodes)] = np.where(leaf, nodes["value"], 0.0)
        base = np.array([np.ravel(one._baseline_prediction)[0] for one in fitted], np.float32)
        return cls(feature, threshold, left, right, value, base)

    def log_odds(self, x: Singles) -> Floats:
        """(m, n) what each classifier says of rows (n, d)."""
        parts = [self._part(x[start : start + _AT_ONCE]) for start in range(0, len(x), _AT_ONCE)]
        return np.concatenate(parts, 1) if parts else np.zeros((len(self.base), 0))

    def _part(self, x: Singles) -> Floats:
        m, t, k = self.feature.shape
        feature, threshold, children, value = self._nodes
        rows = np.arange(len(x))[:, None] * x.shape[1]
        node = np.broadcast_to(np.arange(m * t) * k, (len(x), m * t))
        numbers = x.ravel()
        while True:
            above = numbers[rows + feature[node]] > threshold[node]
            following = children[2 * node + above]
            if np.array_equal(following, node):
                break
            node = following
        found: Floats = value[node].reshape(len(x), m, t).sum(2, dtype=np.float64).T + self.base[:, None]
        return found

    @cached_property
    def _nodes(self) -> tuple[NDArray[np.int64], Singles, NDArray[np.int64], Singles]:
        """All nodes behind each other: feature, threshold, the two children in turn, value."""
        m, t, k = self.feature.shape
        first = (np.arange(m * t) * k).reshape(m, t, 1, 1)
        children = np.stack([self.left, self.right], -1) + first
        return self.feature.ravel().astype(np.int64), self.threshold.ravel(), children.ravel(), self.value.ravel()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, inputs: int) -> Self:
        """Inverse of :meth:`to_arrays`, for rows of so many numbers.

        Raises:
            ValueError: shapes disagree, a number is not finite, or a node leads nowhere or back.
        """
        found = cls(**{field.name: arrays[field.name] for field in fields(cls)})
        shape = found.feature.shape
        if len(shape) != 3 or found.base.shape != shape[:1] or not all(shape):
            raise ValueError(f"trees of shape {shape} with bases of shape {found.base.shape}")
        if any(part.shape != shape for part in (found.threshold, found.left, found.right, found.value)):
            raise ValueError("the arrays of trees are of different shapes")
        if any(part.dtype.kind != "i" for part in (found.feature, found.left, found.right)):
            raise ValueError("nodes or features of trees are no whole numbers")
        if np.isnan(found.threshold).any() or not all(np.isfinite(part).all() for part in (found.value, found.base)):
            raise ValueError("trees with numbers that are not finite")
        if not ((found.feature >= 0) & (found.feature < inputs)).all():
            raise ValueError(f"trees that look at more than the {inputs} numbers of a row")
        own = np.arange(shape[2])
        leaf = (found.left == own) & (found.right == own)
        onward = (found.left > own) & (found.right > own) & (found.left < shape[2]) & (found.right < shape[2])
        if not (leaf | onward).all():
            raise ValueError("a node of a tree leads nowhere or back")
        return found
