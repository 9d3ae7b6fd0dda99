"""A trained OrbitVAE in one folder: generator, predictors, what their uncertainty is worth, and what they saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wyckforge.data.property_scale import PropertyScale
from wyckforge.models.distribution import Distribution
from wyckforge.models.orbitvae.autoencoder import OrbitVAE, condition_of, with_noise
from wyckforge.models.orbitvae.blocks import Tables
from wyckforge.models.orbitvae.exchange import Exchange
from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.models.orbitvae.nearest import nearest_genes
from wyckforge.models.orbitvae.predictor import Predictor
from wyckforge.models.orbitvae.sampling import decode, n_chances
from wyckforge.models.orbitvae.vocabulary import Vocabulary
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.calibration import Calibration, Votes
from wyckforge.train.known import KnownCrystals
from wyckforge.train.orbitvae.storage import read_folder, write_folder
from wyckforge.train.reconstruction import Found, compare_genes

Floats = NDArray[np.float64]
Latents = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class OrbitCheckpoint:
    """A trained OrbitVAE with everything that is needed to use it.

    Attributes:
        name: its name.
        vocabulary: elements and limits.
        autoencoder: the generator.
        predictors: an ensemble; a property is predicted by those that have an output for it.
        scales: of every property, by name.
        calibrations: of the uncertainty of every property, by name, from the validation part.
        errors: mean absolute error of each property on the validation part, physical units.
        known: crystals of the training and validation parts.
        labels: (m, t) labels of training crystals in physical units, NaN where missing: from these the conditional
            prior draws what to ask for inside a target.
        provenance: JSON-ready account of data and training.
        card: model card, Markdown.
    """

    name: str
    vocabulary: Vocabulary
    autoencoder: OrbitVAE
    predictors: tuple[Predictor, ...]
    scales: Mapping[str, PropertyScale]
    calibrations: Mapping[str, Calibration]
    errors: Mapping[str, float]
    known: KnownCrystals
    labels: Floats
    provenance: Mapping[str, Any]
    card: str

    def __post_init__(self) -> None:
        for network in (self.autoencoder, *self.predictors):
            network.eval().requires_grad_(False)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the properties it predicts."""
        return tuple(self.scales)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the properties that its generator can be told."""
        return self.autoencoder.config.targets

    @property
    def first_predictors(self) -> tuple[Predictor, ...]:
        """Networks of the first training: those that predict what the generator can be asked for."""
        first = self.predictors[0].config.outputs
        return tuple(predictor for predictor in self.predictors if predictor.config.outputs == first)

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why the model cannot hold a gene, in words, or ``None``."""
        return self.vocabulary.problem(gene)

    def grammar(self, target: Target | None = None) -> Grammar:
        """The masks under which genes are made: of no more orbits than those it learned from have.

        Raises:
            TargetError: no gene that the model can make meets the hard constraints.
        """
        return self._grammar(target, self.autoencoder.config.max_sites)

    def encode(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> Latents:
        """Posterior means (n, latent) of n genes; all descriptions of one crystal have the same.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """
        parts = []
        with torch.inference_mode():
            for start in range(0, len(genes), batch):
                parts.append(self.autoencoder.encode(self.vocabulary.encode(genes[start : start + batch])).numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.autoencoder.config.latent), np.float32)

    def decode(
        self,
        z: NDArray[np.floating],
        *,
        rng: np.random.Generator | None = None,
        level: float = 0.0,
        wanted: Floats | None = None,
        grammar: Grammar | None = None,
        temperature: float = 1.0,
        guidance: float = 0.0,
        batch: int = 1024,
    ) -> list[WyckoffGene]:
        """One gene for each of n latents (n, latent); every one is valid, and canonical.

        Args:
            z: latents, without noise.
            rng: source of the noise and of the choices; without it there is no noise and the likeliest is chosen.
            level: noise level from 0 (reconstruct) to 1 (the latent is not used).
            wanted: (n, conditions) properties to ask for in physical units, NaN for any.
            grammar: masks of a target, see :meth:`grammar`; every valid gene by default.
            temperature: of the choices.
            guidance: above 0, the properties asked for weigh more than they do in the training crystals, see
                :func:`~wyckforge.models.orbitvae.sampling.decode`; it takes twice the time.
            batch: latents decoded at a time; the result does not depend on it.

        Raises:
            ValueError: a noise level without ``rng``.
        """
        if level and rng is None:
            raise ValueError(f"noise level {level} given without a random generator; give rng")
        latent = np.asarray(z, np.float32)
        grammar = grammar or self._everything
        chances = None
        if rng is not None:
            noise = rng.standard_normal(latent.shape).astype(np.float32)
            latent = with_noise(*map(torch.from_numpy, (latent, np.full(len(z), level, np.float32), noise))).numpy()
            chances = rng.random((len(z), n_chances(grammar.max_sites)))
        return self._decoded(latent, level, wanted, grammar, chances, temperature, guidance, batch)

    def nearest(self, z: NDArray[np.floating], *, batch: int = 1024) -> list[WyckoffGene]:
        """For each of n latents (n, latent), the gene whose encoding is nearest among those that the decoder tries.

        See :func:`~wyckforge.models.orbitvae.nearest.nearest_genes`. The encoding of a gene leads back to it more often
        than by :meth:`decode`, which stays with the likeliest.
        """

        def propose(latents: Latents, chances: Floats | None, temperature: float) -> list[WyckoffGene]:
            return self._decoded(latents, 0.0, None, self._holdable, chances, temperature, 0.0, batch)

        def improve(latent: Latents, gene: WyckoffGene) -> WyckoffGene:
            return self._exchange(latent, gene).canonical()

        return nearest_genes(
            np.asarray(z, np.float32), propose, self.encode, improve, n_chances(self.vocabulary.max_sites)
        )

    def _decoded(
        self,
        latent: Latents,
        level: float,
        wanted: Floats | None,
        grammar: Grammar,
        chances: Floats | None,
        temperature: float,
        guidance: float,
        batch: int,
    ) -> list[WyckoffGene]:
        """Canonical genes of latents with their noise; see :meth:`decode`."""
        genes: list[WyckoffGene] = []
        for start in range(0, len(latent), batch):
            rows = slice(start, start + batch)
            part = torch.from_numpy(latent[rows])
            genes += decode(
                self.autoencoder,
                grammar,
                part,
                torch.full((len(part),), float(level)),
                self._condition(None if wanted is None else wanted[rows], len(part)),
                None if chances is None else chances[rows],
                temperature=temperature,
                guidance=0.0 if wanted is None else guidance,
                tables=self._tables,
            )
        return [gene.canonical() for gene in genes]

    def log_likelihood(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> Floats:
        """(n,) natural logarithm of the probability that the unconditional prior makes the crystal of a gene.

        Summed over the normalizer orbit: over every description in which the decoder could emit it. Of a gene of more
        orbits than are drawn (see :meth:`grammar`), what it would be without that limit.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """
        orbits = [gene.orbit() for gene in genes]
        members = [member for orbit in orbits for member in orbit]
        scores = np.zeros(len(members))
        latent = torch.zeros(1, self.autoencoder.config.latent)
        with torch.inference_mode():
            for start in range(0, len(members), batch):
                part = self.vocabulary.as_given(members[start : start + batch])
                n = len(part.group)
                found = self.autoencoder.score(part, latent.expand(n, -1), torch.ones(n), self._condition(None, n))
                scores[start : start + batch] = found.total.double().numpy()
        owner = np.repeat(np.arange(len(genes)), [len(orbit) for orbit in orbits])
        summed = np.full(len(genes), -np.inf)
        np.logaddexp.at(summed, owner, scores)
        return summed

    def distributions(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> dict[str, Distribution]:
        """The calibrated distribution of every property of n genes, physical units.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """
        votes = self.votes(genes, batch=batch)
        return {name: self.calibrations[name].distribution(votes[name], scale) for name, scale in self.scales.items()}

    def votes(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> dict[str, Votes]:
        """What the networks say about n genes, by property, scaled units: of each, those with an output for it."""
        orbits = self.vocabulary.encode(genes)
        said: dict[str, list[Tensor]] = {name: [] for name in self.scales}
        for predictor in self.predictors:
            columns = predictor.answer(orbits, batch=batch).unbind(2)
            for name, column in zip(predictor.config.outputs, columns, strict=True):
                if name in said:
                    said[name].append(column)
        return {name: Votes(*torch.stack(columns, 1).double().numpy()) for name, columns in said.items()}

    def predict(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> dict[str, Floats]:
        """Properties of n genes in physical units, (n,) each: the values of :meth:`distributions`."""
        return {name: found.value() for name, found in self.distributions(genes, batch=batch).items()}

    def reconstruction(self, genes: Sequence[WyckoffGene]) -> Found:
        """(n,) whether each part of n genes comes back, by the names of :mod:`wyckforge.train.reconstruction`.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """
        return compare_genes(genes, self.nearest(self.encode(genes)))

    def is_known_gene(self, gene: WyckoffGene) -> bool:
        """Whether the crystal or its mirror image was in the training or validation part (up to a hash collision)."""
        return self.known.has_gene(gene)

    def is_known_formula(self, gene: WyckoffGene) -> bool:
        """Whether the reduced formula was in the training or validation part (up to a hash collision)."""
        return self.known.has_formula(gene)

    @cached_property
    def _everything(self) -> Grammar:
        return self.grammar()

    @cached_property
    def _holdable(self) -> Grammar:
        return self._grammar(None, self.vocabulary.max_sites)

    def _grammar(self, target: Target | None, max_sites: int) -> Grammar:
        return Grammar(self.vocabulary.elements, target, max_sites, self.vocabulary.max_elements)

    @cached_property
    def _exchange(self) -> Exchange:
        return Exchange(self.autoencoder, self.vocabulary, self._tables)

    @cached_property
    def _tables(self) -> Tables:
        with torch.inference_mode():
            tables: Tables = self.autoencoder.embedding()
            return tables

    def _condition(self, wanted: Floats | None, n: int) -> Tensor:
        if wanted is None:
            wanted = np.full((n, len(self.conditions)), np.nan)
        scaled = [self.scales[name].transform(wanted[:, k]) for k, name in enumerate(self.conditions)]
        values = torch.from_numpy(np.stack(scaled, 1).astype(np.float32))
        return condition_of(values, torch.ones_like(values, dtype=torch.bool))

    def save(self, folder: Path | str, *, half: bool = False) -> None:
        """Write the folder; ``half`` stores the weights in half precision.

        Raises:
            CheckpointError: a number of the index is not finite.
        """
        write_folder(self, Path(folder), half=half)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a folder of :meth:`save`. Nothing in it is executed.

        Raises:
            CheckpointError: a file is absent, truncated, altered or foreign, the parts contradict each other, or the
                format is of a later version.
        """
        return cls(**read_folder(Path(folder)))
