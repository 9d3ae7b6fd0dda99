"""What a model claims about genes: predictions, and the probability that they meet a target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.distribution import Distribution
from wyckforge.records import Candidate, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.model import GeneModel, ProbabilisticModel

Floats = NDArray[np.float64]
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed about one gene and a target.

    Attributes:
        probability: that all properties lie inside their intervals.
        preference: the same with the weights of the properties as exponents; orders genes, claims nothing.
        words: the claim of each property, for people.
    """

    probability: float
    preference: float
    words: str = ""


class Claims(Protocol):
    """Gives the claim on any candidate that it has seen made."""

    def __call__(self, candidate: Candidate) -> Claim:
        """The claim on the gene of the candidate."""


def probabilities(distributions: Mapping[str, Distribution], target: Target) -> dict[str, Floats]:
    """(n,) probability that each property of the target lies in its interval, by name."""
    return {
        name: distributions[name].probability(interval.low, interval.high)
        for name, interval in target.properties.items()
    }


def joint(by_property: Mapping[str, Floats], n: int, weights: Mapping[str, float] | None = None) -> Floats:
    """(n,) product over the properties, each to the power of its weight, as if they were independent; 1 for none."""
    weights = weights or {}
    product = np.ones(n)
    for name, found in by_property.items():
        product = product * found ** weights.get(name, 1.0)
    return product


def claimed_probability(model: ProbabilisticModel, genes: Sequence[WyckoffGene], target: Target) -> Floats:
    """(n,) probability, as the model claims it, that n genes meet all property intervals of a target."""
    return joint(probabilities(model.distributions(genes), target), len(genes))


def distributions_of(model: GeneModel, genes: Sequence[WyckoffGene]) -> dict[str, Distribution]:
    """Distribution of every property of n genes.

    Of a model that does not say how sure it is: Laplace distributions as wide as its mean absolute error on its
    validation part.
    """
    if isinstance(model, ProbabilisticModel):
        return model.distributions(genes)
    return {name: laplace(values, model.errors[name]) for name, values in model.predict(genes).items()}


def laplace(values: Floats, error: float) -> Distribution:
    """Laplace distributions around n values with a mean absolute deviation of ``error``."""
    return Distribution(values, np.full(len(values), max(error, _TINY)), np.zeros(len(values)))


class LaplaceClaims:
    """Claims of a model that predicts numbers only, as if it were equally unsure of all genes.

    Args:
        target: the intervals.
        errors: mean absolute error by property.
        weights: exponent by property, 1 where not given.
    """

    def __init__(self, target: Target, errors: Mapping[str, float], weights: Mapping[str, float] | None = None) -> None:
        self._target, self._errors, self._weights = target, errors, weights

    def __call__(self, candidate: Candidate) -> Claim:
        """The claim that follows from the predictions of the candidate."""
        around = {
            name: laplace(np.array([candidate.predictions[name]]), self._errors[name])
            for name in self._target.properties
        }
        found = probabilities(around, self._target)
        return Claim(float(joint(found, 1)[0]), float(joint(found, 1, self._weights)[0]))


class Forecast:
    """Predictions and claims of a model that says how sure it is, made once for every gene.

    Args:
        model: the model.
        target: the intervals.
        weights: exponent by property, 1 where not given.
    """

    def __init__(self, model: ProbabilisticModel, target: Target, weights: Mapping[str, float] | None = None) -> None:
        self.model = model
        self.target = target
        self.weights = dict(weights or {})
        self._claims: dict[WyckoffGene, Claim] = {}
        self._predictions: dict[WyckoffGene, dict[str, float]] = {}

    def see(self, genes: Iterable[WyckoffGene]) -> None:
        """Predict what has not been seen yet, all at once."""
        fresh = [gene for gene in dict.fromkeys(genes) if gene not in self._claims]
        if not fresh:
            return
        distributions = self.model.distributions(fresh)
        found = probabilities(distributions, self.target)
        claimed, preferred = joint(found, len(fresh)), joint(found, len(fresh), self.weights)
        bounds = {name: self.model.calibrations[name].interval(distributions[name]) for name in self.target.properties}
        values = {name: one.value() for name, one in distributions.items()}
        for i, gene in enumerate(fresh):
            words = "; ".join(
                f"{name} {low[i]:.3g} to {high[i]:.3g}, {found[name][i]:.0%} on target"
                for name, (low, high) in bounds.items()
            )
            self._claims[gene] = Claim(_rounded(claimed[i]), _rounded(preferred[i]), words)
            self._predictions[gene] = {name: _rounded(column[i]) for name, column in values.items()}

    def predictions(self, gene: WyckoffGene) -> dict[str, float]:
        """Predicted properties of a gene that has been seen."""
        return self._predictions[gene]

    def preference(self, gene: WyckoffGene) -> float:
        """The weighted claim on a gene that has been seen."""
        return self._claims[gene].preference

    def __call__(self, candidate: Candidate) -> Claim:
        """The claim on the gene of a candidate; it must have been seen."""
        return self._claims[candidate.gene]


def _rounded(value: float) -> float:
    """Five digits: beyond them the size of the batch shows."""
    return float(f"{value:.5g}") if math.isfinite(value) else float(value)
