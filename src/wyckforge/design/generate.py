"""From a target to ranked genes: seeds, passes of sampling, the funnel, and the order in which to realise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig
from wyckforge.design.funnel import Funnel, StepCount, build_funnel, unique
from wyckforge.design.prototypes import count_prototypes
from wyckforge.design.ranking import (
    HullEnergy,
    best_of_formulas,
    compare_with_hull,
    compare_with_prototypes,
    gene_order,
)
from wyckforge.design.sampling import sample
from wyckforge.design.seeds import Seeds, select_seeds
from wyckforge.models.representation import Rejection
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.records import Candidate, Target

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.train.checkpoint import Checkpoint


@dataclass(frozen=True)
class Generation:
    """Genes and how they came about.

    Attributes:
        candidates: survivors, best first.
        counts: counts of every step of the funnel.
        draws: latent points decoded.
        seeds: summary of the seeds.
    """

    candidates: tuple[Candidate, ...]
    counts: tuple[StepCount, ...]
    draws: int
    seeds: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready account without the candidates."""
        return {"seeds": self.seeds, "draws": self.draws, "funnel": [count.to_dict() for count in self.counts]}


def generate(
    checkpoint: Checkpoint,
    table: GeneTable,
    target: Target,
    *,
    wanted: int,
    rng: np.random.Generator,
    sampling: SamplingConfig,
    funnel: FunnelConfig | None,
    ranking: RankingConfig,
    hull: HullEnergy | None = None,
    progress: bool = False,
) -> Generation:
    """Pass over the seeds until ``wanted`` genes have come through or ``max_draws`` are spent.

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
        hull: formation energy of the hull of the known phases; ``None`` ranks without it.
        progress: show progress on standard error.

    Raises:
        TargetError: the target cannot be met by any seed, or contradicts the funnel.
    """
    seeds = select_seeds(checkpoint, table, target, unconditional=sampling.unconditional, min_seeds=sampling.min_seeds)
    screen = Funnel([("unique", unique())]) if funnel is None else _funnel(checkpoint, table, target, funnel)
    prototypes = count_prototypes(table.genes)
    survivors: list[Candidate] = []
    kept: list[Candidate] = []
    draws = 0
    while len(kept) < wanted and draws < sampling.max_draws:
        drawn = min(len(seeds.table) * sampling.per_seed, sampling.max_draws - draws)
        one_pass = islice(_draw(checkpoint, seeds, target, sampling, rng, draws), drawn)
        bar = tqdm(one_pass, "drawing genes", drawn, unit=" genes", file=sys.stderr, disable=not progress)
        draws += drawn
        if funnel is None:
            kept += screen.screen(bar)
            continue
        survivors += [
            compare_with_prototypes(candidate, prototypes, new_weight=ranking.new_prototype_weight)
            for candidate in screen.screen(bar)
        ]
        kept = best_of_formulas(survivors, ranking.per_formula)
    if funnel is None:
        return Generation(tuple(kept), screen.counts, draws, seeds.to_dict())
    best = StepCount("best_of_formula", len(survivors), len(kept))
    if len(survivors) > len(kept):
        best.reasons["a better gene of the formula is kept"] = len(survivors) - len(kept)
    if hull is not None and FORMATION_ENERGY in checkpoint.targets and ranking.near_hull_ev_per_atom:
        kept = _rank_near_hull(kept, hull, ranking, checkpoint.errors[FORMATION_ENERGY], progress)
    return Generation(tuple(kept), (*screen.counts, best), draws, seeds.to_dict())


def _rank_near_hull(
    kept: list[Candidate], hull: HullEnergy, ranking: RankingConfig, error: float, progress: bool
) -> list[Candidate]:
    pool, rest = kept[: ranking.pool], kept[ranking.pool :]
    bar = tqdm(pool, "comparing with the hull", unit=" genes", file=sys.stderr, disable=not progress)
    tolerance = ranking.near_hull_ev_per_atom
    compared = [compare_with_hull(candidate, hull, tolerance=tolerance, error=error) for candidate in bar]
    return sorted([*compared, *rest], key=gene_order)


def _funnel(checkpoint: Checkpoint, table: GeneTable, target: Target, config: FunnelConfig) -> Funnel:
    genes, formulas = frozenset(table.genes), frozenset(table.formulas)
    return build_funnel(
        config,
        target,
        errors=checkpoint.errors,
        is_known_gene=lambda gene: gene in genes or checkpoint.is_known_gene(gene),
        is_known_formula=lambda gene: gene.formula in formulas or checkpoint.is_known_formula(gene),
    )


def _draw(
    checkpoint: Checkpoint, seeds: Seeds, target: Target, sampling: SamplingConfig, rng: np.random.Generator, first: int
) -> Iterator[Candidate | Rejection]:
    return sample(
        checkpoint,
        seeds,
        target,
        rng=rng,
        method="unconditional" if sampling.unconditional else "seed",
        per_seed=sampling.per_seed,
        scale=sampling.scale,
        first=first,
    )
