"""Which genes to realise first: the likelier to meet the target, the more different from each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from wyckforge.records import Candidate, Evidence, Interval, Target


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
    """The value of the candidate's ``target`` evidence, or 1 where the funnel had no such rule."""
    found = candidate.find("target")
    return found.value if found is not None and found.value is not None else 1.0


def gene_order(candidate: Candidate) -> tuple[float, int, str]:
    """Sort key: the higher score first; then the smaller cell, cheaper to relax; then the earlier draw."""
    return -score(candidate), candidate.gene.n_atoms, candidate.id


def rank_genes(candidates: Iterable[Candidate], *, per_formula: int) -> list[Candidate]:
    """Order candidates by :func:`gene_order` and keep the best few of each formula.

    Args:
        candidates: survivors of the funnel.
        per_formula: genes kept of one formula.

    Returns:
        The kept candidates, best first, each with Evidence ``best_of_formula``: its rank among those of its formula.
    """
    taken: Counter[str] = Counter()
    kept = []
    for candidate in sorted(candidates, key=gene_order):
        formula = candidate.gene.formula
        taken[formula] += 1
        if taken[formula] <= per_formula:
            kept.append(candidate.with_evidence(Evidence("best_of_formula", "pass", taken[formula])))
    return kept


def rank_candidates(candidates: Iterable[Candidate], *, last_stage: str) -> list[Candidate]:
    """Order candidates by their evidence.

    First those that reached the last stage: all findings passed, then some unknown, then some failed. After them
    candidates that were not realised, then those that failed before the last stage. Within each: by energy above the
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
        return 4 if "fail" in verdicts else 3
    return 2 if "fail" in verdicts else 1 if "unknown" in verdicts else 0


def _inside(value: float, interval: Interval, error: float) -> float:
    if error <= 0:
        return float(interval.contains(value))
    return _laplace_cdf((interval.high - value) / error) - _laplace_cdf((interval.low - value) / error)


def _laplace_cdf(x: float) -> float:
    return 0.5 * math.exp(x) if x < 0 else 1 - 0.5 * math.exp(-x)
