"""What a generator is worth before any structure is built: validity, uniqueness, novelty, space groups.

Rates are over all attempted, rejections included, unless said otherwise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.evaluate.metrics import Z_95, Rate
from wyckforge.models.representation import Rejection
from wyckforge.neutrality import OxidationStates, is_neutral, tool
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.known import KnownCrystals


@dataclass(frozen=True, eq=False)
class Marks:
    """What was found about each of n attempts, in the order they were made; a rejection has no mark.

    Attributes:
        groups: (n,) space-group number; 0 for a rejection.
        neutral: (n,) compositional validity.
        unique: (n,) first of its class, by canonical gene of either hand.
        novel_gene: (n,) neither gene nor mirror image in the reference.
        novel_formula: (n,) reduced formula not in the reference.
        novel_template: (n,) occupied positions, without elements, not in the reference.
        rejections: how often each reason not to be a gene was given.
        neutrality_tool: what judged :attr:`neutral`, with version and set of oxidation states.
    """

    groups: NDArray[np.int64]
    neutral: NDArray[np.bool_]
    unique: NDArray[np.bool_]
    novel_gene: NDArray[np.bool_]
    novel_formula: NDArray[np.bool_]
    novel_template: NDArray[np.bool_]
    rejections: Mapping[str, int]
    neutrality_tool: str

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(n,) whether the attempt is a gene."""
        return self.groups > 0

    @property
    def new(self) -> NDArray[np.bool_]:
        """(n,) novel gene and unique."""
        return self.novel_gene & self.unique


@dataclass(frozen=True, slots=True)
class GroupDistance:
    """How far the space groups of a sample are from those of the reference.

    Attributes:
        chi2: Σ (p - q)² / q over the groups that the reference has, p of the sample and q of the reference, each
            normalised over these groups.
        interval: of the distance that a sample without end would have, 95 %.
        bias: what the finite size of the sample adds to ``chi2`` on average.
        n: genes in groups that the reference has.
        outside: genes in groups that it has not; they are no part of ``chi2``.
    """

    chi2: float | None
    interval: tuple[float, float] | None
    bias: float | None
    n: int
    outside: Rate

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "value": self.chi2,
            "interval": self.interval and list(self.interval),
            "bias": self.bias,
            "n": self.n,
            "outside_reference": self.outside.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class GenerationMetrics:
    """The generation metrics of a set of attempts.

    Attributes:
        valid_gene: attempts that are genes.
        compositional_validity: attempts that are charge-neutral by SMACT with the Pauling test, intermetallics passing.
        unique: attempts that are the first of their class.
        novel_gene: attempts that the reference does not hold.
        novel_formula: attempts whose formula it does not hold.
        novel_template: attempts whose occupied positions it does not hold.
        novel_unique: attempts that are a novel gene and unique.
        space_groups: distance of the novel unique genes from the reference.
        p1: share of space group 1 among the novel unique genes.
        rejections: how often each reason not to be a gene was given.
        neutrality_tool: what judged the compositions.
        reference: genes, formulas and templates that the reference holds.
    """

    valid_gene: Rate
    compositional_validity: Rate
    unique: Rate
    novel_gene: Rate
    novel_formula: Rate
    novel_template: Rate
    novel_unique: Rate
    space_groups: GroupDistance
    p1: Rate
    rejections: Mapping[str, int]
    neutrality_tool: str
    reference: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; a figure is a dictionary with ``value``, ``interval`` (95 %) and ``n``."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value.to_dict() if isinstance(value, Rate | GroupDistance) else value for name, value in found.items()
        }


def mark(
    draws: Sequence[WyckoffGene | Rejection], reference: KnownCrystals, *, oxidation_states: OxidationStates = "icsd24"
) -> Marks:
    """Look at every attempt of a generator.

    Args:
        draws: n genes, or reasons why there is none, in the order they were made.
        reference: what counts as known: crystals of the training and validation parts, and more if wanted.
        oxidation_states: SMACT's name of the set that compositions are judged by.
    """
    count = len(draws)
    groups = np.zeros(count, np.int64)
    neutral, unique, gene, formula, template = np.zeros((5, count), bool)
    seen: set[WyckoffGene] = set()
    for i, draw in enumerate(draws):
        if isinstance(draw, Rejection):
            continue
        kind = draw.without_hand()
        groups[i] = draw.space_group
        neutral[i] = is_neutral(tuple(draw.reduced_composition.items()), oxidation_states=oxidation_states)
        unique[i] = kind not in seen
        gene[i] = not reference.has_gene(kind)
        formula[i] = not reference.has_formula(draw)
        template[i] = not reference.has_template(draw)
        seen.add(kind)
    reasons = Counter(draw.reason for draw in draws if isinstance(draw, Rejection))
    return Marks(groups, neutral, unique, gene, formula, template, dict(reasons.most_common()), tool(oxidation_states))


def generation_metrics(marks: Marks, reference: KnownCrystals) -> GenerationMetrics:
    """The metrics of marked attempts.

    Args:
        marks: of :func:`mark`.
        reference: the one they were marked with.
    """
    new_groups = marks.groups[marks.new]
    return GenerationMetrics(
        valid_gene=Rate.of(marks.valid),
        compositional_validity=Rate.of(marks.neutral),
        unique=Rate.of(marks.unique),
        novel_gene=Rate.of(marks.novel_gene),
        novel_formula=Rate.of(marks.novel_formula),
        novel_template=Rate.of(marks.novel_template),
        novel_unique=Rate.of(marks.new),
        space_groups=group_distance(new_groups, reference.groups),
        p1=Rate.of(new_groups == 1),
        rejections=marks.rejections,
        neutrality_tool=marks.neutrality_tool,
        reference={
            "genes": len(reference),
            "formulas": len(reference.formulas),
            "templates": len(reference.templates),
        },
    )


def group_distance(groups: NDArray[np.int64], reference: NDArray[np.int64]) -> GroupDistance:
    """χ² distance of space groups from a reference.

    The sum over a sample of n exceeds that of one without end by Σ p (1 - p) / q n on average. The interval starts from
    the sum without this bias, less 1.96 standard errors, and ends at the sum itself, plus 1.96 standard errors, where
    the standard error is that of the delta method. The reference counts as exact.

    Args:
        groups: (n,) space-group numbers of the sample.
        reference: (230,) counts of the reference.
    """
    present = reference > 0
    counts = np.bincount(groups - 1, minlength=230)
    n = int(counts[present].sum())
    outside = Rate(len(groups) - n, len(groups))
    if not n:
        return GroupDistance(None, None, None, 0, outside)
    p, q = counts[present] / n, reference[present] / reference[present].sum()
    chi2 = float(np.sum((p - q) ** 2 / q))
    bias = float(np.sum(p * (1 - p) / q) / n)
    slope = 2 * (p - q) / q
    error = math.sqrt(max(0.0, float(p @ slope**2 - (p @ slope) ** 2)) / n)
    return GroupDistance(chi2, (max(0.0, chi2 - bias - Z_95 * error), chi2 + Z_95 * error), bias, n, outside)
