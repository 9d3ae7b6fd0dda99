"""The Pareto front of a design: candidates that no other one beats in every property that was aimed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from wyckforge.design.pareto import pareto_front
from wyckforge.errors import TargetError
from wyckforge.records import Candidate, Evidence, Target

Goal = Literal["min", "max", "middle"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is best of one predicted property.

    Attributes:
        property: its name.
        goal: the least value, the greatest, or that nearest to the middle of its interval.
        middle: of the interval, in the unit of the property.
    """

    property: str
    goal: Goal
    middle: float = 0.0

    def cost(self, candidate: Candidate) -> float:
        """What is to be small; NaN without a prediction."""
        value = candidate.predictions.get(self.property, math.nan)
        return {"min": value, "max": -value, "middle": abs(value - self.middle)}[self.goal]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        found: dict[str, Any] = {"property": self.property, "goal": self.goal}
        return found | ({"middle": self.middle} if self.goal == "middle" else {})


def criteria_of(text: str, target: Target, properties: Sequence[str]) -> tuple[Criterion, ...]:
    """Read the criteria of a front.

    Args:
        text: ``formation_energy:min,band_gap:max``; also ``band_gap:middle``, of the interval of the target. Empty
            stands for the properties of the target, if there are two or more: the open side of a one-sided interval,
            the middle of any other.
        target: what is asked for.
        properties: names that the model predicts.

    Raises:
        TargetError: malformed, a property that is not predicted or given twice, fewer than two of them, or a middle of
            an interval that has none.
    """
    if not text.strip():
        found = tuple(_by_target(name, target) for name in target.properties)
        return found if len(found) > 1 else ()
    criteria = []
    for item in text.split(","):
        name, _, goal = (part.strip() for part in item.partition(":"))
        if goal not in get_args(Goal) or name not in properties:
            raise TargetError(
                f"--pareto {item.strip()!r} given; allowed are NAME:min, NAME:max and NAME:middle with a name among "
                f"{', '.join(properties)}"
            )
        criteria.append(_middle(name, target) if goal == "middle" else Criterion(name, goal))  # type: ignore[arg-type]
    names = [criterion.property for criterion in criteria]
    if len(set(names)) != len(names) or len(names) < 2:
        raise TargetError(f"--pareto {text!r} given; a front needs two or more different properties")
    return tuple(criteria)


def mark_front(candidates: Sequence[Candidate], criteria: Sequence[Criterion]) -> list[Candidate]:
    """The candidates, those on the front with Evidence ``pareto``; all as they are without criteria."""
    if not criteria or not candidates:
        return list(candidates)
    costs = np.array([[criterion.cost(candidate) for criterion in criteria] for candidate in candidates])
    on_front = pareto_front(costs, ["min"] * len(criteria))
    reason = "none is better in " + " and ".join(f"{one.property} ({one.goal})" for one in criteria)
    found = Evidence("pareto", "pass", reason=reason)
    return [
        candidate.with_evidence(found) if best else candidate
        for candidate, best in zip(candidates, on_front, strict=True)
    ]


def _by_target(name: str, target: Target) -> Criterion:
    interval = target.properties[name]
    if math.isinf(interval.low) != math.isinf(interval.high):
        return Criterion(name, "min" if math.isinf(interval.low) else "max")
    return _middle(name, target)


def _middle(name: str, target: Target) -> Criterion:
    interval = target.properties.get(name)
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        raise TargetError(f"--pareto {name}:middle given, but the target has no two-sided interval of {name}; give one")
    return Criterion(name, "middle", (interval.low + interval.high) / 2)
