"""A second opinion on properties, once there is a relaxed structure: that of forward models which look at it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wyckforge.errors import StructureError, WyckforgeError
from wyckforge.properties import describe
from wyckforge.records import Candidate, Evidence, Interval, Verdict

if TYPE_CHECKING:
    from wyckforge.data.material import Material
    from wyckforge.train.forward.model import ForwardModel

JUDGED = "judged"
"""Stage of the evidence that joins all opinions: the probability that the crystal meets the target."""


def stage_of(name: str) -> str:
    """Stage of the evidence about one property."""
    return f"{JUDGED}_{name}"


class _Opinion(NamedTuple):
    """Evidence about a property, and the probability of meeting what is asked of it."""

    evidence: Evidence
    chance: float | None = None


@dataclass(frozen=True)
class Judge:
    """Evidence ``judged_<property>`` for every property of the models, and ``judged`` where the target asks for any.

    Both opinions stand side by side: the value is that of the relaxed structure, the reason repeats what the gene alone
    had promised. A property that the target asks for passes if it more probably lies inside than outside.

    Attributes:
        folders: of forward models. Where several predict a property, the first that can judge the crystal is heard.
        asked: intervals of the target, by property.
    """

    folders: tuple[str, ...]
    asked: Mapping[str, Interval] = field(default_factory=dict)

    def __call__(self, candidate: Candidate) -> Candidate:
        """The candidate with the opinions; ``unknown`` where there is no structure or a model cannot judge it."""
        from wyckforge.data.material import Material

        if candidate.crystal is None:
            return candidate.with_evidence(Evidence(JUDGED, "unknown", reason="there is no structure"))
        try:
            material = Material.of_crystal(candidate.crystal)
        except StructureError as error:
            return candidate.with_evidence(Evidence(JUDGED, "unknown", reason=str(error)))
        heard: dict[str, _Opinion] = {}
        for folder in self.folders:
            for name, one in self._opinions(candidate, material, _loaded(folder)).items():
                if name not in heard or heard[name].evidence.verdict == "unknown":
                    heard[name] = one
        joint = [self._joint(heard)] if self.asked.keys() & heard.keys() else []
        return candidate.with_evidence(*(one.evidence for one in heard.values()), *joint)

    def _opinions(self, candidate: Candidate, material: Material, model: ForwardModel) -> dict[str, _Opinion]:
        """What a model says about each of its properties."""
        tool = f"forward model {model.name}"
        try:
            problem = model.problem(material)
            distributions = {} if problem else model.distributions([material])
        except (WyckforgeError, ArithmeticError, ValueError, RuntimeError) as error:  # the relaxation shall not be lost
            problem = f"the model failed: {error}"
        found = {}
        for name in model.targets:
            if problem or not np.isfinite(distributions[name].location).all():
                reason = problem or "the potential has no answer about the relaxed structure"
                found[name] = _Opinion(Evidence(stage_of(name), "unknown", reason=reason, tool=tool))
                continue
            distribution = distributions[name]
            low, high = (float(bound[0]) for bound in model.calibrations[name].interval(distribution))
            words = [f"90 % {low:.3g} to {high:.3g}"]
            if model.scales[name].zero_inflated:
                words.append(f"zero with probability {distribution.zero[0]:.2f}")
            if (promised := candidate.predictions.get(name)) is not None:
                words.append(f"by the gene alone {promised:.3g}")
            verdict: Verdict = "pass"
            chance = None
            if name in self.asked:
                wanted = self.asked[name]
                chance = float(distribution.probability(wanted.low, wanted.high)[0])
                verdict = "pass" if chance >= 0.5 else "fail"
                words.append(f"inside {wanted} with probability {chance:.2f}")
            value, unit = float(distribution.value()[0]), describe(name).unit
            found[name] = _Opinion(Evidence(stage_of(name), verdict, value, unit, "; ".join(words), tool), chance)
        return found

    def _joint(self, heard: Mapping[str, _Opinion]) -> Evidence:
        """The probability that all is met that a model knows, as if the properties had nothing to do with each other.

        Unknown as soon as one of them is: what cannot be judged shall not come before what is.
        """
        known = [name for name in heard if name in self.asked]
        chances = {name: chance for name in known if (chance := heard[name].chance) is not None}
        if unknown := sorted(set(known) - set(chances)):
            return Evidence(JUDGED, "unknown", reason=f"no model could judge {', '.join(unknown)}")
        product = math.prod(chances.values())
        reason = "probability of " + " and ".join(f"{name} {self.asked[name]}" for name in chances)
        if silent := sorted(set(self.asked) - set(chances)):
            reason += f"; nothing is said of {', '.join(silent)}"
        return Evidence(JUDGED, "pass" if product >= 0.5 else "fail", product, "", reason)


@cache
def _loaded(folder: str) -> ForwardModel:
    """One copy per process."""
    from wyckforge.train.forward.model import ForwardModel

    return ForwardModel.load(Path(folder))
