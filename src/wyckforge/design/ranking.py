"""Which genes to realise first, and which candidates to show first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from wyckforge.design.prototypes import Prototype, prototype
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.records import Candidate, Evidence, Interval, Target

HullEnergy = Callable[[Mapping[int, int]], float | None]
"""Formation energy (eV/atom) of the hull at a composition; ``None`` where an element has no reference."""


def target_probability(predictions: Mapping[str, float], target: Target, errors: Mapping[str, float]) -> float:
    """Probability that all properties lie inside their intervals, were the model's errors independent.

    The true value is taken to follow a Laplace distribution around the prediction whose mean absolute deviation is
    the model's mean absolute error on its validation split.

    Args:
        predictions: prediction by property.
        target: the intervals.
        errors: mean absolute error by property, in the same units.

    Returns:
        A number from 0 to 1; 1 for a target without intervals.
    """
    return math.prod(_inside(predictions[name], interval, errors[name]) for name, interval in target.properties.items())


def score(candidate: Candidate) -> float:
    """Product of the values found so far of ``target``, ``prototype`` and ``near_hull``, each from 0 to 1."""
    found = (candidate.find(stage) for stage in ("target", "prototype", "near_hull"))
    return math.prod(one.value or 0.0 for one in found if one is not None)


def gene_order(candidate: Candidate) -> tuple[bool, float, int, str]:
    """Sort key: genes compared with the hull first; of these the higher score; then the smaller cell, which is the
    cheaper to relax; then the earlier draw.
    """
    return candidate.find("near_hull") is None, -score(candidate), candidate.gene.n_atoms, candidate.id


def best_of_formulas(candidates: Iterable[Candidate], per_formula: int) -> list[Candidate]:
    """Order candidates by :func:`gene_order` and keep the best few of each formula.

    Args:
        candidates: survivors of the funnel.
        per_formula: genes kept of one formula.

    Returns:
        The kept candidates, best first, each with Evidence ``best_of_formula``: its rank in its formula.
    """
    taken: Counter[str] = Counter()
    kept = []
    for candidate in sorted(candidates, key=gene_order):
        formula = candidate.gene.formula
        taken[formula] += 1
        if taken[formula] <= per_formula:
            kept.append(candidate.with_evidence(Evidence("best_of_formula", "pass", taken[formula])))
    return kept


def compare_with_prototypes(candidate: Candidate, known: Mapping[Prototype, int], *, new_weight: float) -> Candidate:
    """Add Evidence ``prototype``: 1 if known crystals have the prototype of the gene, ``new_weight`` if none has.

    A model that has seen stable crystals only cannot tell an arrangement that no crystal would take.

    Args:
        candidate: any.
        known: known crystals of each prototype.
        new_weight: value of a new prototype, from 0 to 1.
    """
    count = known.get(prototype(candidate.gene), 0)
    reason = f"prototype of {count} known crystal{'s' if count > 1 else ''}" if count else "new prototype"
    return candidate.with_evidence(Evidence("prototype", "pass", 1.0 if count else new_weight, reason=reason))


def compare_with_hull(candidate: Candidate, hull: HullEnergy, *, tolerance: float, error: float) -> Candidate:
    """Add Evidence ``near_hull``: how likely the gene lies within ``tolerance`` of the hull of the known phases.

    A predicted formation energy far below the hull is as suspect as one far above: the hull is well explored, and a
    model is wrong more often than a compound is that stable. The probability is that of a Laplace distribution around
    the prediction, as in :func:`target_probability`.

    Args:
        candidate: has a predicted formation energy.
        hull: formation energy of the hull at a composition.
        tolerance: in eV/atom.
        error: mean absolute error of the predicted formation energy in eV/atom.
    """
    energy = hull(candidate.gene.reduced_composition)
    if energy is None:
        return candidate.with_evidence(Evidence("near_hull", "unknown", reason="no reference for its elements"))
    distance = candidate.predictions[FORMATION_ENERGY] - energy
    probability = _inside(distance, Interval(-tolerance, tolerance), error)
    reason = f"predicted {distance:+.3f} eV/atom from the hull of the known phases"
    return candidate.with_evidence(Evidence("near_hull", "pass", probability, reason=reason))


def rank_candidates(candidates: Iterable[Candidate], *, last_stage: str) -> list[Candidate]:
    """Order candidates by their evidence.

    First those that reached the last stage with all findings passed, then those with a finding unknown or failed. After
    them candidates that were not realised, then those that failed before the last stage. Within each: by energy above
    hull where there is one, unknown ones last, then by :func:`gene_order`.

    Args:
        candidates: the candidates of a run.
        last_stage: the last stage of the run.
    """

    def key(candidate: Candidate) -> tuple[object, ...]:
        hull = candidate.find("hull")
        energy = hull.value if hull is not None and hull.value is not None else math.inf
        return _tier(candidate, last_stage), energy, *gene_order(candidate)

    return sorted(candidates, key=key)


def _tier(candidate: Candidate, last_stage: str) -> int:
    verdicts = {found.verdict for found in candidate.evidence}
    if candidate.find(last_stage) is None:
        return 3 if "fail" in verdicts else 2
    return 0 if verdicts <= {"pass"} else 1


def _inside(value: float, interval: Interval, error: float) -> float:
    if error <= 0:
        return float(interval.contains(value))
    return _laplace_cdf((interval.high - value) / error) - _laplace_cdf((interval.low - value) / error)


def _laplace_cdf(x: float) -> float:
    return 0.5 * math.exp(x) if x < 0 else 1 - 0.5 * math.exp(-x)
