"""Where genes come from: the conditional prior, the perturbation of seeds, or the search; one interface for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wyckforge.design.claims import Forecast
from wyckforge.design.config import SamplingConfig
from wyckforge.design.experience import inside, pool_of, require_reach
from wyckforge.design.prior import draw_prior
from wyckforge.design.sampling import sample
from wyckforge.design.search import Search
from wyckforge.design.seeds import Seeds, check_properties, select_seeds
from wyckforge.errors import TargetError
from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.models.representation import Rejection
from wyckforge.records import Candidate, Origin, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.model import GeneModel
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable

CHUNK = 1000
"""Genes decoded at a time; part of what decides which genes a seed of a run gives."""


class Source(Protocol):
    """A way of making genes for a target."""

    @property
    def per_pass(self) -> int:
        """Decodes after which it makes sense to stop and look."""

    def draw(self, n: int, rng: np.random.Generator, first: int) -> Iterator[Candidate | Rejection]:
        """n decodes, at most :attr:`per_pass`; identifiers count on from ``first``."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready account of what the genes come from."""


def source_of(
    model: GeneModel,
    table: GeneTable,
    target: Target,
    sampling: SamplingConfig,
    forecast: Forecast | None = None,
) -> Source:
    """The source that the settings ask for.

    Args:
        model: of either kind.
        table: known crystals: the seeds, and what a search keeps away from.
        target: what is asked for.
        sampling: the settings.
        forecast: of an OrbitVAE and the target.

    Raises:
        TargetError: the model has no such method, a property is not one of the model's, no crystal can be a seed, or no
            gene meets the hard constraints.
    """
    check_properties(model, target)
    if not isinstance(model, OrbitCheckpoint) or forecast is None:
        return _of_mpvae(model, table, target, sampling)
    require_reach(model, target)
    grammar = model.grammar(target)
    if sampling.method == "seeds":
        seeds = select_seeds(model, table, target, unconditional=sampling.unconditional, min_seeds=sampling.min_seeds)
        return Relatives(model, forecast, seeds, grammar, sampling)
    if sampling.method == "search":
        if sampling.unconditional:
            raise TargetError("a search without a target was asked for; leave out --unconditional or --method search")
        known = model.encode([gene for gene in table.genes if model.problem(gene) is None])
        run = Search(model, forecast, sampling.search, known, grammar, sampling.temperature, sampling.guidance)
        return Searched(run, sampling.per_pass)
    return Prior(model, forecast, grammar, sampling)


def _of_mpvae(model: GeneModel, table: GeneTable, target: Target, sampling: SamplingConfig) -> Source:
    if not isinstance(model, Checkpoint) or sampling.method not in ("auto", "seeds"):
        raise TargetError(
            f"method {sampling.method!r} asked for, but the checkpoint {model.name} can only perturb seeds; "
            "use --method seeds, or another checkpoint"
        )
    seeds = select_seeds(model, table, target, unconditional=sampling.unconditional, min_seeds=sampling.min_seeds)
    return Perturbed(model, seeds, target, sampling)


@dataclass(frozen=True)
class Perturbed:
    """Seeds perturbed in the latent of an MPVAE; what is no gene or breaks a constraint is rejected."""

    model: Checkpoint
    seeds: Seeds
    target: Target
    sampling: SamplingConfig

    @property
    def per_pass(self) -> int:
        """Every seed ``per_seed`` times."""
        return len(self.seeds.table) * self.sampling.per_seed

    def draw(self, n: int, rng: np.random.Generator, first: int) -> Iterator[Candidate | Rejection]:
        """One pass over the seeds, or the beginning of one."""
        drawn = sample(
            self.model,
            self.seeds,
            self.target,
            rng=rng,
            method="unconditional" if self.sampling.unconditional else "seed",
            per_seed=self.sampling.per_seed,
            scale=self.sampling.scale,
            first=first,
        )
        return islice(drawn, n)

    def to_dict(self) -> dict[str, Any]:
        """How the seeds were chosen."""
        return self.seeds.to_dict()


@dataclass(frozen=True)
class Relatives:
    """Relatives of seeds: their latents, decoded by an OrbitVAE that is told part of them only.

    No property is asked for, as the paper does: what steers is the choice of the seeds. The hard constraints hold.
    """

    model: OrbitCheckpoint
    forecast: Forecast
    seeds: Seeds
    grammar: Grammar
    sampling: SamplingConfig

    @property
    def per_pass(self) -> int:
        """Every seed ``per_seed`` times."""
        return len(self.seeds.table) * self.sampling.per_seed

    def draw(self, n: int, rng: np.random.Generator, first: int) -> Iterator[Candidate]:
        """One pass over the seeds in random order, or the beginning of one."""
        method = "unconditional" if self.sampling.unconditional else "seed"
        order = np.repeat(rng.permutation(len(self.seeds.table)), self.sampling.per_seed)[:n]
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            genes = self.model.decode(
                self.seeds.latent[rows],
                rng=rng,
                level=self.sampling.noise_level,
                grammar=self.grammar,
                temperature=self.sampling.temperature,
            )
            origins = [Origin(method, self.seeds.table.ids[row], self.seeds.table.formulas[row]) for row in rows]
            yield from candidates(self.forecast, genes, origins, first + start)

    def to_dict(self) -> dict[str, Any]:
        """How the seeds were chosen."""
        return self.seeds.to_dict()


@dataclass(frozen=True)
class Prior:
    """Genes from the conditional prior."""

    model: OrbitCheckpoint
    forecast: Forecast
    grammar: Grammar
    sampling: SamplingConfig

    @property
    def per_pass(self) -> int:
        """As set."""
        return self.sampling.per_pass

    def draw(self, n: int, rng: np.random.Generator, first: int) -> Iterator[Candidate]:
        """n genes."""
        origin = Origin("unconditional" if self.sampling.unconditional else "prior")
        for start in range(0, n, CHUNK):
            genes = draw_prior(
                self.model,
                self.forecast.target,
                min(CHUNK, n - start),
                rng,
                conditional=not self.sampling.unconditional,
                temperature=self.sampling.temperature,
                guidance=self.sampling.guidance,
                grammar=self.grammar,
            )
            yield from candidates(self.forecast, genes, [origin] * len(genes), first + start)

    def to_dict(self) -> dict[str, Any]:
        """How many labels there were to ask for."""
        return _asked(self.model, self.forecast.target)


@dataclass(frozen=True)
class Searched:
    """Genes of a search, the first generation included; what was found in one pass is bred from in the next."""

    run: Search
    per_pass: int
    ids: dict[WyckoffGene, str] = field(default_factory=dict)

    def draw(self, n: int, rng: np.random.Generator, first: int) -> Iterator[Candidate]:
        """n genes, generation by generation."""
        for children in self.run.run(n, rng):
            genes, origins = [child.gene for child in children], [self._origin(child.parent) for child in children]
            for candidate in candidates(self.run.forecast, genes, origins, first):
                self.ids.setdefault(candidate.gene, candidate.id)
                yield candidate
            first += len(children)

    def _origin(self, parent: WyckoffGene | None) -> Origin:
        return Origin("prior") if parent is None else Origin("search", self.ids[parent], parent.formula)

    def to_dict(self) -> dict[str, Any]:
        """How many labels there were to ask for."""
        return _asked(self.run.model, self.run.forecast.target)


def candidates(
    forecast: Forecast, genes: Sequence[WyckoffGene], origins: Sequence[Origin], first: int
) -> Iterator[Candidate]:
    """Genes with their predictions, numbered from ``first``."""
    forecast.see(genes)
    for number, (gene, origin) in enumerate(zip(genes, origins, strict=True), start=first):
        yield Candidate(f"g{number:06d}", gene, origin, forecast.predictions(gene))


def _asked(model: OrbitCheckpoint, target: Target) -> dict[str, Any]:
    names, labels = pool_of(model, target)
    return {"asked": list(names), "labels": len(labels), "labels_inside": int(inside(target, names, labels).sum())}
