"""From a target to ranked genes: passes of a source, the funnel, and the order in which to realise."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from wyckforge.design.claims import Claims, Forecast, LaplaceClaims, distributions_of
from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig
from wyckforge.design.experience import warnings_about
from wyckforge.design.front import Criterion, mark_front
from wyckforge.design.funnel import Funnel, StepCount, build_funnel, unique
from wyckforge.design.prototypes import count_prototypes
from wyckforge.design.ranking import (
    HullEnergy,
    best_of_formulas,
    compare_with_hull,
    compare_with_prototypes,
    gene_order,
)
from wyckforge.design.sources import source_of
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.records import Candidate, Evidence, Target
from wyckforge.train.model import GeneModel
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable


_PATIENCE = 12_000
"""Decodes without a further find after which a target can be exhausted."""

_SHARE_FOR_CHOICE = 4
"""One draw of so many may be spent on genes beyond those wanted."""


@dataclass(frozen=True)
class Generation:
    """Genes and how they came about.

    Attributes:
        candidates: survivors, best first.
        counts: counts of every step of the funnel.
        draws: genes decoded, rejections included.
        seeds: summary of what they were made from: seeds, or labels to ask for.
        warnings: what of the target the model has hardly seen.
    """

    candidates: tuple[Candidate, ...]
    counts: tuple[StepCount, ...]
    draws: int
    seeds: dict[str, Any]
    warnings: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready account without the candidates."""
        return {
            "seeds": self.seeds,
            "draws": self.draws,
            "funnel": [count.to_dict() for count in self.counts],
            "warnings": list(self.warnings),
        }


def generate(
    checkpoint: GeneModel,
    table: GeneTable,
    target: Target,
    *,
    wanted: int,
    rng: np.random.Generator,
    sampling: SamplingConfig,
    funnel: FunnelConfig | None,
    ranking: RankingConfig,
    weights: Mapping[str, float] | None = None,
    criteria: Sequence[Criterion] = (),
    hull: HullEnergy | None = None,
    progress: bool = False,
) -> Generation:
    """Decode, pass by pass, until ``wanted`` genes have come through or ``max_draws`` are spent.

    As long as that is cheap it goes on to ``ranking.choice`` times as many, so that the best can be chosen.

    It ends before if something was found, and then nothing more in twice as many decodes and at least
    :data:`_PATIENCE`. Of one formula :attr:`~wyckforge.design.config.RankingConfig.per_formula` genes are kept, unless
    the target names the formula: elements and stoichiometry.

    A pass is always finished, unless the draws run out, so that the best genes of it can be chosen: there may be more
    than wanted.

    Args:
        checkpoint: the model.
        table: known crystals: the seeds, and with the training set the reference of novelty.
        target: what is asked for.
        wanted: genes to find at least.
        rng: the only source of randomness.
        sampling: how to draw.
        funnel: which rules to apply; ``None`` keeps every distinct gene that holds the hard constraints, unranked.
        ranking: how to order the survivors.
        weights: of the properties, 1 where not given: exponents of their probabilities in search and order.
        criteria: of the Pareto front; none marks none.
        hull: formation energy of the hull of the known phases; ``None`` ranks without it.
        progress: show progress on standard error.

    Raises:
        TargetError: the target cannot be met by any seed or gene, or contradicts the funnel.
    """
    claims: Forecast | LaplaceClaims
    if isinstance(checkpoint, OrbitCheckpoint):
        claims = Forecast(checkpoint, target, weights)
        warnings = warnings_about(checkpoint, target)
        source = source_of(checkpoint, table, target, sampling, claims)
    else:
        claims, warnings = LaplaceClaims(target, checkpoint.errors, weights), []
        source = source_of(checkpoint, table, target, sampling)
    screen = Funnel([("unique", unique())]) if funnel is None else _funnel(checkpoint, table, target, funnel, claims)
    prototypes = count_prototypes(table.genes)
    survivors: list[Candidate] = []
    kept: list[Candidate] = []
    choice = 1 if funnel is None else ranking.choice
    per_formula = wanted * choice if target.elements and target.stoichiometry else ranking.per_formula
    draws, found_at, exhausted = 0, 0, False
    while draws < _most_draws(len(kept), wanted, choice, sampling) and not exhausted:
        found = len(kept)
        drawn = min(source.per_pass, sampling.max_draws - draws)
        one_pass = source.draw(drawn, rng, draws)
        bar = tqdm(
            one_pass,
            f"decoding genes, {len(kept)} of {wanted * choice} found",
            drawn,
            unit=" genes",
            file=sys.stderr,
            disable=not progress,
        )
        draws += drawn
        if funnel is None:
            kept += screen.screen(bar)
        else:
            survivors += [
                compare_with_prototypes(
                    _preferred(candidate, claims, weights), prototypes, new_weight=ranking.new_prototype_weight
                )
                for candidate in screen.screen(bar)
            ]
            kept = best_of_formulas(survivors, per_formula)
        found_at = draws if len(kept) > found else found_at
        exhausted = bool(kept) and draws - found_at >= max(_PATIENCE, 2 * found_at)
    if exhausted and len(kept) < wanted:
        warnings.append(
            f"nothing was found in the last {draws - found_at:,} of {draws:,} decodes, so decoding ended there; "
            "a wider target has more"
        )
    if funnel is None:
        return Generation(tuple(kept), screen.counts, draws, source.to_dict(), tuple(warnings))
    best = StepCount("best_of_formula", len(survivors), len(kept))
    if len(survivors) > len(kept):
        best.reasons["a better gene of the formula is kept"] = len(survivors) - len(kept)
    if hull is not None and FORMATION_ENERGY in checkpoint.targets and ranking.near_hull_ev_per_atom:
        kept = _rank_near_hull(kept, hull, ranking, checkpoint, progress)
    kept = mark_front(kept, criteria)
    return Generation(tuple(kept), (*screen.counts, best), draws, source.to_dict(), tuple(warnings))


def _most_draws(found: int, wanted: int, choice: int, sampling: SamplingConfig) -> int:
    """All draws to find as many as are wanted; no more than a share of them for a choice."""
    if found < wanted:
        return sampling.max_draws
    return sampling.max_draws // _SHARE_FOR_CHOICE if found < wanted * choice else 0


def _preferred(candidate: Candidate, claims: Claims, weights: Mapping[str, float] | None) -> Candidate:
    if not weights:
        return candidate
    words = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    found = Evidence("preference", "pass", claims(candidate).preference, reason=f"weights {words}")
    return candidate.with_evidence(found)


def _rank_near_hull(
    kept: list[Candidate], hull: HullEnergy, ranking: RankingConfig, model: GeneModel, progress: bool
) -> list[Candidate]:
    bar = tqdm(total=len(kept), desc="comparing with the hull", unit=" genes", file=sys.stderr, disable=not progress)

    def at(composition: Mapping[int, int]) -> float | None:
        bar.update()
        return hull(composition)

    energies = distributions_of(model, [candidate.gene for candidate in kept])[FORMATION_ENERGY]
    with bar:
        compared = compare_with_hull(kept, at, energies, tolerance=ranking.near_hull_ev_per_atom)
    return sorted(compared, key=gene_order)


def _funnel(checkpoint: GeneModel, table: GeneTable, target: Target, config: FunnelConfig, claims: Claims) -> Funnel:
    genes, formulas = frozenset(table.genes), frozenset(table.formulas)
    return build_funnel(
        config,
        target,
        errors=checkpoint.errors,
        is_known_gene=lambda gene: gene in genes or checkpoint.is_known_gene(gene),
        is_known_formula=lambda gene: gene.formula in formulas or checkpoint.is_known_formula(gene),
        claims=claims,
    )
