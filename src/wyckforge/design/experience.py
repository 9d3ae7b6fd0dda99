"""What a model has seen of a target: labelled crystals inside it, and the range of the labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import TargetError
from wyckforge.properties import describe
from wyckforge.records import Interval, Target
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

ENOUGH = 20
"""Labels inside a target from which a model can be trusted to know what is asked for."""


def pool_of(model: OrbitCheckpoint, target: Target) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The properties of a target that the generator can be told, and the training labels (m, t) that have them all."""
    names = tuple(name for name in model.conditions if name in target.properties)
    columns = [list(model.targets).index(name) for name in names]
    labels = model.labels[:, columns]
    return names, labels[~np.isnan(labels).any(axis=1)]


def inside(target: Target, names: tuple[str, ...], labels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(m,) whether rows of labels (m, t) lie inside the intervals of the target."""
    within = [
        (labels[:, k] >= target.properties[name].low) & (labels[:, k] <= target.properties[name].high)
        for k, name in enumerate(names)
    ]
    return np.asarray(np.all([np.ones(len(labels), bool), *within], axis=0))


def warnings_about(model: OrbitCheckpoint, target: Target) -> list[str]:
    """What of a target the model has hardly seen, one sentence each; empty if nothing.

    A bound beyond all training labels is named, and so are fewer than :data:`ENOUGH` labels inside one interval, or
    inside all of them at once.
    """
    found = []
    names = [name for name in target.properties if name in model.targets]
    for name in names:
        labels = model.labels[:, list(model.targets).index(name)]
        found += _about_one(name, target.properties[name], labels[~np.isnan(labels)])
    together, labels = pool_of(model, target)
    count = int(inside(target, together, labels).sum())
    if not found and len(together) > 1 and count < ENOUGH:
        found.append(
            f"only {count} of {len(labels):,} training crystals meet all property intervals at once; "
            "what is claimed there is extrapolated"
        )
    return found


def require_reach(model: OrbitCheckpoint, target: Target) -> None:
    """Refuse, before anything is drawn, intervals farther from all training labels than half the range of these.

    Raises:
        TargetError: there is one, or one below zero of a property that cannot be, or one that is a single value, which
            no prediction meets, but for zero where there are crystals of exactly that.
    """
    for name in (name for name in target.properties if name in model.targets):
        interval, labels = target.properties[name], model.labels[:, list(model.targets).index(name)]
        labels = labels[~np.isnan(labels)]
        if interval.low == interval.high and not (interval.low == 0 and model.scales[name].zero_inflated):
            raise TargetError(
                f"{name} {interval} asked for, a single value, which has no probability; give an interval like "
                f"{interval.low - 0.1:g}:{interval.high + 0.1:g}"
            )
        if not len(labels):
            continue
        low, high = float(labels.min()), float(labels.max())
        margin = (high - low) / 2
        least = max(low - margin, 0.0) if model.scales[name].non_negative else low - margin
        if interval.high < least or interval.low > high + margin:
            raise TargetError(
                f"{name} {interval} asked for, but the training labels reach from {low:.3g} to {high:.3g}; nothing can "
                "be claimed so far from them: ask for something nearer, or use a model that has seen such crystals"
            )


def _about_one(name: str, interval: Interval, labels: NDArray[np.float64]) -> list[str]:
    unit = f" {describe(name).unit}" if describe(name).unit else ""
    what = f"{name} {interval} lies"
    if not len(labels):
        return [f"{name}: the model tells nothing of the labels it has seen"]
    low, high = float(labels.min()), float(labels.max())
    count = int(((labels >= interval.low) & (labels <= interval.high)).sum())
    seen = f"the training labels, {low:.3g} to {high:.3g}{unit}; what is claimed there is extrapolated"
    if interval.low > high or interval.high < low:
        return [f"{what} outside {seen}"]
    beyond = (np.isfinite(interval.high) and interval.high > high) or (np.isfinite(interval.low) and interval.low < low)
    if count < ENOUGH:
        return [f"{name} {interval} holds {count} of {len(labels):,} training labels; what is claimed is extrapolated"]
    return [f"{what} partly outside {seen}"] if beyond else []
