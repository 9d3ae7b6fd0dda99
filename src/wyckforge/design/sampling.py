"""Gaussian sampling of the latent space around seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wyckforge.models.representation import Rejection
from wyckforge.records import Candidate, Origin, Target
from wyckforge.symmetry.gene import WyckoffGene

if TYPE_CHECKING:
    from wyckforge.design.seeds import Seeds
    from wyckforge.train.checkpoint import Checkpoint


@dataclass(frozen=True)
class ConstraintBroken(Rejection):
    """A valid gene that breaks a hard constraint of the target."""


def sample(
    checkpoint: Checkpoint,
    seeds: Seeds,
    target: Target,
    *,
    rng: np.random.Generator,
    method: str = "seed",
    per_seed: int = 20,
    scale: float = 1.4,
    batch: int = 1024,
    first: int = 0,
) -> Iterator[Candidate | Rejection]:
    """One pass over the seeds, in random order, with ``per_seed`` draws around each.

    Every draw is z = mean + scale * n with n standard normal, decoded to a gene. The published settings are 20 draws
    per seed and a scale of 1.4. What is drawn depends on the generator only, not on ``batch``.

    Args:
        checkpoint: the model.
        seeds: what to perturb.
        target: its hard constraints hold for every yielded candidate.
        rng: the only source of randomness.
        method: how the seeds were chosen, for the record.
        per_seed: draws per seed.
        scale: factor on the noise.
        batch: latent points decoded at a time.
        first: number of the first draw; identifiers count on from it.

    Yields:
        Per draw, a candidate with the canonical gene and predictions for every property of the model, or a rejection
        with its reason.
    """
    predictions: dict[WyckoffGene, dict[str, float]] = {}
    order = np.repeat(rng.permutation(len(seeds.table)), per_seed)
    for start in range(0, order.size, batch):
        rows = order[start : start + batch]
        noise = rng.standard_normal((rows.size, seeds.latent.shape[1])).astype(np.float32)
        decoded = checkpoint.decode(seeds.latent[rows] + np.float32(scale) * noise)
        checked = [_check(gene, target) for gene in decoded]
        genes = dict.fromkeys(gene for gene in checked if isinstance(gene, WyckoffGene))
        predictions |= _predict(checkpoint, [gene for gene in genes if gene not in predictions])
        for offset, (row, gene) in enumerate(zip(rows, checked, strict=True)):
            if isinstance(gene, Rejection):
                yield gene
                continue
            origin = Origin(method, seeds.table.ids[row], seeds.table.formulas[row])
            yield Candidate(f"g{first + start + offset:06d}", gene, origin, predictions[gene])


def _check(gene: WyckoffGene | Rejection, target: Target) -> WyckoffGene | Rejection:
    if isinstance(gene, Rejection):
        return gene
    broken = target.rejects(gene)
    return ConstraintBroken(broken) if broken else gene.canonical()


def _predict(checkpoint: Checkpoint, genes: list[WyckoffGene]) -> dict[WyckoffGene, dict[str, float]]:
    """Predictions to five digits: beyond them the size of the batch shows."""
    columns = {name: values.tolist() for name, values in checkpoint.predict(genes).items()} if genes else {}
    return {gene: {name: float(f"{values[i]:.5g}") for name, values in columns.items()} for i, gene in enumerate(genes)}
