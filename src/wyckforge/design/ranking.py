"""Which genes to realise first, and which candidates to show first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from wyckforge.design.prototypes import Prototype, prototype
from wyckforge.models.distribution import Distribution
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.records import Candidate, Evidence

HullEnergy = Callable[[Mapping[int, int]], float | None]
"""Formation energy (eV/atom) of the hull at a composition; ``None`` where an element has no reference."""


def score(candidate: Candidate) -> float:
    """Product of the values found so far of ``target``, ``prototype`` and ``near_hull``, each from 0 to 1.

    Where the properties have weights, ``preference`` takes the place of ``target``.
    """
    first = "target" if candidate.find("preference") is None else "preference"
    found = (candidate.find(stage) for stage in (first, "prototype", "near_hull"))
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


def compare_with_hull(
    candidates: Sequence[Candidate], hull: HullEnergy, energies: Distribution, *, tolerance: float
) -> list[Candidate]:
    """Add Evidence ``near_hull``: how likely the genes lie within ``tolerance`` of the hull of the known phases.

    A predicted formation energy far below the hull is as suspect as one far above: the hull is well explored, and a
    model is wrong more often than a compound is that stable.

    Args:
        candidates: n genes with a predicted formation energy.
        hull: formation energy of the hull at a composition.
        energies: distributions of the n formation energies in eV/atom.
        tolerance: in eV/atom.
    """
    found = [hull(candidate.gene.reduced_composition) for candidate in candidates]
    at = np.array([math.nan if energy is None else energy for energy in found])
    chances = energies.below(at + tolerance) - energies.below(at - tolerance)
    return [
        candidate.with_evidence(_near_hull(candidate, energy, float(f"{chance:.5g}")))
        for candidate, energy, chance in zip(candidates, found, chances, strict=True)
    ]


def _near_hull(candidate: Candidate, energy: float | None, chance: float) -> Evidence:
    if energy is None:
        return Evidence("near_hull", "unknown", reason="no reference for its elements")
    distance = candidate.predictions[FORMATION_ENERGY] - energy
    return Evidence(
        "near_hull", "pass", chance, reason=f"predicted {distance:+.3f} eV/atom from the hull of the known phases"
    )


def rank_candidates(candidates: Iterable[Candidate], *, last_stage: str) -> list[Candidate]:
    """Order candidates by their evidence.

    First those that reached the last stage with all findings passed, then those with a finding unknown or failed. After
    them candidates that were not realised, then those that failed before the last stage. Within each: by the
    probability of meeting the target, as the relaxed structure is judged, where that was asked for, times that of being
    stable by DFT, where that is known; by energy above hull where there is one, unknown ones last; then by
    :func:`gene_order`.

    Args:
        candidates: the candidates of a run.
        last_stage: the last stage of the run.
    """

    ranked = list(candidates)
    # Where nobody was asked, or could tell, every candidate has the same chance; elsewhere unknown ones come last.
    weighed = [stage for stage in ("judged", "stable") if any(one.find(stage) is not None for one in ranked)]

    def key(candidate: Candidate) -> tuple[object, ...]:
        energy = _value(candidate, "hull", math.inf)
        chance = math.prod(_value(candidate, stage, 0.0) for stage in weighed)
        return _tier(candidate, last_stage), -chance, energy, *gene_order(candidate)

    return sorted(ranked, key=key)


def _value(candidate: Candidate, stage: str, otherwise: float) -> float:
    found = candidate.find(stage)
    return otherwise if found is None or found.value is None else found.value


def _tier(candidate: Candidate, last_stage: str) -> int:
    verdicts = {found.verdict for found in candidate.findings}
    if candidate.find(last_stage) is None:
        return 3 if "fail" in verdicts else 2
    return 0 if verdicts <= {"pass"} else 1
