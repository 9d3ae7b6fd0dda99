"""Property-gradient search: genes bred from the likeliest ones found, each moved up the gradient in the latent.

The first generation comes from the conditional prior. For every further one, parents are drawn by what the ensemble
claims about them, those with few children first, encoded, moved (:mod:`wyckforge.design.ascent`), decoded with noise
under the hard constraints, and encoded again when they become parents: what is decoded is always a crystal that the
model knows how to write. Every decode counts, the first generation included, and every one is a candidate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from wyckforge.design.ascent import Ascent
from wyckforge.design.claims import Forecast
from wyckforge.design.config import SearchConfig
from wyckforge.design.prior import draw_prior, wishes
from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

Latents = NDArray[np.float32]
_LEAST = 1e-9


def search(
    model: OrbitCheckpoint,
    target: Target,
    n: int,
    rng: np.random.Generator,
    *,
    config: SearchConfig | None = None,
    weights: Mapping[str, float] | None = None,
    avoid: Sequence[WyckoffGene] = (),
    temperature: float = 1.0,
    guidance: float = 0.0,
) -> list[WyckoffGene]:
    """n genes of a search, in the order in which they were decoded, all inside the hard constraints of the target.

    Args:
        model: the generator, and the ensemble that judges parents.
        target: what is asked for.
        n: decodes, those of the first generation included.
        rng: the only source of randomness.
        config: how to search.
        weights: exponent by property, 1 where not given.
        avoid: crystals that are not wanted again.
        temperature: of the decoder's choices.
        guidance: of the first generation (children have that of ``config``); above 0, the properties asked for weigh
            more than they do in the training crystals.

    Raises:
        TargetError: no gene meets the hard constraints.
    """
    forecast = Forecast(model, target, weights)
    run = Search(
        model, forecast, config or SearchConfig(), model.encode(avoid), model.grammar(target), temperature, guidance
    )
    return [child.gene for generation in run.run(n, rng) for child in generation]


@dataclass(frozen=True, slots=True)
class Child:
    """A decoded gene and the gene that it was bred from, if any."""

    gene: WyckoffGene
    parent: WyckoffGene | None = None


@dataclass
class Search:
    """A population that grows by what is decoded.

    Attributes:
        model: the generator.
        forecast: what the model claims about genes and the target.
        config: how to search.
        avoid: (k, latent) encodings of crystals that are not wanted again; what is found joins them.
        grammar: masks of the target.
        temperature: of the decoder's choices.
        guidance: of the properties asked for, of the first generation.
        parents: distinct new genes with the number of their children, in the order in which they were found; kept from
            one run to the next.
    """

    model: OrbitCheckpoint
    forecast: Forecast
    config: SearchConfig
    avoid: Latents
    grammar: Grammar
    temperature: float = 1.0
    guidance: float = 0.0
    parents: dict[WyckoffGene, int] = field(default_factory=dict)

    def run(self, n: int, rng: np.random.Generator) -> Iterator[list[Child]]:
        """Decode n genes, generation by generation: the first from the prior, the others from parents."""
        size = math.ceil(n / (self.config.generations + 1))
        for start in range(0, n, size):
            count = min(size, n - start)
            bred = self._breed(count, rng) if start and self.parents else self._fresh(count, rng)
            self._learn([child.gene for child in bred])
            yield bred

    def _fresh(self, n: int, rng: np.random.Generator) -> list[Child]:
        genes = draw_prior(
            self.model,
            self.forecast.target,
            n,
            rng,
            temperature=self.temperature,
            guidance=self.guidance,
            grammar=self.grammar,
        )
        return [Child(gene) for gene in genes]

    def _breed(self, n: int, rng: np.random.Generator) -> list[Child]:
        parents = list(self.parents)
        fitness = np.array([self.forecast.preference(gene) for gene in parents]) ** self.config.greed + _LEAST
        fitness /= 1 + np.array(list(self.parents.values()))
        chosen = [parents[row] for row in rng.choice(len(parents), n, p=fitness / fitness.sum())]
        for gene in chosen:
            self.parents[gene] += 1
        level = self.config.noise_level
        noise = level / math.sqrt(1 - level**2) * math.sqrt(self.model.autoencoder.config.latent)
        ascent = Ascent(
            self.model,
            self.forecast.target,
            self.forecast.weights,
            self.config.steps,
            self.config.reach * noise,
            self.config.novelty,
        )
        moved = ascent(torch.from_numpy(self.model.encode(chosen)), torch.from_numpy(self.avoid)).numpy()
        genes = self.model.decode(
            moved,
            rng=rng,
            level=level,
            wanted=wishes(self.model, self.forecast.target, n, rng),
            grammar=self.grammar,
            temperature=self.temperature,
            guidance=self.config.guidance,
        )
        return [Child(gene, parent) for gene, parent in zip(genes, chosen, strict=True)]

    def _learn(self, genes: Sequence[WyckoffGene]) -> None:
        """Make parents of the genes that are new."""
        self.forecast.see(genes)
        new = [g for g in dict.fromkeys(genes) if g not in self.parents and not self.model.is_known_gene(g)]
        self.parents |= dict.fromkeys(new, 0)
        self.avoid = np.concatenate([self.avoid, self.model.encode(new)])
