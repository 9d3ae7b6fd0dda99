"""The geometry model: from a gene to several distinct tries at its crystal, the most probable first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from wyckforge.errors import InvalidGeneError
from wyckforge.models.geometry.drawing import Drafts, draw, volume_mixture
from wyckforge.models.geometry.network import GeometryNetwork
from wyckforge.models.geometry.sequence import Layout, X
from wyckforge.models.geometry.surroundings import Reals
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.parameters import Parameters

MAX_ATOMS, MAX_STEPS = 200, 128
"""Crystals with more atoms in the conventional cell, or more numbers to predict, are not held."""


@dataclass(frozen=True)
class Drawing:
    """How tries are drawn and chosen.

    Attributes:
        drafts: crystals drawn at a time.
        temperature: below 1, what is probable is drawn more often than the model says.
        least_room: shortest distance between two atoms that is accepted, in contact distances.
        coordinate: two drafts are the same try if no coordinate differs by more,
        cell: and no number of the cell (logarithms of volume and ratios) by more.
    """

    drafts: int = 48
    temperature: float = 0.7
    least_room: float = 0.75
    coordinate: float = 0.04
    cell: float = 0.06


@dataclass(frozen=True, eq=False)
class GeometryModel:
    """A trained network with what it needs to draw.

    Attributes:
        network: in evaluation mode, on the processor.
        elements: atomic numbers it knows, ascending.
        contacts: (119, 119) contact distances in Å, by atomic numbers.
        drawing: how tries are chosen.
    """

    network: GeometryNetwork
    elements: tuple[int, ...]
    contacts: Reals
    drawing: Drawing = field(default_factory=Drawing)

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why the model cannot draw a gene, in words, or ``None``."""
        if unknown := set(gene.elements) - set(self.elements):
            return f"{', '.join(symbol(z) for z in sorted(unknown))} was in no crystal that the geometry model learned"
        if not fits(gene):
            return f"{gene.n_atoms} atoms and {gene.degrees_of_freedom} free coordinates are more than it draws"
        return None

    def tries(self, gene: WyckoffGene, *, seed: int, rounds: int = 4) -> Iterator[Parameters]:
        """Distinct tries at the crystal of a gene, the most probable of each round of drafts first.

        Args:
            gene: what to draw; the tries are those of its canonical description.
            seed: same seed, same tries.
            rounds: how often drafts are drawn; each round is warmer than the one before, so that it finds others.

        Raises:
            InvalidGeneError: a gene that the model cannot draw.
        """
        layout = self._layout(gene)
        rng = np.random.default_rng(seed)
        chosen: list[NDArray[np.float64]] = []
        for k in range(rounds):
            drafts = self.draw(gene, self.drawing.drafts, rng, self.drawing.temperature * (1 + 0.25 * k))
            sound = np.flatnonzero((drafts.room >= self.drawing.least_room) & np.isfinite(drafts.log_density))
            for row in sound[np.argsort(-drafts.log_density[sound], kind="stable")]:
                numbers = drafts.numbers[row]
                if not any(self._alike(layout, numbers, other) for other in chosen):
                    chosen.append(numbers)
                    yield layout.parameters(numbers)

    def draw(self, gene: WyckoffGene, n: int, rng: np.random.Generator, temperature: float = 1.0) -> Drafts:
        """n drafts of the crystal of a gene, in its canonical description.

        Raises:
            InvalidGeneError: a gene that the model cannot draw.
        """
        with torch.inference_mode():
            layout, room = self._layout(gene), self.drawing.least_room
            return draw(self.network, self._index, self.contacts, layout, n, rng, temperature, room)

    def expected_volume(self, gene: WyckoffGene) -> float:
        """Volume of the conventional cell in Å³, by the mean of the distribution of its logarithm.

        Raises:
            InvalidGeneError: a gene that the model cannot draw.
        """
        layout = self._layout(gene)
        with torch.inference_mode():
            weights, means, _ = volume_mixture(self.network, self._index, layout)
        return float(layout.atoms_volume * np.exp((np.exp(weights) * means).sum()))

    def _layout(self, gene: WyckoffGene) -> Layout:
        if problem := self.problem(gene):
            raise InvalidGeneError(f"{gene}: {problem}")
        return Layout(gene.canonical())

    def _alike(self, layout: Layout, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
        kinds = np.array([kind for kind, _ in layout.steps])
        apart = one - other
        wrapped = np.abs(apart - np.rint(apart))[kinds >= X]
        cell = np.abs(apart[kinds < X])
        return bool((wrapped <= self.drawing.coordinate).all() and (cell <= self.drawing.cell).all())

    @cached_property
    def _index(self) -> dict[int, int]:
        return {z: place for place, z in enumerate(self.elements)}


def fits(gene: WyckoffGene) -> bool:
    """Whether a gene is of a size that is drawn and learned."""
    return gene.n_atoms <= MAX_ATOMS and len(Layout(gene).steps) <= MAX_STEPS
