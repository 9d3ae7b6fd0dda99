"""Genes from the decoder, one orbit at a time, under exact masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wyckforge.models.orbitvae.autoencoder import OrbitVAE
from wyckforge.models.orbitvae.blocks import Block, Tables
from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.models.orbitvae.state import State
from wyckforge.symmetry.gene import WyckoffGene

Chances = NDArray[np.float64]


def n_chances(max_sites: int) -> int:
    """Uniform numbers that :func:`decode` takes for a gene of at most ``max_sites`` orbits."""
    return 2 + 2 * max_sites


@dataclass
class _Running:
    """Genes that are not finished: places among all, what is left of their latents, the past of the decoder.

    With guidance every gene runs twice, told its properties and not told them: the second half of the tensors.
    """

    rows: NDArray[np.int64]
    remainder: Tensor
    kept: Tensor
    condition: Tensor
    pasts: list[Tensor | None]

    @property
    def visible(self) -> Tensor:
        """(n, latent) what the decoder sees of the remainders."""
        return self.kept * self.remainder

    def take(self, keep: NDArray[np.bool_]) -> Self:
        streams = len(self.condition) // len(keep)
        index = torch.from_numpy(np.flatnonzero(np.tile(keep, streams)))
        pasts = [None if past is None else past[:, index] for past in self.pasts]
        return type(self)(self.rows[keep], self.remainder[index], self.kept[index], self.condition[index], pasts)


@torch.inference_mode()
def decode(
    model: OrbitVAE,
    grammar: Grammar,
    z: Tensor,
    level: Tensor,
    condition: Tensor,
    chances: Chances | None,
    *,
    temperature: float = 1.0,
    guidance: float = 0.0,
    tables: Tables | None = None,
) -> list[WyckoffGene]:
    """One gene for each of n latents.

    Every choice is drawn from the decoder's probabilities, restricted to what the grammar allows, by one uniform
    number; without numbers the likeliest is taken. What becomes of a latent does not depend on the others.

    Args:
        model: in evaluation mode.
        grammar: what is allowed.
        z: (n, latent) as the decoder receives them.
        level: (n,) noise levels.
        condition: (n, 4 t) wanted properties, see :func:`~wyckforge.models.orbitvae.autoencoder.condition_of`.
        chances: (n, :func:`n_chances`) uniform numbers in [0, 1), or ``None`` for the likeliest choices.
        temperature: divides the logits; below 1, the likely becomes likelier.
        guidance: γ in p(choice | properties)^(1+γ) / p(choice)^γ; above 0, the properties weigh more than in the
            training crystals. Source: Ho and Salimans, arXiv:2207.12598 (classifier-free guidance).
        tables: vectors of the embedding, made anew if not given.
    """
    tables = tables or model.embedding()
    draw = _Draw(chances, temperature, guidance)
    if guidance:
        z, level = torch.cat([z, z]), torch.cat([level, level])
        condition = torch.cat([condition, torch.zeros_like(condition)])
    running = _Running(
        rows=np.arange(len(z) // draw.streams),
        remainder=z,
        kept=torch.sqrt(1 - level**2)[:, None],
        condition=model.condition(level, condition),
        pasts=[None] * len(model.blocks),
    )
    x = _place(model, running, model.read(running.visible), 0)
    group = draw(model.group_logits(tables, x), grammar.groups()[None], running.rows, 0)
    state = grammar.start(group)
    vector = tables.group[torch.from_numpy(group)].repeat(draw.streams, 1)
    running.remainder = running.remainder - running.kept * model.encode_group(vector)
    sites = torch.cat([torch.zeros(len(z), 2 * vector.shape[1]), vector], -1)
    genes: list[WyckoffGene | None] = [None] * len(running.rows)
    for place in range(grammar.max_sites + 1):
        x = _place(model, running, model.read(running.visible, sites), place + 1)
        group_now = torch.from_numpy(state.group).repeat(draw.streams)
        logits = model.element_logits(tables, x[:, None], running.visible[:, None], group_now)[:, 0]
        element = draw(logits, grammar.element_mask(state), running.rows, 1 + 2 * place)
        stops = element == grammar.stop
        for row, gene in zip(running.rows[stops], grammar.genes(state.take(stops)), strict=True):
            genes[row] = gene
        going = ~stops
        if not going.any():
            break
        running, state, element = running.take(going), state.take(going), element[going]
        x = x[torch.from_numpy(np.tile(going, draw.streams))]
        state, sites = _emit(model, tables, grammar, running, state, element, x, draw, 2 + 2 * place)
    return [gene for gene in genes if gene is not None]


def _emit(
    model: OrbitVAE,
    tables: Tables,
    grammar: Grammar,
    running: _Running,
    state: State,
    element: NDArray[np.int64],
    x: Tensor,
    draw: _Draw,
    column: int,
) -> tuple[State, Tensor]:
    """Choose the letters of orbits of these elements, take the orbits away from the remainders, and go one on."""
    group = torch.from_numpy(state.group).repeat(draw.streams)
    vectors = tables.element[torch.from_numpy(element).repeat(draw.streams)]
    logits = model.letter_logits(tables, x[:, None], running.visible[:, None], vectors[:, None], group)[:, 0]
    letter = draw(logits, grammar.letter_mask(state, element), running.rows, column)
    position = tables.position[model.embedding.index[group, torch.from_numpy(letter).repeat(draw.streams)]]
    running.remainder = running.remainder - running.kept * model.encode_orbit(torch.cat([vectors, position], -1))
    return grammar.advance(state, element, letter), torch.cat([vectors, position, tables.group[group]], -1)


def _place(model: OrbitVAE, running: _Running, read: Tensor, place: int) -> Tensor:
    """(n, d) output of the decoder at the next place."""
    x = (read + model.places(place) + running.condition)[:, None]
    for number, block in enumerate(cast(Iterable[Block], model.blocks)):
        x, running.pasts[number] = block.step(x, running.pasts[number])
    normalised: Tensor = model.normalise(x)
    return normalised[:, 0]


@dataclass(frozen=True)
class _Draw:
    """Choices by given chances."""

    chances: Chances | None
    temperature: float
    guidance: float = 0.0

    @property
    def streams(self) -> int:
        """How often every gene runs."""
        return 2 if self.guidance else 1

    def __call__(
        self, logits: Tensor, allowed: NDArray[np.bool_], rows: NDArray[np.int64], column: int
    ) -> NDArray[np.int64]:
        """(n,) index of the choice of every row of (streams * n, c) logits."""
        if self.guidance:
            told, untold = logits.chunk(2)
            logits = told + self.guidance * (told - untold)
        scores = np.where(allowed, logits.double().numpy() / self.temperature, -np.inf)
        if self.chances is None:
            return np.asarray(scores.argmax(1))
        weights = np.exp(scores - scores.max(1, keepdims=True)).cumsum(1)
        # an allowed choice is taken even where rounding leaves the chance at or above the last sum
        passed = (weights <= self.chances[rows, column][:, None] * weights[:, -1:]).sum(1)
        return np.asarray(np.minimum(passed, np.where(allowed, np.arange(allowed.shape[1]), 0).max(1)))
